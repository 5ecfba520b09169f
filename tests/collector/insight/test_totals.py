"""Rules of what each proxy did since the process began."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.batch.sketch import Sketch
from modpulse.collector.insight.totals import Totals
from modpulse.collector.intake.cells import Cell
from modpulse.collector.intake.dimensions import MAX_SITES, OTHER
from modpulse.collector.intake.rollup import Rollup

PROXY = "https://proxy.example"
MINUTES = st.lists(
    st.dictionaries(st.sampled_from(["ok", "miss", "tcp.refused"]), st.integers(1, 50)), max_size=6
)


def rolled(start_s: int, counts: dict[str, int], **sites: int) -> Rollup:
    """A roll-up of one minute: counts of the proxy, and answers by site."""
    rollup = Rollup(batches=1)
    rollup.counts.update({(PROXY, start_s, name): count for name, count in counts.items()})
    rollup.sketches[PROXY, start_s, FIRST_BYTE] = {-32: sum(counts.values())}
    rollup.parts[PROXY, start_s, "site"] = {
        site: Cell(Counter(ok=count), [(FIRST_BYTE, Sketch({-32: count}).to_bytes())])
        for site, count in sites.items()
    }
    return rollup


@given(MINUTES)
def test_it_is_the_sum_of_all_roll_ups(minutes: list[dict[str, int]]) -> None:
    """Whatever minute a count belongs to, it is counted once."""
    totals = Totals()
    for at, counts in enumerate(minutes):
        totals.add(rolled(60 * at, counts))
    expected = sum((Counter(counts) for counts in minutes), Counter())

    whole = totals.of[PROXY].whole if minutes else None
    assert totals.batches == len(minutes)
    assert whole is None or +whole.counts == expected
    assert whole is None or whole.durations[FIRST_BYTE][-32] == expected.total()


def test_a_value_beyond_the_bound_is_other() -> None:
    """Sums stay right where a fleet has more sites than are told by name."""
    totals = Totals()
    names = [f"site-{number}" for number in range(MAX_SITES + 5)]
    for name in names:
        totals.add(rolled(0, {"ok": 2}, **{name: 2}))
    held = totals.of[PROXY].parts["site"]

    assert len(held) == MAX_SITES + 1
    assert held[OTHER].counts["ok"] == 10
    assert sum(total.durations[FIRST_BYTE][-32] for total in held.values()) == 2 * len(names)


def test_what_is_pushed_out_is_let_go() -> None:
    """A proxy that the fleet holds no more takes no place here."""
    totals = Totals()
    totals.add(rolled(0, {"ok": 1}))
    totals.forget([PROXY, "https://never.example"])

    assert totals.of == {}
