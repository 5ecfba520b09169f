"""Rules of the picture of a chain."""

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, links, names, numbers

from modpulse.collector.draw.chain import MOST_ENTRIES, THICK, Entry, chain

entries = st.builds(
    Entry, names, names, names, links, st.booleans(), st.one_of(st.none(), numbers), names
)


@given(names, st.lists(entries, max_size=6))
def test_any_entries(title: str, drawn: list[Entry]) -> None:
    """Whatever the entries say, an arrow leads from each but the last to the next."""
    root = checked(chain(title, drawn))

    assert len(list(root.iter(f"{SVG}path"))) == max(0, len(drawn) - 1)


def test_the_arrow_is_as_thick_as_what_falls_through() -> None:
    """Everything is the thickest."""
    drawn = [Entry("a", "", fall=1.0), Entry("b", "", fall=0.5), Entry("c", "")]
    stems = [b for b in checked(chain("x", drawn)).iter(f"{SVG}rect") if b.get("class") == "fall"]

    assert [float(stem.get("width", 0)) for stem in stems] == [THICK, 1 + THICK / 2]


def test_a_long_chain_ends() -> None:
    """The first entries are drawn."""
    root = checked(chain("x", [Entry("a", "")] * (MOST_ENTRIES + 9)))

    assert len(list(root.iter(f"{SVG}path"))) == MOST_ENTRIES - 1
