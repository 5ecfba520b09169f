"""One request from its hops: attempts, redirects, times, and what became of it."""

import pytest
from builders import MOD, MS, at, chain, go_error, hop, request

from modpulse.agent.tracker.requests import open_request

TWO = chain(("https://proxy.test", ","), ("https://second.test", None))
PIPE = chain(("https://proxy.test", "|"), ("https://second.test", None))
OFF = chain(("https://proxy.test", ","), ("off", None))
LAST = chain(("https://proxy.test", None))
SUPPORTED = "/sumdb/sum.golang.org/supported"
LOOKUP = "/sumdb/sum.golang.org/lookup/m@v1.0.0"
FAILED = {"failure": object()}


def test_times() -> None:
    """Waiting, processing and transfer make up the whole life of a plain request."""
    record = request(hop(0, closed_at_ns=at(7))).record()

    assert (record.connect_wait_ns, record.processing_ns, record.transfer_ns) == (
        MS, MS, 5 * MS,
    )  # fmt: skip
    assert (record.attempts, record.redirects, record.status) == (1, (), 200)


def test_nothing_seen_is_nothing_told() -> None:
    """Without a hop there is no time, status or connection, not even 0."""
    record = request().record()

    assert (record.connect_wait_ns, record.processing_ns, record.transfer_ns) == (None,) * 3
    assert (record.status, record.connection, record.reused, record.body_bytes) == (None,) * 4


def test_an_error_is_no_first_byte() -> None:
    """The return of a failed round trip is not a response head."""
    record = request(hop(status=None, error=go_error(text="EOF"))).record()

    assert (record.connect_wait_ns, record.processing_ns) == (MS, None)


def test_doubled_4xx() -> None:
    """The second answer of Go 1.24, where it is the same, only repeats the first."""
    record = request(hop(0, 404), hop(10, 404, closed_at_ns=at(20))).record()

    assert (record.status, record.attempts, record.processing_ns) == (404, 2, MS)


@pytest.mark.parametrize(
    ("second", "status"),
    [(hop(10, 200), 200), (hop(10, None, head_at_ns=None), 401)],
)
def test_asked_again_with_credentials(second, status: int) -> None:
    """A better second answer counts; one that never came leaves the first."""
    record = request(hop(0, 401), second).record()

    assert (record.status, record.attempts) == (status, 2)


def test_redirect() -> None:
    """A redirect names where it was sent on to, and waits twice."""
    record = request(hop(0, 302), hop(2, 200, "storage.test", cookie=9)).record()

    assert (record.redirects, record.attempts, record.connection) == (("storage.test",), 1, 9)
    assert (record.connect_wait_ns, record.processing_ns) == (2 * MS, 2 * MS)


def test_waiting_that_has_not_ended_is_not_known() -> None:
    """A sum with a missing part is missing."""
    record = request(hop(0, 302), hop(2, None, in_hand_at_ns=None, head_at_ns=None)).record()

    assert record.connect_wait_ns is None


@pytest.mark.parametrize(
    ("made", "answered", "unfinished"),
    [
        (request(), False, True),
        (request(operation_error=go_error()), False, False),
        (request(hop(head_at_ns=None)), False, True),
        (request(hop(status=302)), False, False),
        (request(hop()), True, True),
        (request(hop(closed_at_ns=1)), True, False),
        (request(hop(), operation_error=go_error()), True, False),
        (request(hop(status=404)), True, False),
    ],
)
def test_how_far_it_went(made, answered: bool, unfinished: bool) -> None:
    """An answer is a head that is no redirect; it is whole once its body was closed."""
    assert made.is_answered == answered
    assert made.is_unfinished(sees_bodies=True) == unfinished


def test_without_a_head_there_is_no_status() -> None:
    """What was not asked has neither status nor end."""
    assert (request().status, request().closed_at_ns, request().last) == (None, None, None)
    assert request(hop(closed_at_ns=at(3))).closed_at_ns == at(3)


def test_old_releases_do_not_tell_of_bodies() -> None:
    """Up to Go 1.20 a head is all that can be waited for."""
    assert not request(hop()).is_unfinished(sees_bodies=False)


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
        (TWO, 200, {"rejected": ("checksum.gosum", "")}, "stopped"),
        (TWO, None, {}, "cancelled"),
    ],
)
def test_what_go_did_next(entries, status, fields, final: str) -> None:
    """`,` goes on after a miss only, `|` after anything, `off` and the last entry never."""
    made = request(hop(status=status), chain=entries, **fields)

    assert made.final_of(entries, None, ended=False, sees_bodies=True) == final


def test_the_end_of_the_process_cancels() -> None:
    """What was under way when the process ended is nobody's failure; what was whole counts."""
    assert request(hop()).final_of(LAST, None, ended=True, sees_bodies=True) == "cancelled"
    assert request(hop(closed_at_ns=1)).final_of(LAST, None, True, sees_bodies=True) == "ok"
    assert request(hop()).final_of(LAST, None, ended=True, sees_bodies=False) == "ok"


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

    assert made.final_of(None, then, ended=False, sees_bodies=True) == final
    assert made.final_of(None, None, ended=False, sees_bodies=True) == "stopped"
