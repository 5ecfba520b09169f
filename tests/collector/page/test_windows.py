"""Rules of windows in a list."""

from modpulse.collector.alerts.maintenance import Announced, Window
from modpulse.collector.page.windows import window_lines

NS = 1_000_000_000
NOON_NS = 1_800_014_400 * NS  # 2027-01-15T12:00:00Z


def test_what_is_on_comes_first() -> None:
    """What is over is gone; who announced it and its number are there, to end it by."""
    configured = [Window("sat 02:00", 60)]
    announced = [
        Announced(1, Window("2027-01-15T08:00:00Z", 30), "token bob", 0),
        Announced(2, Window("2027-01-15T11:30:00Z", 60, "https://a"), "token alice", 0),
    ]
    lines = window_lines(configured, announced, NOON_NS)

    assert [(line.number, line.is_on, line.who) for line in lines] == [
        (2, True, "token alice"),
        (0, False, ""),
    ]
    assert lines[0].proxy == "a"
