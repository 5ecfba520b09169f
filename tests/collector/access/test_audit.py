"""Rules of how many attempts are written down."""

from modpulse.collector.access.audit import MAX_REFUSED, Attempts

MINUTE_NS = 60 * 10**9


def test_a_flood_is_counted() -> None:
    """One caller has half of what is written in a minute, the rest is counted; the next is new."""
    attempts = Attempts()
    written = [attempts.admits("token a", 7 * MINUTE_NS + n) for n in range(100)]

    assert written == [True] * (MAX_REFUSED // 2) + [False] * (100 - MAX_REFUSED // 2)
    assert attempts.unwritten == 100 - MAX_REFUSED // 2
    assert attempts.admits("token a", 8 * MINUTE_NS)


def test_nobody_hides_another() -> None:
    """However often strangers and some callers try, what the next one tries is written."""
    attempts = Attempts()
    for who in ("", "token a", "token b", "token c"):
        for n in range(100):
            attempts.admits(who, n)

    assert attempts.admits("token d", 100)
