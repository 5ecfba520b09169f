"""Certificates that a proxy shows by turns."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.health.evidence import HORIZON_NS
from modpulse.collector.health.leaves import MAX_LEAVES, Leaves
from modpulse.collector.intake.arrival import Leaf

S = 1_000_000_000
OLD, NEW = Leaf(0, 1000), Leaf(500, 9000)


def shown(*leaves: Leaf) -> Leaves:
    """One sighting each second."""
    known = Leaves()
    for second, leaf in enumerate(leaves):
        known.note(leaf, second * S)
    return known


def test_none() -> None:
    """What nobody saw is not known."""
    assert Leaves().first_to_end is None
    assert not Leaves()


def test_one_address_of_three() -> None:
    """The one that ends first counts, though others are seen after it."""
    known = shown(*[NEW, NEW, OLD] * 20, *[NEW] * 5)

    assert known.first_to_end == OLD


def test_replaced_everywhere() -> None:
    """What was all that anybody saw is gone as soon as a new one is seen, and seen again."""
    assert shown(*[OLD] * 200, NEW, NEW).first_to_end == NEW


def test_replaced_at_one_address() -> None:
    """It is gone once it was not seen for as long as its share makes unlikely."""
    assert shown(*[NEW, NEW, OLD] * 20, *[NEW] * 15).first_to_end == NEW


def test_what_comes_late() -> None:
    """A sighting of long ago brings back nothing."""
    known = Leaves()
    known.note(NEW, 2 * HORIZON_NS)
    known.note(OLD, S)

    assert known.first_to_end == NEW


@given(st.lists(st.builds(Leaf, st.integers(0, 99), st.integers(100, 200)), max_size=300))
def test_bounded(leaves: list[Leaf]) -> None:
    """However many there are, few are held, and the last one is among them."""
    known = shown(*leaves)

    assert len(known._shown) <= MAX_LEAVES
    assert known.first_to_end is None if not leaves else leaves[-1] in known._shown
