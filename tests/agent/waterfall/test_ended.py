"""What was ended, by what, and what it waited for."""

import pytest
import stories

from modpulse.agent.waterfall.ended import command_of, killed, signal_name


def ended(*requests, **fields):
    process = stories.process(4000, None, ended_by="signal")
    known = {"exit_code": None, "signal": 15, "ended_at_ns": stories.at(4000)}
    return killed(
        stories.document(**({"processes": (process,), "requests": requests} | known | fields))
    )


def waiting(**fields):
    return stories.request(
        1, stories.CORP, "mod", "m", "v1", 0, (1, None, None), None, final="cancelled", **fields
    )


def sending(status=None, **fields):
    return stories.request(
        1, stories.CORP, "mod", "m", "v1", 0, (1, 1, None), status, final="cancelled", **fields
    )


def test_by_its_signal():
    """Its name, and how long it ran."""
    (reason,) = ended()

    assert reason.words == "the command was ended by SIGTERM after 4.00 s"
    assert reason.advice == ("Nothing on the network was waited for.",)


def test_what_it_waited_for():
    """The request under way has the failure that says so."""
    stalled = stories.failed("http.stalled", "had not answered", "goproxy.corp")
    (reason,) = ended(waiting(failure=stalled))
    (quick,) = ended(waiting())

    assert reason.advice[0] == "It waited for an answer: see http.stalled of goproxy.corp above."
    assert quick.advice[0] == "1 request had no answer yet; the first was asked 4.00 s before."


def test_what_was_still_sending():
    """An answer that had begun is told with what had come, not as one that was not there."""
    head = {"status": 200, "connection": 7, "body_bytes": 5000}
    made = stories.connection(7, "goproxy.corp", 0, 1, bytes_in=1300)
    (reason,) = ended(sending(**head), connections=(made,))
    (unknown,) = ended(sending(status=200))
    (both,) = ended(sending(**head), waiting(), connections=(made,))
    (many,) = ended(*[sending(status=200)] * 5)
    (sent_on,) = ended(sending(status=200, redirects=("storage.corp",)))

    told = "goproxy.corp was still sending m mod; 1.3 kB so far on its connection"
    assert reason.advice[0] == f"{told}; its body has 5.0 kB."
    assert unknown.advice[0] == "goproxy.corp was still sending m mod."
    assert [both.advice[0].startswith(told), both.advice[1][:9]] == [True, "1 request"]
    assert many.advice[3] == "2 more were still sending."
    assert sent_on.advice[0].startswith("storage.corp was")


@pytest.mark.parametrize(
    ("signal", "oom_kills", "words"),
    [
        (9, 0, "does not tell who sent it"),
        (9, 2, "killed 2 processes of this machine for want of memory"),
        (9, None, "does not tell who sent it"),
    ],
)
def test_who_may_have_sent_it(signal, oom_kills, words):
    """The kernel counts what it kills for want of memory; nobody else tells."""
    (reason,) = ended(signal=signal, oom_kills=oom_kills)

    assert words in reason.advice[-1]


@pytest.mark.parametrize(
    ("code", "words"),
    [(124, "that of timeout(1)"), (137, "a shell's for SIGKILL"), (2, "after 4.00 s")],
)
def test_below_another_command(code, words):
    """Its parent knows the signal, and may tell it by its own exit code."""
    (reason,) = ended(signal=None, exit_code=code)

    assert reason.words.startswith("go mod download was ended by a signal, or crashed")
    assert reason.words.endswith(words)


def test_help_is_not_ended():
    """The one command of `go` that returns without an exit of its own."""
    helped = stories.process(10, None, ended_by="signal", argv=("go", "help"))

    assert killed(stories.document(exit_code=1, processes=(helped,))) == []


def test_names():
    """What has no name has its number."""
    assert (signal_name(9), signal_name(63)) == ("SIGKILL", "signal 63")
    assert command_of(stories.process(argv=("/go/bin/go", "-C", "test", "./..."))) == "go test"
