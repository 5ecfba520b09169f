"""Rules of the picture of a history."""

import re
from xml.etree import ElementTree

from pasts import DOCUMENT, point

from modpulse.collector.client.plot import COLOURS, HEIGHT, MAX_DRAWN, WIDTH, svg
from modpulse.collector.client.told import read

SVG = "{http://www.w3.org/2000/svg}"


def test_a_line_breaks_where_nobody_asked() -> None:
    """Hours 3 and 4 are joined, 7 stands alone, and what is not known is not drawn."""
    root = ElementTree.fromstring(svg(read(DOCUMENT)))
    lines = [line.get("points", "").split() for line in root.iter(f"{SVG}polyline")]

    assert [len(line) for line in lines] == [2, 2]
    assert len(list(root.iter(f"{SVG}circle"))) == 2


def test_all_is_within_the_picture() -> None:
    """However large a value is, no point is drawn outside."""
    wild = [point(hour, p95_ms=10.0**hour, failure_ratio=1.0) for hour in range(3, 8)]
    series = {"name": "a", "total": point(3), "points": wild}
    picture = svg(read(DOCUMENT | {"history": [series]}))
    (points,) = set(re.findall(r'points="([^"]*)"', picture)[-1:])
    places = [tuple(map(float, place.split(","))) for place in points.split()]

    assert len(places) == 5
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_names_are_text() -> None:
    """Whatever a site is called, the picture has no other element for it."""
    name = "</text><script>alert(1)</script>&"
    series = {"name": name, "total": point(3), "points": [point(3)]}
    root = ElementTree.fromstring(svg(read(DOCUMENT | {"history": [series], "proxy": name})))

    assert not list(root.iter(f"{SVG}script"))
    assert any((text.text or "").startswith("</text>") for text in root.iter(f"{SVG}text"))


def test_no_more_lines_than_colours() -> None:
    """Those asked most are drawn, and the title says how many are not."""
    many = [{"name": f"s{n}", "total": point(3), "points": [point(3)]} for n in range(20)]
    picture = svg(read(DOCUMENT | {"history": many}))

    assert len(COLOURS) == MAX_DRAWN
    assert "12 left out" in picture
    assert "s7" in picture
    assert "s8" not in picture
