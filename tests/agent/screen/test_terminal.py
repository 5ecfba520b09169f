"""What a stream can show."""

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from modpulse.agent.screen.terminal import PLAIN_COLUMNS, style_of


class Stream(io.StringIO):
    """A stream that says what it is told to: a real terminal's width is tested below."""

    def __init__(self, encoding="utf-8", is_terminal=False):
        super().__init__()
        self._encoding, self._is_terminal = encoding, is_terminal

    @property
    def encoding(self):
        return self._encoding

    def isatty(self):
        return self._is_terminal

    def fileno(self):
        raise OSError


def test_no_terminal_no_colour():
    """A file or a pipe gets no colours and a fixed width."""
    style = style_of(Stream(), {})

    assert (style.colour, style.columns, style.unicode) == (False, PLAIN_COLUMNS, True)


def test_no_color_is_respected():
    """NO_COLOR with any value but an empty one turns colours off (no-color.org)."""
    terminal = Stream(is_terminal=True)

    assert style_of(terminal, {}).colour
    assert style_of(terminal, {"NO_COLOR": ""}).colour
    assert not style_of(terminal, {"NO_COLOR": "1"}).colour
    assert not style_of(terminal, {"TERM": "dumb"}).colour


@pytest.mark.parametrize(
    ("environ", "asked", "shown"),
    [
        ({"FORCE_COLOR": "1"}, None, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, None, True),
        ({"FORCE_COLOR": "0"}, None, False),
        ({"FORCE_COLOR": ""}, None, False),
        ({"FORCE_COLOR": "3", "NO_COLOR": "1"}, None, False),
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colour_where_there_is_no_terminal(environ, asked, shown):
    """The option decides, then NO_COLOR, then FORCE_COLOR."""
    assert style_of(Stream(), environ, colour=asked).colour is shown


def test_encodings():
    """What cannot show the glyphs gets ASCII."""
    shown = {name: style_of(Stream(name), {}).unicode for name in ("utf-8", "ascii", "latin-1")}

    assert shown == {"utf-8": True, "ascii": False, "latin-1": False}
    assert not style_of(Stream("no-such-encoding"), {}).unicode


def test_columns_are_respected():
    """COLUMNS wins where it is a number."""
    assert style_of(Stream(), {"COLUMNS": "132"}).columns == 132
    assert style_of(Stream(), {"COLUMNS": "wide"}).columns == PLAIN_COLUMNS
    assert style_of(Stream(), {"COLUMNS": "0"}).columns == PLAIN_COLUMNS


def test_the_width_of_a_real_terminal():
    """The width follows the terminal that the stream is, not that of standard output."""
    leader, follower = pty.openpty()
    try:
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 97, 0, 0))
        with open(os.dup(follower), "w", encoding="utf-8") as stream:
            style = style_of(stream, {})
    finally:
        os.close(leader)
        os.close(follower)

    assert (style.columns, style.colour) == (97, True)
