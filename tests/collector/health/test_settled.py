"""Rules of what a proxy is held responsible for, slot by slot."""

from collections.abc import Iterator

from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.collector.health.evidence import SLOT_NS
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.health.settled import SETTLED_NS
from modpulse.collector.intake.arrival import Arrival, Counts

SLOT = T0_NS // SLOT_NS


def played(*windows: list[Arrival]) -> dict[int, Counts]:
    """What SICK is held responsible for, by slot after T0, of windows of 10 s each."""
    fleet = Fleet(Formula(), Rules(), float)
    found: dict[int, Counts] = {}
    for number in range(len(windows) + SETTLED_NS // SLOT_NS + 1):
        for one in windows[number] if number < len(windows) else ():
            fleet.merge(one)
        for report in fleet.evaluate(T0_NS + (number + 1) * 10 * S):
            if report.proxy == SICK:
                for slot, counts in report.settled:
                    assert slot - SLOT not in found, "a slot is told once"
                    found[slot - SLOT] = counts
    return found


def saw(number: int, agent_id: str, *seen: object) -> Arrival:
    """One agent's batch of window `number`."""
    return arrival(*seen, end_ns=T0_NS + number * 10 * S + 5 * S, agent_id=agent_id)  # type: ignore[arg-type]


def failures(counts: dict[int, Counts]) -> list[int]:
    """By slot, oldest first."""
    return [counts[slot].failed for slot in sorted(counts)]


def test_each_slot_is_told_once_when_it_is_complete() -> None:
    """Whatever arrives within 30 s of its end is in it."""
    late = saw(0, "build-2", sighting(SICK, ok=4))
    counts = played(
        [saw(0, "build-1", sighting(SICK, ok=5, failures={"http.5xx": 1}))],
        [late],
        [saw(2, "build-1", sighting(SICK, ok=7))],
    )

    assert [(slot, c.ok, c.failed) for slot, c in sorted(counts.items())] == [(0, 9, 1), (2, 7, 0)]


def a_minute(of: str, *others: str, served: int = 6) -> Iterator[list[Arrival]]:
    """Six windows in which one host is served nothing, others are."""
    for number in range(6):
        seen = sighting(SICK, failures={"tcp.timeout": 4})
        rest = [saw(number, other, sighting(SICK, ok=served)) for other in others if served]
        yield [saw(number, of, seen), *rest]


def test_a_host_that_is_served_nothing_while_others_are() -> None:
    """It is the host's own trouble, also where it is over before a state would say so."""
    counts = played(*list(a_minute("build-1", "build-2", "build-3"))[:2])

    assert failures(counts) == [0, 0]


def fleet_of(number: int, served: int, refused: int) -> list[Arrival]:
    """One window of hosts of which some are served, and some are not."""
    well = [saw(number, f"well-{n}", sighting(SICK, ok=6)) for n in range(served)]
    bad = sighting(SICK, failures={"tcp.timeout": 4})
    return [*well, *(saw(number, f"bad-{n}", bad) for n in range(refused))]


def test_few_hosts_of_many() -> None:
    """Up to a tenth of the hosts may have troubles of their own at the same time."""
    counts = played(fleet_of(0, 29, 2), fleet_of(1, 29, 2), fleet_of(2, 31, 0))

    assert failures(counts) == [0, 0, 0]


def test_what_many_hosts_see_is_the_proxys() -> None:
    """An outage counts whole, with its first and last minute, also one of some of its users."""
    of_all = played(
        *(fleet_of(n, 6, 0) for n in range(3)),
        *(fleet_of(n, 0, 6) for n in range(3, 8)),
        *(fleet_of(n, 6, 0) for n in range(8, 12)),
    )
    of_half = played(*(fleet_of(n, 3, 3) for n in range(8)))

    assert failures(of_all) == [0] * 3 + [24] * 5 + [0] * 4
    assert failures(of_half) == [12] * 8


def test_who_is_served_nothing_by_chance() -> None:
    """Where others fail too, some get nothing for that."""
    brown = sighting(SICK, ok=3, failures={"http.5xx": 3})
    unlucky = sighting(SICK, failures={"http.5xx": 2})
    counts = played([*(saw(0, f"b-{n}", brown) for n in range(12)), saw(0, "u", unlucky)])

    assert failures(counts) == [38]


def test_by_turns() -> None:
    """Where hosts ask by turns, those who asked before and after say whose failure it was."""
    bad = sighting(SICK, failures={"tcp.timeout": 4})
    good = sighting(SICK, ok=4)
    turns = [good, good, bad, bad, bad, good, good]
    hosts = ["a", "b", "a", "b", "a", "b", "a"]
    outage = played(*([saw(n, w, s)] for n, (w, s) in enumerate(zip(hosts, turns, strict=True))))
    seen = [good, bad, good, bad, good]
    own = played(*([saw(n, "ab"[n % 2], one)] for n, one in enumerate(seen)))

    assert failures(outage) == [0, 0, 4, 4, 4, 0, 0]
    assert sum(failures(own)) == 0


def test_where_no_other_asks_nobody_can_say() -> None:
    """It counts as one failure of one host, not as many."""
    others = [saw(n, "build-2", sighting(SICK, ok=9)) for n in (0, 1)]
    counts = played(
        others[:1],
        others[1:],
        *[[]] * 20,
        [saw(22, "build-1", sighting(SICK, failures={"tcp.timeout": 2}))],
    )

    assert failures(counts) == [0, 0, 1]


def test_all_that_fail_are_the_proxys() -> None:
    """Where nobody is served, or hosts are served in between, each failure counts."""
    nobody = played(
        *([saw(n, w, sighting(SICK, failures={"http.5xx": 3})) for w in "ab"] for n in range(3))
    )
    mixed = played([saw(0, w, sighting(SICK, ok=5, failures={"http.5xx": 3})) for w in "ab"])

    assert failures(mixed) == [6]
    assert sum(failures(nobody)) >= 6


def test_a_single_host_has_no_others() -> None:
    """All that it sees counts."""
    one = sighting(SICK, failures={"http.5xx": 3})
    counts = played([saw(0, "build-1", sighting(GOOD, ok=3), one)])

    assert failures(counts) == [3]
