"""Rules of what a proxy was held responsible for, by minute."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.alerts.ledger import MAX_LEDGER_MINUTES, Ledger, apart

MINUTES = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 9), st.integers(0, 9)), max_size=30
)
SPANS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(sorted).map(tuple), max_size=5
)


@given(MINUTES, SPANS, st.tuples(st.integers(0, 300), st.integers(0, 300)).map(sorted).map(tuple))
def test_sums_are_those_of_the_minutes(minutes, told, span) -> None:
    """Each minute of a span counts once, but for those that others cover."""
    ledger = Ledger()
    minutes.sort()
    for minute, good, bad in minutes:
        ledger.add(minute, good, {"tcp.refused": bad} if bad else {})
    rest = [
        m for m in minutes
        if span[0] <= m[0] < span[1] and not any(a <= m[0] < b for a, b in told)
    ]  # fmt: skip
    found = ledger.sums(span, apart(told))

    assert found == (sum(m[1] for m in rest), sum(m[2] for m in rest))


def test_it_holds_three_days() -> None:
    """What is older goes, its classes too; a gap of years costs nothing."""
    ledger = Ledger()
    ledger.add(0, 1, {"tcp.refused": 2})
    for minute in range(60, MAX_LEDGER_MINUTES + 120, 60):
        ledger.add(minute, 1, {"http.5xx": 1})

    assert ledger.first == 61
    assert ledger.of_class("tcp.refused", 0, 10**6) == 0
    assert ledger.top_class(0) == ("http.5xx", True)
    ledger.add(10**7, 5, {})
    assert (ledger.first, ledger.last) == (10**7, 10**7)
    assert ledger.sums((0, 10**8)) == (5, 0)


def test_what_is_too_old_is_left_out() -> None:
    """A minute before the first that is held moves nothing."""
    ledger = Ledger()
    ledger.add(100, 1, {})
    ledger.add(99, 1, {})

    assert ledger.sums((0, 200)) == (1, 0)
