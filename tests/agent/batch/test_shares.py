"""Rules of shares: outcomes by what requests have in common."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import MISS, NOT_FAILURES, OK, SUSPECT, Outcomes
from modpulse.agent.batch.shares import OTHER, Shares
from modpulse.agent.batch.sketch import Sketch, bucket_of

OUTCOMES = (OK, MISS, SUSPECT, "tcp.refused", "http.5xx")


def row(name: str, sketch: Sketch | None = None, **fields) -> Outcomes:
    """What is in a batch."""
    return Outcomes(name=name, sketch=(sketch or Sketch()).to_bytes(), **fields)


def test_each_outcome_has_its_place() -> None:
    """Answers, misses, suspect misses, failures by class; times of answers alone."""
    shares = Shares(4)
    for outcome in (OK, OK, MISS, SUSPECT, "tcp.refused"):
        shares.count("b", outcome, bucket_of(1_000_000))
    shares.count("a", OK)
    shares.time("b", 2_000_000)
    timed = Sketch()
    for ns in (1_000_000, 1_000_000, 2_000_000):
        timed.add(ns)

    assert shares.rows() == (
        row("a", ok=1),
        row("b", timed, ok=2, misses=1, suspect_misses=1, failures={"tcp.refused": 1}),
    )


def test_what_finds_no_room_is_other() -> None:
    """The first names have rows of their own, all others one together, also one of that name."""
    shares = Shares(3)
    for name in ("a", "b", "c", "d", "a", OTHER):
        shares.count(name, OK)

    assert [(row.name, row.ok) for row in shares.rows()] == [("a", 2), ("b", 1), (OTHER, 3)]


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from([*"abcdef", OTHER]), st.sampled_from(OUTCOMES))),
)
def test_sums_are_right(most: int, counted: list[tuple[str, str]]) -> None:
    """Whatever is counted, there are no more rows than that, and all of it is in them."""
    shares = Shares(most)
    for name, outcome in counted:
        shares.count(name, outcome)
    rows = shares.rows()
    summed = Counter[str]()
    for found in rows:
        summed += Counter({OK: found.ok, MISS: found.misses, SUSPECT: found.suspect_misses})
        summed += Counter(found.failures)
        assert set(found.failures).isdisjoint(NOT_FAILURES)

    assert len(rows) <= most
    assert summed == Counter(outcome for _, outcome in counted)
