"""One request from its hops: attempts, redirects, times."""

import pytest
from builders import HOST, MS, at, errno, go_error, hop, request

from modpulse.agent.tracker.requests import PATH_BYTES


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
    ("made", "unfinished"),
    [
        (request(), True),
        (request(failed=go_error()), False),
        (request(hop(head_at_ns=None)), True),
        (request(hop(status=302)), False),
        (request(hop()), True),
        (request(hop(closed_at_ns=1)), False),
        (request(hop(), failed=go_error()), False),
        (request(hop(status=404)), False),
        (request(hop(), tells_bodies=False), False),
    ],
)
def test_what_is_unfinished(made, unfinished: bool) -> None:
    """An answer is whole once its body was closed, where that is told: from Go 1.21 on."""
    assert made.is_unfinished == unfinished


def test_without_a_head_there_is_no_status() -> None:
    """What was not asked has neither status nor end."""
    assert (request().status, request().closed_at_ns, request().last) == (None, None, None)
    assert request(hop(closed_at_ns=at(3))).closed_at_ns == at(3)


def test_the_url_is_as_it_was_sent() -> None:
    """The kernel side has a decoded path, and cuts a long one: half a URL is none."""
    assert request(path="/a b/m/@v/%41").url() == f"https://{HOST}/a%20b/m/@v/%2541"
    assert request(path="/" + "a" * (PATH_BYTES - 1)).url() is None


def test_an_error_ends_what_was_not_answered() -> None:
    """From then on nothing was waited for; what was answered was not given up."""
    failed = request(hop(status=None, error=errno()))

    assert failed.record().given_up_at_ns == at(2)
    assert request(hop()).record().given_up_at_ns is None
