"""Values as words: short, aligned, harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.screen import words

PSEUDO = "v0.0.0-20230426161633-7e06285ff160"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("golang.org/x/text", "golang.org/x/text"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\u202eexe.cod", "\\u202eexe.cod"),
        ("\U000e0041", "\\U000e0041"),
        ("模块", "模块"),
    ],
)
def test_clean(text, expected):
    """What moves the cursor, hides or reorders is shown as an escape."""
    assert words.clean(text) == expected


@given(st.text())
def test_clean_is_printable(text):
    """No text gets past as anything but printable."""
    assert words.clean(text).isprintable()


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (None, "-"),
        (0, "0.0 ms"),
        (440_000, "0.4 ms"),
        (9_949_999, "9.9 ms"),
        (12_300_000, "12 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.00 s"),
        (1_284_000_000, "1.28 s"),
        (30_000_000_000, "30.0 s"),
        (59_960_000_000, "1 min 00 s"),
        (125_000_000_000, "2 min 05 s"),
        (7_500_000_000_000, "2 h 5 min"),
    ],
)
def test_duration(ns, expected):
    """A duration has three digits at most and its unit."""
    assert words.duration(ns) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (812, "812 B"), (999, "999 B"), (1000, "1.0 kB"), (1_400, "1.4 kB"),
     (63_000_000, "63 MB"), (2_500_000_000, "2.5 GB")],
)  # fmt: skip
def test_size(count, expected):
    """A size is decimal, as download tools write it."""
    assert words.size(count) == expected


def test_count():
    """One is one; the plural is said where it is irregular."""
    assert words.count(1, "request") == "1 request"
    assert words.count(3, "proxy", "proxies") == "3 proxies"


@pytest.mark.parametrize(
    ("module", "version", "cells", "expected"),
    [
        ("golang.org/x/text", "v0.14.0", 40, "golang.org/x/text@v0.14.0"),
        ("golang.org/x/text", "v0.14.0", 20, "…org/x/text@v0.14.0"),
        ("golang.org/x/text", None, 10, "…rg/x/text"),
        ("github.com/acme/b", PSEUDO, 40, "github.com/acme/b@v0.0.0-…-7e06285ff160"),
        ("github.com/acme/b", PSEUDO, 26, "….com/acme/b@…7e06285"),
        ("x", PSEUDO, 12, "x@…7e06285"),
        ("github.com/acme/b", "v1.2.3-beta.4", 12, "….2.3-beta.4"),
    ],
)
def test_fit_module(module, version, cells, expected):
    """The end of the path and the commit of a pseudo-version are kept longest."""
    fitted = words.fit_module(module, version, cells)

    assert words.width(fitted) <= cells
    assert fitted.endswith(expected.lstrip("…"))


@given(st.text(), st.one_of(st.none(), st.text()), st.integers(1, 60))
def test_fit_module_fits(module, version, cells):
    """No name is wider than its column."""
    clean = None if version is None else words.clean(version)

    assert words.width(words.fit_module(words.clean(module), clean, cells)) <= cells


@given(st.text(), st.integers(1, 60), st.booleans())
def test_fit_fits(text, cells, keep_tail):
    """No text is wider than its column, wide characters counted as two."""
    assert words.width(words.fit(words.clean(text), cells, keep_tail=keep_tail)) <= cells


@given(st.text(), st.integers(1, 60))
def test_fit_middle_fits(text, cells):
    """No text is wider than its column when its middle is cut."""
    assert words.width(words.fit_middle(words.clean(text), cells)) <= cells


def test_fit_middle_keeps_both_ends():
    """Two proxies on one address are told apart by their ports."""
    assert words.fit_middle("http://127.0.0.1:8182", 15) == "http://….1:8182"
    assert words.fit_middle("goproxy.cn", 15) == "goproxy.cn"


def test_wide_characters_take_two_cells():
    """A Chinese character is as wide as two letters."""
    assert words.width("模块") == 4
    assert words.pad("模块", 6) == "模块  "
    assert words.pad("7", 3, right=True) == "  7"


def test_place():
    """https is what everybody uses, so it is left out; http is told."""
    assert words.place("https://goproxy.cn/x") == "goproxy.cn/x"
    assert words.place("http://goproxy.corp") == "http://goproxy.corp"
    assert words.place(None) == "?"
