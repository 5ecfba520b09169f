"""Rules of the screen of `modpulse top`."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.client.top import SORTS, Screen, View, frame, pressed

NOW = datetime(2027, 1, 15, 8, 30, tzinfo=UTC)


def proxy(name: str, state: str, fail: float, ttfb: float, n: int) -> dict[str, Any]:
    """Return a proxy of the document."""
    score = {"h": 1 - fail, "low": 0.1, "high": 1}
    phases = {"first_byte_small": {"p95_ms": ttfb}}
    return {
        "proxy": name, "state": state, "failure_ratio": fail, "phases": phases, "n": n,
        "score": score,
    }  # fmt: skip


DOCUMENT = {
    "proxies": [
        proxy("https://b", "healthy", 0.0, 900.0, 7),
        proxy("https://c", "down", 0.5, 20.0, 9),
        proxy("https://a", "degraded", 0.9, 50.0, 8),
    ]
}


def names(view: View) -> str:
    """Return the proxies in the order in which they are shown."""
    lines = frame(DOCUMENT, view, Screen(100, 40, False), NOW, None)
    return "".join(re.findall(r"^https://(\w) ", "\n".join(lines[:6]), re.MULTILINE))


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("state", "cab"),
        ("failures", "acb"),
        ("time to first byte", "bac"),
        ("requests", "cab"),
        ("name", "abc"),
    ],
)
def test_what_is_worst_comes_first(sort: str, order: str) -> None:
    """Each key has its order, and `r` turns it round."""
    assert names(View(sort=sort)) == order
    assert names(View(sort=sort, is_reversed=True)) == order[::-1]


def test_keys() -> None:
    """`s` goes on, `S` back, `r` reverses, `q` and ^D end it; others do nothing."""
    view = pressed(View(), "s")

    assert view.sort == "failures"
    assert pressed(view, "S") == View()
    assert pressed(pressed(view, "r"), "r") == view
    assert pressed(view, "x") == view
    assert pressed(pressed(View(), "S"), "s") == View()
    assert all(pressed(view, key).is_over for key in ("q", "\x04"))


def test_what_does_not_fit_is_counted() -> None:
    """The screen is never longer than the terminal, and says what is missing."""
    lines = frame(DOCUMENT, View(), Screen(60, 4, False), NOW, None)

    assert len(lines) == 4
    assert lines[-1] == "and 3 lines more"
    assert max(map(len, lines)) <= 60


def test_an_old_document_is_said_to_be_so() -> None:
    """What keeps it from being of now is on top, as it may be shown."""
    lines = frame(DOCUMENT, View(), Screen(100, 20, True), NOW, "no collector\x1b[2J answers")

    assert lines[0].startswith("modpulse top  08:30:00 UTC  by state")
    assert "no collector" in lines[1]
    assert "\x1b[2J" not in "\n".join(lines)


@given(
    st.integers(0, 300),
    st.integers(0, 60),
    st.sampled_from([*SORTS]),
    st.dictionaries(
        st.sampled_from(["proxies", "overflow"]),
        st.none() | st.lists(st.none() | st.dictionaries(st.sampled_from([*DOCUMENT["proxies"][0]]),
        st.none() | st.text() | st.floats() | st.booleans()), max_size=4),
    ),
)  # fmt: skip
def test_any_document_and_any_terminal(
    columns: int, lines: int, sort: str, document: dict[str, Any]
) -> None:
    """Whatever is answered and however small the window is, there is a screen."""
    shown = frame(document, View(sort), Screen(columns, lines, False), NOW, None)

    assert 1 <= len(shown) <= max(1, lines)
    assert "\n" not in "".join(shown)
