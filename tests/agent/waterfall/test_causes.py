"""Why it failed: each cause once, in the order of the roots."""

import stories

from modpulse.agent.waterfall.causes import MAX_CAUSES, causes
from modpulse.agent.waterfall.rows import rows_of
from modpulse.agent.waterfall.style import Style


def lines(*requests, **style):
    document = stories.document(requests=requests)
    return causes(rows_of(document), document, Style(**style))


def asked(number, host, cls, final="stopped", **fields):
    proxy = f"https://{host}"
    failed = stories.failed(cls, f"evidence {number}", fields.pop("culprit", host))
    return stories.request(
        number, proxy, "mod", "m", "v1", number, (0, 1, 0), None, final=final, failure=failed,
        **fields,
    )  # fmt: skip


def test_nothing_failed():
    """Without a failure nothing is said."""
    assert lines() == []


def test_the_same_cause_is_said_once():
    """A proxy that is down fails often, but for one reason."""
    found = lines(*(asked(i, "a.corp", "tcp.refused") for i in range(9)))

    assert found[0] == "HTTPS     tcp.refused: evidence 0 (\N{MULTIPLICATION SIGN} 9)"
    assert len(found) == 3


def test_no_command_is_better_than_half_of_one():
    """A command that is too long to print whole is not printed."""
    found = lines(asked(1, "a" * 3000, "http.5xx"))

    assert not any(line.strip().startswith("$") for line in found)


def test_causes_are_bounded():
    """More causes than one can read are counted."""
    found = lines(*(asked(i, f"{i}.corp", "tcp.refused") for i in range(MAX_CAUSES + 7)))

    assert found[-1] == "and 7 other causes"


def test_what_go_did_next_is_said():
    """Stopped, fell through, cancelled or still waiting."""
    found = [
        lines(asked(1, "a.corp", "tcp.refused", final))[1].strip()
        for final in ("stopped", "fell_through", "cancelled", None)
    ]

    assert found == [
        "a.corp: go stopped here",
        "a.corp: the next entry of GOPROXY was asked",
        "a.corp: the command ended first",
        "a.corp: still waiting for an answer",
    ]


def test_the_http_proxys_failure_is_not_the_module_proxys():
    """A failure on the way says so."""
    found = lines(asked(1, "a.corp", "tcp.refused", culprit="http-proxy.corp"))

    assert found[1].strip() == "on the way to a.corp, not its fault: go stopped here"
