"""Rules of what is kept by what requests have in common."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sightings import T0_NS, S, arrival, sighting

from modpulse.collector.health import parts as module
from modpulse.collector.health.evidence import HORIZON_NS
from modpulse.collector.health.parts import MAX_KINDS, MAX_VALUES, Parts, Value, kind_of
from modpulse.collector.intake.arrival import Arrival, Counts, Part, Sighting
from modpulse.collector.shares import Shares


class Kept:
    """Parts of one proxy, with their room and what was not kept."""

    def __init__(self, total: int = 1 << 20) -> None:
        self.room, self.overflow = Shares(total), Counter[str]()
        self.parts = Parts(self.room, self.overflow)

    def add(
        self,
        seen: Sighting,
        caller: str = "",
        resolvers: tuple[str, ...] = ("10.0.0.53",),
        **labels: str,
    ) -> None:
        """Add what an agent with these labels saw."""
        made: Arrival = replace(arrival(seen), labels=labels, caller=caller)
        self.parts.add(made, seen, module.label_values(labels), resolvers)

    def failed(self) -> dict[Value, int]:
        """Failures of each value."""
        found = self.parts.of.items()
        return {value: held.timeline.troubles for value, held in found}


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Room for all, given back in the end."""
    made = Kept()
    yield made
    made.parts.let_go()
    assert made.room.held == 0


def part(name: str, failed: int = 0) -> Part:
    """One row of a batch."""
    return Part(name, Counts(ok=1, failures={"http.5xx": failed} if failed else {}))


def test_each_kind(kept: Kept) -> None:
    """Labels and resolvers have all of the window, parts their own; `other` is none."""
    seen = replace(
        sighting(ok=3, failures={"http.5xx": 3}),
        by_endpoint=(part("zip", 2), part("other", 9)),
        by_address=(part("192.0.2.7", 3),),
        by_module=(Part("m", Counts(failures={"http.5xx": 1})),),
    )
    kept.add(seen, site="fra", pool="", address="x")

    assert kept.failed() == {
        ("site", "fra"): 3, ("label.address", "x"): 3, ("resolver", "10.0.0.53"): 3,
        ("endpoint", "zip"): 2, ("address", "192.0.2.7"): 3, ("module", "m"): 1,
    }  # fmt: skip


def test_resolvers_of_an_agent(kept: Kept) -> None:
    """Of one all of the window counts, of several what each was asked for."""
    seen = replace(sighting(failures={"dns.servfail": 9}), by_resolver=(part("10.1.0.53", 4),))
    kept.add(seen)
    kept.add(seen, resolvers=("10.1.0.53", "10.2.0.53"))

    assert kept.failed() == {("resolver", "10.0.0.53"): 9, ("resolver", "10.1.0.53"): 4}


def test_one_in_trouble_takes_the_place_of_a_quiet_one(kept: Kept) -> None:
    """Of more values than there are places those with trouble stay; the others are counted."""
    many = tuple(part(f"192.0.2.{number}") for number in range(MAX_VALUES + 1))
    kept.add(replace(sighting(ok=1), by_address=many))
    kept.add(replace(sighting(ok=1), by_address=(part("198.51.100.1", 2),)))

    addresses = [value.who for value in kept.parts.of if value.kind == "address"]
    assert len(addresses) == MAX_VALUES
    assert "198.51.100.1" in addresses
    assert kept.overflow == {"MAX_VALUES": 2}


def test_kinds_are_bounded(kept: Kept) -> None:
    """Labels beyond the bound are not kept, and counted."""
    kept.add(sighting(ok=1), **{f"label{number}": "x" for number in range(MAX_KINDS + 3)})

    assert len({value.kind for value in kept.parts.of}) == MAX_KINDS
    assert kept.overflow["MAX_KINDS"] == 4


def test_room_is_shared_by_caller() -> None:
    """Who floods ends at its half, and what another ships is kept."""
    kept = Kept(total=8_000)
    for number in range(30):
        kept.add(sighting(ok=1), "loud", site=f"s{number}")
    before = kept.overflow["MAX_PARTS_BYTES"]
    kept.add(sighting(ok=1), "calm", pool="ci")

    assert before > 0
    assert ("pool", "ci") in kept.parts.of
    assert kept.room.held <= kept.room.total


def test_what_is_too_old_is_gone(kept: Kept) -> None:
    """A value that nobody had within the horizon takes no room."""
    kept.add(replace(sighting(ok=1), by_address=(part("192.0.2.7", 3),)), site="fra")
    kept.parts.expire(T0_NS + HORIZON_NS - 30 * S)
    assert kept.parts.of
    kept.parts.expire(T0_NS + HORIZON_NS + 30 * S)

    assert (kept.parts.of, kept.room.held) == ({}, 0)


def test_names_of_labels() -> None:
    """A label that is called like something else is told as a label."""
    assert [kind_of(name) for name in ("site", "host", "module", "all")] == [
        "site", "label.host", "label.module", "label.all",
    ]  # fmt: skip
    assert module.label_values({}) == ()
