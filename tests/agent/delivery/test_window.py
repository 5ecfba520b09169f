"""Rules of one proxy's window that no whole batch shows."""

import stories
from hypothesis import given
from hypothesis import strategies as st
from stories import CORP, at

from modpulse.agent.batch.batch import MAX_ADDRESSES, MAX_STATUSES, MAX_TOTAL
from modpulse.agent.delivery import window as window_module
from modpulse.agent.delivery.counted import Counted, counted_as, end_of
from modpulse.agent.delivery.window import Window, peak


def request(**fields):
    defaults = {"start": 0, "times": (1, 2, 3), "status": 200}
    return stories.request(1, CORP, "info", "m", "v1", **(defaults | fields))


def count(window: Window, **fields) -> None:
    made = request(**fields)
    window.count(Counted(made, counted_as(made) or "ok", end_of(made, at(1000)), made.module))


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


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)).map(lambda p: (p[0], sum(p)))))
def test_the_peak_is_the_most_at_one_moment(intervals):
    """Counting moment by moment gives the same."""
    at_each = [sum(start <= now < end for start, end in intervals) for now in range(30)]

    assert max(at_each) == peak(intervals)
