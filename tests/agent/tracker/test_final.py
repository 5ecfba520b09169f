"""What `go` did after a request, by its chain, its next request, and its end."""

import pytest
from builders import MOD, at, chain, hop, request

from modpulse.agent.tracker.cause import Cause
from modpulse.agent.tracker.final import final_of
from modpulse.agent.tracker.requests import open_request

TWO = chain(("https://proxy.test", ","), ("https://second.test", None))
PIPE = chain(("https://proxy.test", "|"), ("https://second.test", None))
OFF = chain(("https://proxy.test", ","), ("off", None))
LAST = chain(("https://proxy.test", None))
SUPPORTED = "/sumdb/sum.golang.org/supported"
LOOKUP = "/sumdb/sum.golang.org/lookup/m@v1.0.0"
FAILED = {"failure": object()}


@pytest.mark.parametrize(
    ("entries", "status", "fields", "final"),
    [
        (TWO, 200, {}, "ok"),
        (TWO, 404, {}, "fell_through"),
        (TWO, 410, {}, "fell_through"),
        (TWO, 503, FAILED, "stopped"),
        (PIPE, 503, FAILED, "fell_through"),
        (PIPE, 404, {}, "fell_through"),
        (OFF, 404, {}, "stopped"),
        (LAST, 404, {}, "stopped"),
        (LAST, 503, FAILED, "stopped"),
        (TWO, 404, {"path": LOOKUP}, "stopped"),
        (TWO, 404, {"path": SUPPORTED}, "fell_through"),
        (LAST, 404, {"path": SUPPORTED}, "fell_through"),
        (PIPE, 503, {"path": SUPPORTED} | FAILED, "fell_through"),
        (PIPE, 503, {"path": LOOKUP} | FAILED, "stopped"),
        (TWO, 200, {"refused": Cause("checksum.gosum", "")}, "stopped"),
        (TWO, None, {}, "cancelled"),
    ],
)
def test_what_go_did_next(entries, status, fields, final: str) -> None:
    """`,` goes on after a miss only, `|` after anything, `off` and the last entry never."""
    made = request(hop(status=status), chain=entries, **fields)

    assert final_of(made, entries, None, ended=False) == final


@pytest.mark.parametrize(
    ("made", "final"),
    [
        (request(hop()), "cancelled"),
        (request(hop(closed_at_ns=1)), "ok"),
        (request(hop(), tells_bodies=False), "ok"),
    ],
)
def test_the_end_of_the_process_cancels(made, final: str) -> None:
    """What was under way when the process ended is nobody's failure; what was whole counts."""
    assert final_of(made, LAST, None, ended=True) == final


def test_an_answer_that_says_no() -> None:
    """A page that leads to no repository ends the command, without a cause against anybody."""
    made = request(hop(closed_at_ns=1))
    made.refused(None, 2)

    assert final_of(made, LAST, None, ended=True) == "stopped"


@pytest.mark.parametrize(
    ("host", "path", "final"),
    [
        ("second.test", MOD, "fell_through"),
        ("proxy.test", MOD, "stopped"),
        ("second.test", "/other.test/m/@v/list", "stopped"),
    ],
)
def test_an_unknown_chain_shows_in_the_next_request(host: str, path: str, final: str) -> None:
    """Where the chain was not read, the same question at another proxy is a fall-through."""
    made = request(hop(status=404))
    then = open_request(made.pid, made.goid, at(9), "https", host, path, None)

    assert final_of(made, None, then, ended=False) == final
    assert final_of(made, None, None, ended=False) == "stopped"
