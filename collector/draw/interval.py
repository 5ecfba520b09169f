"""A difference with its interval, on a scale with none in the middle."""

from typing import Literal

from .svg import Picture, stretched, tag, within

Tone = Literal["better", "worse", "neutral", "chance"]
WIDTH, HEIGHT, THICK = 400, 16, 6
POINT = 4


def interval(
    title: str, value: float, low: float | None, high: float | None, tone: Tone
) -> Picture:
    """
    Return the picture.

    Args:
        title: What it shows, in words.
        value: From -1 to 1, 0 is no difference; what is beyond stands at the end.
        low: Of the interval, the same; None, or `high` None: it is not known.
        high: See there.
        tone: Whether it is a good difference, or none that can be told from chance.
    """
    middle = tag("rect", x=WIDTH / 2 - 1, y=0, width=2, height=HEIGHT, class_="middle")
    drawn = [middle]
    if low is not None and high is not None:
        left, right = sorted((_x(low), _x(high)))
        drawn.append(
            tag(
                "rect", x=left, y=(HEIGHT - THICK) / 2, width=max(1.0, right - left), height=THICK,
                class_=f"range {tone}",
            )
        )  # fmt: skip
    at = within(_x(value) - POINT / 2, 0, WIDTH - POINT)
    drawn.append(tag("rect", x=at, y=2, width=POINT, height=HEIGHT - 4, class_=f"point {tone}"))
    return stretched(WIDTH, HEIGHT, title, drawn, kind="interval")


def _x(value: float) -> float:
    return within((within(value, -1, 1) + 1) / 2 * WIDTH, 0, WIDTH - 1)
