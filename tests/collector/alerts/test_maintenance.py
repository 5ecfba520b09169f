"""Rules of maintenance windows: times of the wall clock, in UTC."""

from datetime import datetime

import pytest

from modpulse.agent.service.errors import ConfigError
from modpulse.collector.alerts.maintenance import About, Window, covered

MINUTE_NS = 60 * 10**9

A = "https://a.example"


def at(text: str) -> int:
    """Nanoseconds of a time."""
    return round(datetime.fromisoformat(text).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("begins", "minutes", "moment", "expected"),
    [
        ("2027-01-15T08:00:00Z", 60, "2027-01-15T08:00:00Z", True),
        ("2027-01-15T08:00:00Z", 60, "2027-01-15T08:59:59Z", True),
        ("2027-01-15T08:00:00Z", 60, "2027-01-15T09:00:00Z", False),
        ("2027-01-15T08:00:00Z", 60, "2027-01-15T07:59:59Z", False),
        ("2027-01-15T09:00:00+01:00", 60, "2027-01-15T08:30:00Z", True),
        ("sat 02:00", 120, "2027-01-16T02:00:00Z", True),
        ("sat 02:00", 120, "2027-01-23T03:59:00Z", True),
        ("sat 02:00", 120, "2027-01-23T04:00:00Z", False),
        ("sat 02:00", 120, "2027-01-17T02:30:00Z", False),
        ("sun 23:30", 60, "2027-01-18T00:15:00Z", True),
        ("mon 00:00", 1, "1970-01-05T00:00:30Z", True),
    ],
)
def test_when(begins: str, minutes: float, moment: str, expected: bool) -> None:
    """Once from a time on, or every week; the beginning is in it, the end is not."""
    assert Window(begins=begins, minutes=minutes).covers(A, at(moment)) is expected


def test_of_whom() -> None:
    """A window of one proxy covers nothing else; one of all covers agents too."""
    now_ns = at("2027-01-16T02:00:00Z")
    one, everything = Window("sat 02:00", 60, A), Window("sat 02:00", 60)

    assert covered([one], [About(A)], now_ns)
    assert not covered([one], [About(A), About("https://b.example")], now_ns)
    assert not covered([one], [], now_ns)
    assert covered([everything], [], now_ns)
    assert not covered([], [About(A)], now_ns)


def test_of_a_site() -> None:
    """A window of one site covers what its agents alone see, and nothing that others see too."""
    now_ns = at("2027-01-16T02:00:00Z")
    berlin = Window("sat 02:00", 60, site="berlin")

    assert covered([berlin], [About(A, "berlin"), About("", "berlin")], now_ns)
    assert not covered([berlin], [About(A, "berlin"), About(A, "paris")], now_ns)
    assert not covered([berlin], [About(A)], now_ns)
    assert not covered([berlin], [], now_ns)
    assert not covered([Window("sat 02:00", 60, A, "berlin")], [About("", "berlin")], now_ns)


def test_over() -> None:
    """A window of every week never is; one of a time is from its end on."""
    once = Window("2027-01-15T08:00:00Z", 60)

    assert not Window("sat 02:00", 60).is_over(at("2099-01-01T00:00:00Z"))
    assert not once.is_over(at("2027-01-15T08:59:59Z"))
    assert once.is_over(at("2027-01-15T09:00:00Z"))


@pytest.mark.parametrize("begins", ["", "sat", "sat 25:00", "tomorrow", "2027-01-15T08:00:00"])
def test_no_time_is_refused(begins: str) -> None:
    """A window without a time, or with one of no zone, ends the start."""
    with pytest.raises(ConfigError, match=r"maintenance\.begins"):
        Window(begins=begins).check()


def test_when_it_is_on_next() -> None:
    """Now or else next, of a weekly one within a week; one that is over never."""
    monday = 4 * 24 * 60
    weekly, once = Window("mon 00:30", 60), Window("1970-01-05T00:30:00Z", 60)
    begins = monday + 30, monday + 30 + 7 * 24 * 60
    first, next_one = ((at * MINUTE_NS, (at + 60) * MINUTE_NS) for at in begins)
    times = [(monday + minute) * MINUTE_NS for minute in (0, 30, 89, 90)]

    assert [weekly.next_ns(at_ns) for at_ns in times] == [first, first, first, next_one]
    assert [once.next_ns(at_ns) for at_ns in times] == [first, first, first, None]
    for at_ns in range(0, 7 * 24 * 60 * MINUTE_NS, 17 * MINUTE_NS):
        begins_ns, ends_ns = weekly.next_ns(at_ns) or (0, 0)
        assert (begins_ns <= at_ns < ends_ns) == weekly.is_on(at_ns)
        assert at_ns < ends_ns
