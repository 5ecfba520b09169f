"""Rules of what is around a page."""

from pathlib import Path

import pytest

from modpulse.collector.page import files
from modpulse.collector.page.asset import Assets
from modpulse.collector.page.frame import STALE_S, Frame
from modpulse.collector.page.look import Look

STYLE = (Path(files.__file__).parent / "assets" / "page.css").read_text()


@pytest.mark.parametrize(
    ("window_s", "stale_s"), [(0.3, 30), (10, 30), (11, 120), (200, 600), (300, 1800), (900, 1800)]
)
def test_when_a_page_is_old(window_s: float, stale_s: int) -> None:
    """After three judgements that did not come, or soon after."""
    frame = Frame(path="/", section="/", look=Look("en", ""), assets=Assets({}), window_s=window_s)

    assert frame.stale_s == stale_s


def test_each_age_has_a_style() -> None:
    """What is old shows by a delay of the style alone."""
    assert [s for s in STALE_S if f".after-{s} {{ animation-delay: {s}s; }}" not in STYLE] == []
