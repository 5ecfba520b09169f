"""
`modpulse history --plot`: failures and latencies over time, as SVG 1.1.

Pure: a value in, a text out. Whatever a name says is text in it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from .told import Dot, Line, Told, name_of

WIDTH, HEIGHT = 960, 540
LEFT, RIGHT = 70, 20
PANELS = ((50, 190), (285, 190))
"""Top and height of each."""
COLOURS = ("#0b62a4", "#c0392b", "#2e8b57", "#e08e0b", "#7d3c98", "#17a2b8", "#8d6e63", "#555555")
MAX_DRAWN = len(COLOURS)
"""Values of a dimension: more lines nobody tells apart."""
MAX_LEGEND_CHARS = 24
TICKS = 6

_Value = Callable[[Dot], float | None]


def svg(told: Told) -> str:
    """Return the picture: the share of failures above, the 95th percentile below."""
    lines = told.lines[:MAX_DRAWN]
    left_out = len(told.lines) - len(lines)
    title = f"{told.proxy or 'history'}" + (f" by {told.by}" if told.by else "")
    if left_out:
        title += f" (the {MAX_DRAWN} asked most, {left_out} left out)"
    what = "lookups" if told.by == "resolver" else "time to first byte"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Arial, sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=15),
        *_panel(told, lines, PANELS[0], "failures, %", _percent),
        *_panel(told, lines, PANELS[1], f"p95 of {what}, ms", lambda dot: dot.p95_ms),
        *_legend(told, lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _percent(dot: Dot) -> float | None:
    return None if dot.failure_ratio is None else 100 * dot.failure_ratio


def _panel(
    told: Told, lines: Sequence[Line], place: tuple[int, int], title: str, value: _Value
) -> list[str]:
    top, height = place
    since, until = told.since, told.until
    highest = _round_up(
        max((v for line in lines for dot in line.dots if (v := value(dot)) is not None), default=0)
    )
    parts = [_text(LEFT, top - 8, title)]
    for tick in range(5):
        y = top + height - height * tick / 4
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
        )
        parts.append(_text(LEFT - 6, y + 4, f"{highest * tick / 4:g}", anchor="end"))
    if since is None or until is None or until <= since:
        return parts
    parts += _times(since, until, top + height + 16)

    def at(moment: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((moment - since) / (until - since))

    for colour, line in zip(COLOURS, lines, strict=False):
        for run in _runs(line.dots, value):
            points = [
                (at(dot.at + _half(dot)), top + height - height * shown / highest)
                for dot, shown in run
                if dot.at is not None
            ]
            parts.append(_drawn(points, colour))
    return parts


def _half(dot: Dot) -> timedelta:
    """A period is drawn at its middle."""
    return timedelta(seconds=(dot.period_s or 0) / 2)


def _runs(dots: Sequence[Dot], value: _Value) -> list[list[tuple[Dot, float]]]:
    """Split where something is not known, or nobody asked: no line goes over that."""
    runs: list[list[tuple[Dot, float]]] = []
    last: datetime | None = None
    for dot in dots:
        shown = value(dot)
        if dot.at is None or shown is None:
            last = None
            continue
        gap = None if last is None else dot.at - last
        if gap is None or gap > timedelta(seconds=1):
            runs.append([])
        runs[-1].append((dot, shown))
        last = dot.at + timedelta(seconds=dot.period_s or 0)
    return runs


def _drawn(points: Sequence[tuple[float, float]], colour: str) -> str:
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2" fill="{colour}"/>'
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _times(since: datetime, until: datetime, y: float) -> list[str]:
    words = "%m-%d %H:%M" if until - since < timedelta(days=10) else "%Y-%m-%d"
    span = WIDTH - LEFT - RIGHT
    return [
        _text(
            LEFT + span * tick / TICKS, y, f"{since + (until - since) * tick / TICKS:{words}}",
            anchor="middle" if 0 < tick < TICKS else ("start", "end")[tick // TICKS],
        )
        for tick in range(TICKS + 1)
    ]  # fmt: skip


def _legend(told: Told, lines: Sequence[Line]) -> list[str]:
    parts = []
    width = (WIDTH - LEFT - RIGHT) / 4
    for number, (colour, line) in enumerate(zip(COLOURS, lines, strict=False)):
        x, y = LEFT + width * (number % 4), HEIGHT - 26 + 16 * (number // 4)
        name = name_of(told, line)
        short = name if len(name) <= MAX_LEGEND_CHARS else name[: MAX_LEGEND_CHARS - 1] + "…"
        parts.append(f'<rect x="{x:.0f}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 16, y, short))
    return parts


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 …, at least 1."""
    unit = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= step * unit:
                return step * unit
        unit *= 10


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(words)}</text>"
    )
