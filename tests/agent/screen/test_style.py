"""Widths, colours and characters."""

import pytest

from modpulse.agent.screen.style import MAX_COLUMNS, MIN_COLUMNS, NEEDED_CHARACTERS, Style


@pytest.mark.parametrize(("columns", "width"), [(10, MIN_COLUMNS), (100, 100), (1000, MAX_COLUMNS)])
def test_width_is_bounded(columns, width):
    """Neither too narrow to say anything nor too wide to follow a row."""
    assert Style(columns=columns).width == width


def test_every_mark_has_an_ascii_form():
    """The plain form of each character is ASCII and as wide."""
    names = [
        "resolve", "connect", "tls", "processing", "transfer", "wait", "fold", "axis", "failed",
        "leads", "more", "ellipsis", "dot", "times",
    ]  # fmt: skip

    assert all(Style(unicode=False).glyph(name).isascii() for name in names)
    assert all(len(Style(unicode=False).glyph(name)) == 1 for name in names)
    assert all(Style().glyph(name) in NEEDED_CHARACTERS for name in names)


def test_texts_are_escaped_where_only_ascii_can_be_shown():
    """What cannot be encoded is escaped, not replaced by a question mark."""
    assert Style(unicode=False).text("模块\x1b") == "\\u6a21\\u5757\\x1b"
    assert Style().text("模块\x1b") == "模块\\x1b"


def test_no_colour_no_escape():
    """Without colour a text stays as it is."""
    assert Style().paint("x", "bad") == "x"
    assert Style(colour=True).paint("x", "bad") == "\x1b[31mx\x1b[0m"
    assert Style(colour=True).paint("x", None) == "x"
