"""Plans that another process tells."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.binary.elf import Segment
from modpulse.agent.binary.layouts import LAYOUTS
from modpulse.agent.binary.plan import plan
from modpulse.agent.binary.points import Plan, Point
from modpulse.agent.binary.told import UntoldError, plan_as_bytes, plan_of
from modpulse.agent.events.sites import Site

SIZE = 1 << 20
CODE = Segment(0x400000, 0, 1 << 16, writable=False, executable=True)
DATA = Segment(0x500000, 1 << 16, 1 << 16, writable=True, executable=False)
MADE = Plan(
    "go1.26.8",
    "amd64",
    None,
    False,
    (CODE, DATA),
    layout_index=LAYOUTS.index(LAYOUTS[7]),
    points=(Point(Site.WEB_GET, 4096), Point(Site.OS_EXIT, 65535)),
    missing={Site.UNZIP_FAILED: "no single function"},
    wrapped={0x500000: 1 << 16},
    type_names={0x500000: "*net.OpError"},
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def told(change: Callable[[dict[str, Any]], None]) -> bytes:
    """The plan above, changed."""
    fields = json.loads(plan_as_bytes(MADE))
    change(fields)
    return json.dumps(fields).encode()


def test_a_plan_comes_back(go_image: bytes) -> None:
    """As it was: of a real `go`, of one that is not known, and of the one above."""
    unknown = replace(MADE, version="go1.99", layout_index=None, points=())
    for made, size in ((plan(go_image), len(go_image)), (unknown, SIZE), (MADE, SIZE)):
        assert plan_of(plan_as_bytes(made), size) == made


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a breakpoint in data", lambda of: of["points"].append([1, 1 << 16])),
        ("a breakpoint outside of the file", lambda of: of["points"].append([1, 1 << 40])),
        ("code outside of the file", lambda of: of["segments"].append([0, 1, SIZE, False, True])),
        ("a site that there is not", lambda of: of["points"].append([99, 4096])),
        ("too many breakpoints", lambda of: of.update(points=[[1, 4096]] * 1025)),
        ("an unknown release with breakpoints", lambda of: of.update(layout_index=None)),
        ("another release's layout", lambda of: of.update(layout_index=0)),
        ("a layout that there is not", lambda of: of.update(layout_index=99)),
        ("another machine", lambda of: of.update(arch="s390x")),
        ("a version that is none", lambda of: of.update(version=["go1.26.8"])),
        ("a long version", lambda of: of.update(version="go1.26.8" * 99)),
        ("more types than the kernel side holds", lambda of: of.update(wrapped=[[1, 1]] * 99)),
        ("a truth that is a number", lambda of: of.update(pie=1)),
        ("a number that is a truth", lambda of: of["points"].append([1, True])),
        ("a negative number", lambda of: of["type_names"].append([-1, "x"])),
        ("a row too short", lambda of: of["points"].append([1])),
        ("a row that is none", lambda of: of["points"].append("14")),
        ("a field less", lambda of: of.pop("cgo")),
    ],
)
def test_what_cannot_be_is_refused(what: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Types, ranges, and above all where breakpoints would be."""
    with pytest.raises(UntoldError):
        plan_of(told(change), SIZE)


@given(st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused(data: bytes) -> None:
    """Nothing but UntoldError escapes."""
    with pytest.raises(UntoldError):
        plan_of(data, SIZE)


@given(st.sampled_from(sorted(json.loads(plan_as_bytes(MADE)))), JSON)
def test_any_field_may_be_anything(name: str, value: object) -> None:
    """A plan then, with its breakpoints in code, or UntoldError."""
    try:
        made = plan_of(told(lambda of: of.update({name: value})), SIZE)
    except UntoldError:
        return

    assert all(point.offset < CODE.size for point in made.points)
