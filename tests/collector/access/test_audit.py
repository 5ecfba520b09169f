"""Rules of how many attempts are written down."""

from modpulse.collector.access.audit import MAX_REFUSED, Attempts

MINUTE_NS = 60 * 10**9


def test_a_flood_is_counted() -> None:
    """Of a minute so many attempts are written, the others counted; the next begins anew."""
    attempts = Attempts()
    written = [attempts.admits(False, 7 * MINUTE_NS + n) for n in range(100)]

    assert written == [True] * MAX_REFUSED + [False] * (100 - MAX_REFUSED)
    assert attempts.unwritten == 100 - MAX_REFUSED
    assert attempts.admits(False, 8 * MINUTE_NS)


def test_strangers_hide_nobody() -> None:
    """However often strangers try, what somebody with a token tries is written."""
    attempts = Attempts()
    for n in range(100):
        attempts.admits(False, n)

    assert attempts.admits(True, 100)
