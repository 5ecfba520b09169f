"""For whom answers are slow."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sightings import sighting

from modpulse.agent.batch.sketch import Sketch, bucket_of
from modpulse.collector.health.held import Witness
from modpulse.collector.health.parts import Value
from modpulse.collector.health.slowness import MAX_TIMED, Slowness, slowness, timed_window
from modpulse.collector.intake.arrival import Counts, Part

MS = 1_000_000
LIMIT = bucket_of(2000 * MS)
NOW_NS = 1_000_000_000_000


def witness(
    quick: int, slow: int, site: str = "ams", resolver: str = "192.0.2.53", at_ns: int = NOW_NS
) -> Witness:
    """What one agent had answered in its last window."""
    sketch = Sketch({bucket_of(50 * MS): quick, bucket_of(7000 * MS): slow})
    return Witness(
        at_ns,
        labels=(Value("site", site),),
        resolvers=frozenset({resolver}),
        times=((at_ns, sketch.to_bytes()),),
    )


def found(witnesses: dict[str, Witness]) -> Slowness | None:
    """Since a minute ago, where ten answers of the others are enough."""
    return slowness(witnesses, (), lambda bucket: bucket > LIMIT, NOW_NS - 60 * 1_000_000_000, 10)


def of_part(kind: str, slow: dict[str, tuple[int, int]], hosts: int = 4) -> Slowness | None:
    """What is found where of each address or endpoint so many are quick and slow, for all alike."""
    parts = tuple(
        Part(name, Counts(), Sketch({1: quick, LIMIT + 1: slow}).to_bytes())
        for name, (quick, slow) in slow.items()
    )
    seen = replace(sighting(), **{f"by_{kind}": parts})
    windows = [timed_window(NOW_NS, f"h{number}", seen) for number in range(hosts)]
    quick, late = (sum(each[n] for each in slow.values()) for n in (0, 1))
    fleet = {f"h{number}": witness(quick, late) for number in range(4)}
    return slowness(fleet, windows, lambda bucket: bucket > LIMIT, NOW_NS - 60 * 1_000_000_000, 10)


def test_one_address_or_endpoint() -> None:
    """Where two see it, and it is quick without; a zip is no small answer."""
    address = of_part("address", {"192.0.2.1": (0, 9), "192.0.2.2": (9, 0), "192.0.2.3": (9, 0)})
    endpoint = of_part("endpoint", {"list": (1, 5), "info": (20, 0), "mod": (20, 0)})

    assert address is not None
    assert (address.value, address.agents) == (Value("address", "192.0.2.1"), frozenset())
    assert (address.share, round(address.part, 2)) == (1.0, 0.33)
    assert endpoint is not None
    assert endpoint.value == Value("endpoint", "list")
    assert of_part("address", {"192.0.2.1": (0, 9), "192.0.2.2": (9, 0)}, hosts=1) is None
    assert of_part("address", {"192.0.2.1": (0, 9), "192.0.2.2": (0, 9)}) is None
    assert of_part("endpoint", {"zip": (0, 9), "info": (20, 0)}) is None


def test_one_host() -> None:
    """Of three hosts one is slow: it is that host."""
    seen = found({"a": witness(50, 0), "b": witness(50, 1), "c": witness(5, 30)})

    assert seen is not None
    assert (seen.value, seen.agents) == (Value("host", "c"), frozenset("c"))
    assert (round(seen.share, 2), round(seen.part, 2)) == (0.97, 0.26)


def test_a_site() -> None:
    """Hosts of one site are slow, and of the same answers the site is named, not the resolver."""
    there = {name: witness(5, 30, "fra", "198.51.100.53") for name in "cde"}

    seen = found({"a": witness(50, 0), "b": witness(50, 1), **there})
    assert seen is not None
    assert (seen.value, seen.agents) == (Value("site", "fra"), frozenset("cde"))


def test_users_of_a_resolver() -> None:
    """At one site those who use another resolver are slow."""
    there = {name: witness(5, 30, resolver="198.51.100.53") for name in "cd"}

    seen = found({"a": witness(50, 0), "b": witness(50, 1), **there})
    assert seen is not None
    assert seen.value == Value("resolver", "198.51.100.53")


def test_all() -> None:
    """Where everybody is slow, or two hosts ask only, or others ask too little, nobody is named."""
    slow, quick = witness(5, 30), witness(50, 0)

    assert found({"a": slow, "b": slow, "c": slow}) is None
    assert found({"a": slow, "b": quick}) is None
    assert found({"a": slow, "b": witness(4, 0), "c": witness(4, 0)}) is None
    assert found({}) is None


def test_old_answers() -> None:
    """What is older than the last windows says nothing of now."""
    old = witness(5, 30, at_ns=NOW_NS - 120 * 1_000_000_000)

    assert found({"a": witness(50, 0), "b": witness(50, 0), "c": old}) is None


def test_bytes_that_are_no_sketch() -> None:
    """They count for nothing."""
    broken = Witness(NOW_NS, times=((NOW_NS, b"\xff" * 9),))

    assert found({"a": witness(50, 0), "b": witness(50, 0), "c": broken}) is None


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=12))
def test_the_rest_is_quick(counts: list[tuple[int, int]]) -> None:
    """Whoever is named, without these no more than one of twenty answers is slow."""
    agents = {f"h{i}": witness(*pair, f"s{i % 3}") for i, pair in enumerate(counts)}
    seen = found(agents)
    if seen is not None:
        rest = [pair for i, pair in enumerate(counts) if f"h{i}" not in seen.agents]
        assert sum(slow for _, slow in rest) <= 0.05 * sum(map(sum, rest))
        assert sum(map(sum, rest)) >= 10


def test_a_large_fleet_is_sampled() -> None:
    """Beyond a bound agents are not looked at."""
    agents = {f"h{i}": witness(50, 0) for i in range(MAX_TIMED)}

    assert found({**agents, "late": witness(0, 5000)}) is None
