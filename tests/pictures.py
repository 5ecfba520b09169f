"""A strict reader of pictures: what every one of them keeps to."""

import math
import re
from xml.etree import ElementTree

from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "g", "a", "rect", "path", "text"}
PLANTED = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'/><svg onload=alert(1)>",
    "]]>", "<!--", "&lt;&#0;", "\x00\x1b[31m\ud800\uffff", "javascript:alert(1)", "名前" * 400,
    "</title></svg><script>", "\u202eevil", "{{ 7*7 }}",
)  # fmt: skip
names = st.one_of(st.sampled_from(PLANTED), st.text(st.characters(), max_size=60))
numbers = st.one_of(st.floats(), st.integers(-(10**30), 10**30).map(float))
links = st.one_of(st.none(), names, st.just("/proxy?day=2026-01-01"), st.just("//evil.example"))


def checked(picture: str) -> ElementTree.Element:
    """Return the picture as XML; it is harmless, and draws nothing outside of itself."""
    root = ElementTree.fromstring(picture)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    assert 0 < width <= 4000
    assert 0 < height <= 4000
    assert root.get("role") in ("img", "group")
    assert root[0].tag == f"{SVG}title"
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in ALLOWED
        for key, value in element.attrib.items():
            assert not key.startswith("on")
            assert key != "style"
            assert key != "href" or re.match(r"[?#]|/(?![/\\])", value)
    _inside(root, width, height)
    return root


def _inside(element: ElementTree.Element, width: float, height: float) -> None:
    for child in element:
        kind = child.tag.removeprefix(SVG)
        if kind in ("rect", "svg"):
            x, y, wide, high = (float(child.get(key, 0)) for key in ("x", "y", "width", "height"))
            assert all(map(math.isfinite, (x, y, wide, high)))
            assert wide >= 0
            assert high >= 0
            assert x >= 0
            assert y >= 0
            assert x + wide <= width + 0.1
            assert y + high <= height + 0.1
        if kind == "path":
            numbers_of = [float(n) for n in re.findall(r"-?[\d.]+", child.get("d", ""))]
            assert re.fullmatch(r"[MLhz\d. -]*", child.get("d", ""))
            assert all(0 <= number <= max(width, height) for number in numbers_of)
        # What is in a box of its own ends with it.
        if kind != "svg":
            _inside(child, width, height)
