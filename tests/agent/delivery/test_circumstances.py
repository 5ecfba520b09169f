"""Rules of what there is beside a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import CIRCUMSTANCES
from modpulse.agent.batch.sketch import Sketch
from modpulse.agent.delivery.circumstances import Beside, by_circumstance


def beside(at: int, end: int, outcome: str = "ok", again: bool | None = False) -> Beside:
    """Return a request."""
    return Beside(at, end, outcome, 7 if outcome == "ok" else None, again)


def counts(*requests: Beside) -> dict[str, int]:
    """Return how many are in each row."""
    return {row.name: row.ok + row.misses for row in by_circumstance(requests)}


def test_in_flight() -> None:
    """A request counts among those that run when it begins, itself included."""
    one_by_one = [beside(10 * n, 10 * n + 10, again=None) for n in range(30)]
    at_once = [beside(n, 1000, again=None) for n in range(70)]

    assert counts(*one_by_one) == {"in_flight_1": 30}
    assert counts(*at_once) == {
        "in_flight_1": 4, "in_flight_5": 12, "in_flight_17": 48, "in_flight_65": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("running", "name"),
    [
        (4, "in_flight_1"),
        (5, "in_flight_5"),
        (16, "in_flight_5"),
        (17, "in_flight_17"),
        (64, "in_flight_17"),
        (65, "in_flight_65"),
    ],
)
def test_borders(running: int, name: str) -> None:
    """1 to 4, 5 to 16, 17 to 64, and more."""
    before = [beside(0, 1000, "miss", None) for _ in range(running - 1)]
    last = by_circumstance([*before, beside(1, 2, again=None)])

    assert [row.name for row in last if row.ok] == [name]


def test_first_and_again() -> None:
    """What names no module is in neither row; each row has its outcomes and its times."""
    rows = by_circumstance([beside(0, 1), beside(2, 3, again=True), beside(4, 5, "http.5xx"),
                            beside(6, 7, again=None)])  # fmt: skip
    again, first, _ = rows

    assert (first.name, first.ok, first.failures) == ("fetch_first", 1, {"http.5xx": 1})
    assert (again.name, again.ok, again.sketch) == ("fetch_again", 1, Sketch({7: 1}).to_bytes())


@given(st.lists(st.builds(beside, st.integers(0, 20), st.integers(0, 40))))
def test_each_request_is_once_in_either_half(requests: list[Beside]) -> None:
    """Whatever runs beside what, all are told once by load and once by novelty."""
    rows = by_circumstance(requests)

    assert {row.name for row in rows} <= set(CIRCUMSTANCES)
    for kind in ("in_flight", "fetch"):
        of_kind = sum(row.ok for row in rows if row.name.startswith(kind))
        assert of_kind == len(requests)
