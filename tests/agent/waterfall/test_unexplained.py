"""The last resort says what was fine, and what was not watched."""

import dataclasses

import pytest
import stories

from modpulse.agent.records.records import ChainEntry
from modpulse.agent.waterfall.unexplained import unexplained

MISS = {"status": 404, "final": "stopped"}


def asked(number, **fields):
    status = fields.pop("status", 200)
    return stories.request(
        number, stories.CORP, "mod", "m", "v1", number, (0, 1, 0), status, **fields
    )


def told(*requests, **process):
    made = stories.process(9, **({"exit_code": 1} | process))
    document = stories.document(exit_code=1, processes=(made,), requests=requests)
    return unexplained([made], document)


def test_the_network_was_fine():
    """Requests that were answered are no reason."""
    reason = told(asked(1), asked(2))

    assert reason.words == (
        "go mod download ended with exit code 1, and what it asked was answered: 2 requests"
    )
    assert "What it printed says why" in reason.advice[0]


def test_misses_are_of_the_protocol():
    """They are counted, for a reader wonders."""
    assert told(asked(1), asked(2, **MISS)).words.endswith(
        "was answered: 2 requests, 1 of them with 404 or 410, as where go guesses"
    )


def test_what_was_made_good():
    """A failure above is not the reason."""
    failed = stories.failed("http.5xx", "", "goproxy.corp")

    assert "made good" in told(asked(1, status=500, failure=failed), asked(2)).words


def test_nothing_was_asked():
    """A compiler needs no network; what is no `go` may have asked, and is not watched."""
    assert told().words.endswith("and no `go` asked anything of the network")


def test_another_go_asked():
    """Then that is not said of all."""
    elsewhere = dataclasses.replace(asked(1), pid=7)

    assert told(elsewhere).words.endswith("and this `go` asked nothing of the network")


def test_what_was_not_answered():
    """A request under way when another thing ended the command."""
    assert told(asked(1), asked(2, status=None, final="cancelled")).words.endswith(
        "and 1 of 2 requests were answered before it ended"
    )


@pytest.mark.parametrize("command", ["test", "run", "generate", "tool"])
def test_programs_are_not_watched(command):
    """What `go` runs for its user may ask the network, too."""
    reason = told(argv=("go", command, "."))

    assert f"Never watched: what `go {command}` ran" in reason.advice[1]


def test_git_says_it():
    """Where the chain begins with `direct`, `go` itself asks nothing."""
    reason = told(goproxy=(ChainEntry("direct", None),))

    assert "says why: git, a compiler" in reason.advice[0]
    assert "Never watched: hg" in reason.advice[1]


def test_not_watched():
    """Nothing is claimed of a network that was not seen."""
    reason = told(armed_at_ns=None)

    assert "network" not in reason.words
    assert reason.advice[0].startswith("Never watched")


def test_memory():
    """What the kernel killed meanwhile may be a compiler."""
    made = stories.process(9, exit_code=1)
    document = stories.document(exit_code=1, processes=(made,), oom_kills=1)

    assert "killed 1 process" in unexplained([made], document).advice[-1]


def test_a_crash():
    """Go's runtime ends with 2 and prints why."""
    reason = told(exit_code=2, ended_by="crash")

    assert "crashed" in reason.words


@pytest.mark.parametrize(
    ("processes", "words"),
    [
        ((), "no `go` ran below"),
        ((stories.process(9, 0),), "no `go` below this command failed"),
        ((stories.process(9, None),), "how `go` ended below this command was not seen"),
    ],
)
def test_another_program_failed(processes, words):
    """Where no go failed, that is what is known."""
    document = stories.document(exit_code=3, processes=processes)

    assert words in unexplained([], document).words
