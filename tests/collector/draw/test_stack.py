"""Rules of the bar of phases."""

from hypothesis import given
from hypothesis import strategies as st
from pictures import SVG, checked, names, numbers

from modpulse.collector.draw.stack import WIDTH, Part, stack

parts = st.builds(Part, st.one_of(names, st.just("tls")), numbers, names)


@given(names, st.lists(parts, max_size=20), numbers, st.booleans())
def test_any_parts(title: str, drawn: list[Part], whole: float, is_failed: bool) -> None:
    """Whatever the parts are, they stay within the bar."""
    checked(stack(title, drawn, whole, is_failed=is_failed))


def test_parts_follow_each_other_to_scale() -> None:
    """10 and 30 of 80 take an eighth and three eighths, one behind the other."""
    root = checked(stack("x", [Part("tls", 10, "a"), Part("unheard", 30, "b")], 80))
    boxes = [(float(b.get("x", 0)), float(b.get("width", 0))) for b in root.iter(f"{SVG}rect")]

    assert boxes == [(0, WIDTH / 8), (WIDTH / 8, WIDTH * 3 / 8)]
    assert [b.get("class") for b in root.iter(f"{SVG}rect")] == ["phase-tls", "phase-rest"]
