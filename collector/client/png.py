"""
A picture as PNG. The only importer of resvg-py: one wheel of 3 MB that needs no other library.
"""

import resvg_py

FONT = "DejaVu Sans"
"""Where the picture's own fonts are missing; without any font of the machine it has no words."""


def png(svg: str) -> bytes:
    """
    Return the picture of an SVG.

    Raises:
        ValueError: it is none.
    """
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, sans_serif_family=FONT))
