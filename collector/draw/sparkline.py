"""A small line: how one number went."""

import math
from collections.abc import Sequence

from .svg import Picture, stretched, tag

WIDTH, HEIGHT, EDGE = 200, 40, 3
MOST_POINTS = 400


def sparkline(title: str, values: Sequence[float | None]) -> Picture:
    """
    Return the line; it begins anew behind what is not known.

    Args:
        title: What it shows, in words.
        values: Oldest first, at equal distances; None where nothing is known.
    """
    known = [value if value is not None and math.isfinite(value) else None for value in values]
    points = _fewer(known)
    highest = max((value for value in points if value is not None), default=0.0)
    across = (WIDTH - 2 * EDGE) / max(1, len(points) - 1)
    runs: list[list[str]] = [[]]
    for index, value in enumerate(points):
        if value is None:
            runs.append([])
            continue
        share = max(0.0, value) / highest if highest > 0 else 0.0
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * share
        runs[-1].append(f"{EDGE + index * across:.1f} {y:.1f}")
    path = "".join(_run(run) for run in runs if run)
    # Not scaled with the picture, so that a stretched line stays a line.
    line = tag("path", d=path or None, fill="none", vector_effect="non-scaling-stroke")
    return stretched(WIDTH, HEIGHT, title, (line,), kind="sparkline")


def _run(run: Sequence[str]) -> str:
    # One alone is a line of no length, which round ends make a point.
    return f"M{run[0]}" + "".join(f"L{point}" for point in run[1:] or run)


def _fewer(values: Sequence[float | None]) -> Sequence[float | None]:
    """Return as many points as are seen, each the highest of those that it stands for."""
    if len(values) <= MOST_POINTS:
        return values
    each = -(-len(values) // MOST_POINTS)
    groups = (values[start : start + each] for start in range(0, len(values), each))
    return [max((v for v in group if v is not None), default=None) for group in groups]
