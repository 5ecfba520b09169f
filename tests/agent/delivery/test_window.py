"""Rules of one proxy's window that no whole batch shows."""

import pytest
import stories
from hypothesis import given
from hypothesis import strategies as st
from stories import CORP, at

from modpulse.agent.batch.batch import MAX_ADDRESSES, MAX_STATUSES, MAX_TOTAL
from modpulse.agent.delivery import window as window_module
from modpulse.agent.delivery.window import Counted, Window, counted_as, cut, end_of, peak


def request(**fields):
    defaults = {"start": 0, "times": (1, 2, 3), "status": 200}
    return stories.request(1, CORP, "info", "m", "v1", **(defaults | fields))


def count(window: Window, **fields) -> None:
    made = request(**fields)
    window.count(Counted(made, counted_as(made) or "ok", end_of(made, at(1000)), made.module))


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


def test_statuses_are_bounded():
    """A server that answers with ever new ones has its rest counted together."""
    window = Window(is_hashed=False)
    for status in [*range(100, 900), 70_000, -5]:
        count(window, status=status)
    part = window.part(CORP, 0)

    assert len(part.statuses) == MAX_STATUSES
    assert part.statuses[0] == 802 - (MAX_STATUSES - 1)


def test_bytes_are_bounded():
    """A server may announce anything."""
    window = Window(is_hashed=False)
    for announced in (MAX_TOTAL + 5, MAX_TOTAL, -7):
        count(window, body_bytes=announced)

    assert window.part(CORP, 0).body_bytes == MAX_TOTAL


def test_modules_and_intervals_are_bounded(monkeypatch):
    """A window holds no more than its bounds."""
    monkeypatch.setattr(window_module, "MAX_MODULES", 1)
    monkeypatch.setattr(window_module, "MAX_INTERVALS", 1)
    window = Window(is_hashed=False)
    made = request()
    for module in ("a", "b"):
        window.count(Counted(made, "ok", at(5), module))
    part = window.part(CORP, 0)

    assert (part.requests, part.modules, part.peak_in_flight) == (2, 1, 1)


def test_addresses_are_bounded():
    """As many as a batch has room for."""
    window = Window(is_hashed=False)
    for number in range(MAX_ADDRESSES + 5):
        window.step(stories.connection(number, "goproxy.corp", 1, 2, address=f"10.0.0.{number}"))

    assert len(window.part(CORP, 0).addresses) == MAX_ADDRESSES


def test_lookups_that_fail_tell_their_resolver_but_no_time():
    """Resolvers are what users of the same one are known by."""
    window = Window(is_hashed=False)
    window.step(stories.lookup("goproxy.corp", 1, 5000, "dns.servfail"))
    part = window.part(CORP, 0)

    assert part.resolvers == ("10.0.0.53:53",)
    assert part.sketches == {}


@pytest.mark.parametrize(
    ("left", "text", "limit"),
    [("abc", "abcdef", 3), ("é", "ééé", 3), ("?", "\udcff", 3), (None, None, 3), ("", "", 3)],
)
def test_text_is_cut(left, text, limit):
    """To whole characters that UTF-8 can say."""
    assert left == cut(text, limit)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)).map(lambda p: (p[0], sum(p)))))
def test_the_peak_is_the_most_at_one_moment(intervals):
    """Counting moment by moment gives the same."""
    at_each = [sum(start <= now < end for start, end in intervals) for now in range(30)]

    assert max(at_each) == peak(intervals)
