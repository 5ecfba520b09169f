"""Rules of what an answer means and when to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.delivery.retry import (
    Reply,
    Verdict,
    next_attempt,
    parse_reply,
    parse_retry_after,
    verdict_on,
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Reply(202), Verdict.DELIVERED),
        (Reply(200, is_duplicate=True), Verdict.DELIVERED),
        (Reply(400), Verdict.POISON),
        (Reply(413), Verdict.POISON),
        (Reply(415), Verdict.POISON),
        (Reply(401), Verdict.REFUSED),
        (Reply(403), Verdict.REFUSED),
        (Reply(408), Verdict.BUSY),
        (Reply(429), Verdict.BUSY),
        (Reply(500), Verdict.BUSY),
        (Reply(503), Verdict.BUSY),
        # Not our collector: a wrong URL, a portal. Nothing may be lost to it.
        (Reply(200), Verdict.REFUSED),
        (Reply(204), Verdict.REFUSED),
        (Reply(302), Verdict.REFUSED),
        (Reply(404), Verdict.REFUSED),
        (Reply(405), Verdict.REFUSED),
    ],
)
def test_judge(answer: Reply, expected: Verdict) -> None:
    """Only what the collector says of a batch itself removes it from the spool."""

    assert expected is verdict_on(answer)


@pytest.mark.parametrize(
    ("verdict", "failures", "retry_after", "jitter", "expected"),
    [
        (Verdict.DELIVERED, 0, None, 0.9, 0.0),
        (Verdict.POISON, 3, 60.0, 0.9, 0.0),
        (Verdict.REFUSED, 1, None, 0.0, 120.0),
        (Verdict.REFUSED, 9, 1.0, 0.5, 90.0),
        (None, 1, None, 0.0, 1.0),
        (None, 2, None, 0.0, 2.0),
        (None, 3, None, 0.5, 3.0),
        (None, 7, None, 0.0, 60.0),
        (None, 10**9, None, 0.0, 60.0),
        (Verdict.BUSY, 2, None, 0.0, 2.0),
        (Verdict.BUSY, 1, 2.0, 0.0, 2.0),
        (Verdict.BUSY, 1, 2.0, 1.0, 3.5),
        (Verdict.BUSY, 9, 0.0, 0.5, 0.5),
        (Verdict.BUSY, 1, 1e12, 0.0, 3600.0),
        (Verdict.BUSY, 1, -5.0, 0.0, 0.0),
    ],
)
def test_next_attempt(
    verdict: Verdict | None,
    failures: int,
    retry_after: float | None,
    jitter: float,
    expected: float,
) -> None:
    """Doubling from 1 s to 60 s without an answer, slow when refused, as asked when busy."""

    assert expected == next_attempt(verdict, failures, retry_after, jitter)


@given(
    st.sampled_from([None, *Verdict]),
    st.integers(1, 1 << 70),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1, exclude_max=True),
)
def test_waits_are_bounded(
    verdict: Verdict | None, failures: int, retry_after: float | None, jitter: float
) -> None:
    """Whatever happens, the next attempt is at most 76 min away, and not before its time."""
    wait = next_attempt(verdict, failures, retry_after, jitter)

    assert 0 <= wait <= 1.25 * 3600 + 1
    if verdict is Verdict.BUSY and retry_after is not None:
        assert wait >= min(retry_after, 3600.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 1970 00:20:00 GMT", 200.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1e9", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_retry_after(text: str, expected: float | None) -> None:
    """RFC 9110 section 10.2.3: seconds or a date, here at second 1000."""

    assert expected == parse_retry_after(text, 1000.0)


@given(st.integers(100, 999), st.none() | st.text(), st.binary())
def test_any_answer_is_read(status: int, retry_after: str | None, body: bytes) -> None:
    """Whatever headers and body hold, an Reply comes out."""

    assert parse_reply(status, retry_after, body, 0.0).status == status


@pytest.mark.parametrize("body", [b"[" * 60000, b'{"duplicate": 1}', b"[]", b'"duplicate"', b""])
def test_a_body_that_is_not_ours(body: bytes) -> None:
    """Only the JSON object with `duplicate` true says that a batch is known."""

    assert not parse_reply(200, None, body, 0.0).is_duplicate
