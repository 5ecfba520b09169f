"""Rules of one request: what it counts as, when it was over, and how much of it is said."""

import pytest
import stories
from stories import CORP, at

from modpulse.agent.delivery.counted import counted_as, cut, end_of


def request(**fields):
    defaults = {"start": 0, "times": (1, 2, 3), "status": 200}
    return stories.request(1, CORP, "info", "m", "v1", **(defaults | fields))


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        ("ok", {}),
        ("miss", {"status": 404}),
        ("miss", {"status": 410}),
        ("suspect", {"status": 404, "suspect": True}),
        ("auth.401", {"status": 401, "failure": stories.failed("auth.401", "", "h")}),
        ("http.body", {"failure": stories.failed("http.body", "", "h")}),
        ("cancelled", {"final": "cancelled"}),
        ("cancelled", {"final": "cancelled", "failure": stories.failed("http.body", "", "h")}),
        (None, {"status": None, "final": None}),
    ],
)
def test_outcomes(outcome, fields):
    """A failure is its class, also after a 200; what the process gave up is cancelled."""
    assert outcome == counted_as(request(**fields))


@pytest.mark.parametrize(
    ("end_ms", "fields"),
    [
        (6, {}),
        (3, {"times": (1, 2, None)}),
        (100, {"status": None, "times": (1, None, None)}),
        (100, {"times": (1, 2, 5000)}),
        (40, {"status": None, "times": (1, None, None), "given_up_at_ns": at(40)}),
        (200, {"start": 200, "times": (None, None, None)}),
    ],
)
def test_the_end_of_a_request(end_ms, fields):
    """As measured, never after it was reported, never before it began."""
    assert at(end_ms) == end_of(request(**fields), at(100))


@pytest.mark.parametrize(
    ("left", "text", "limit"),
    [("abc", "abcdef", 3), ("é", "ééé", 3), ("?", "\udcff", 3), (None, None, 3), ("", "", 3)],
)
def test_text_is_cut(left, text, limit):
    """To whole characters that UTF-8 can say."""
    assert left == cut(text, limit)
