"""Rules of what badges say."""

from dataclasses import replace

from modpulse.collector.page.badges import LEFT, badge_words
from modpulse.collector.page.public import BADGES, public

FINE = replace(public((), (), (), (), 0.99, 0, 0, {}), state="healthy")
SICK = replace(FINE, state="degraded", total=4, fine=3, is_open=2)


def test_each_badge_says_something() -> None:
    """In both languages, with the colour of its state."""
    assert set(LEFT) == set(BADGES)
    assert badge_words("status", SICK, "en") == ("modpulse", "degraded", "degraded")
    assert badge_words("status", SICK, "zh") == ("modpulse", "异常", "degraded")
    assert badge_words("proxies", SICK, "en") == ("Proxies", "3 / 4", "degraded")
    assert badge_words("incidents", SICK, "zh") == ("事件", "2", "degraded")
    assert badge_words("incidents", FINE, "en")[1:] == ("0", "healthy")
