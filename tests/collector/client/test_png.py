"""Rules of a picture as PNG, by the library that the extra `plot` has."""

import struct

import pytest
from pasts import DOCUMENT

from modpulse.collector.client.plot import HEIGHT, WIDTH, svg
from modpulse.collector.client.png import png
from modpulse.collector.client.told import read


def test_a_picture() -> None:
    """It has the size of the SVG."""
    made = png(svg(read(DOCUMENT)))

    assert made.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", made[16:24]) == (WIDTH, HEIGHT)


def test_no_picture() -> None:
    """What is no SVG is an error."""
    with pytest.raises(ValueError, match=r"."):
        png("words")
