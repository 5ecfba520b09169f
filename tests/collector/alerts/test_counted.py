"""Rules of what counts: budgets, early signs and `dynamic`, from reports to readings."""

from dataclasses import replace

import pytest
from alarms import T0_NS, down, report

from modpulse.collector.alerts.counted import MAX_UNWRITTEN, Counted, Row
from modpulse.collector.alerts.lifecycle import Alert, Key
from modpulse.collector.alerts.rules import Alerting
from modpulse.collector.health.reason import sentence
from modpulse.collector.intake.arrival import Counts

PROXY = "https://sick.example"
S = 1_000_000_000
SLOT0 = T0_NS // (10 * S)
FAST, SLOW, EARLY, DYNAMIC = (
    Key(rule, PROXY) for rule in ("burn_fast", "burn_slow", "early", "dynamic")
)  # type: ignore[arg-type]


HOLDS = {"so": True, "not": False, "unknown": None}


class Played:
    """Ten seconds after ten seconds, each with so many answers and failures."""

    def __init__(self, alerting: Alerting | None = None) -> None:
        self.counted = Counted(alerting or Alerting())
        self.slot = SLOT0
        self.alerts: dict[Key, Alert] = {}

    def minutes(self, minutes: int, ok: int, failed: int = 0, p95_ms: float | None = None) -> None:
        """Let time pass."""
        for _ in range(6 * minutes):
            counts = Counts(ok=ok, failures={"http.5xx": failed} if failed else {})
            quantiles = {} if p95_ms is None else {"first_byte_small": {"p95": p95_ms}}
            said = replace(report(PROXY), settled=((self.slot, counts),), quantiles_ms=quantiles)
            self.counted.take([said], self.alerts)
            self.slot += 1

    def readings(self) -> dict[Key, bool | None]:
        """What holds now."""
        found = self.counted.see(self.alerts, (), self.slot * 10 * S)
        return {key: HOLDS[condition.says] for key, condition in found.items()}


def test_a_proxy_that_fails_as_promised() -> None:
    """Nothing holds, and that is known."""
    played = Played()
    played.minutes(120, 20)

    assert played.readings() == {FAST: False, SLOW: False, EARLY: False}


def test_two_of_a_hundred() -> None:
    """The budget burns; the sum of the early sign does not grow at that share."""
    played = Played()
    played.minutes(60, 50)
    played.minutes(40, 49, 1)
    found = played.readings()

    assert (found[FAST], found[EARLY]) == (True, False)


def test_an_early_sign_and_its_end() -> None:
    """It holds after minutes, says which class, and ends with answers."""
    played = Played()
    played.minutes(60, 20)
    played.minutes(3, 16, 4)
    found = played.counted.see({}, (), T0_NS)[EARLY]
    played.minutes(10, 20)

    assert (found.says, found.facts.failure) == ("so", "http.5xx")
    assert sentence(found.facts.evidence[0]).startswith("http.5xx: ")
    assert played.readings()[EARLY] is False


@pytest.mark.parametrize("phase", ["pending", "firing"])
def test_what_its_state_tells_is_not_told_twice(phase: str) -> None:
    """While `down` is on its way or fires, these rules say nothing, and sums begin anew."""
    played = Played()
    played.minutes(60, 20)
    key = Key("down", PROXY)
    played.alerts[key] = Alert(key=key, phase=phase, pending_ns=T0_NS, proven_ns=T0_NS)  # type: ignore[arg-type]
    played.minutes(10, 0, 20)

    assert set(played.readings().values()) == {None}
    played.alerts.clear()
    assert played.readings()[EARLY] is False


def test_dynamic_is_off_until_it_is_wanted() -> None:
    """Then a p95 or a share of failures above the day's mean + 2 σ holds."""
    played = Played(Alerting(dynamic="on"))
    played.minutes(180, 20, 0, 100.0)
    assert played.readings()[DYNAMIC] is False
    played.minutes(10, 20, 0, 900.0)

    assert played.readings()[DYNAMIC] is True
    assert DYNAMIC not in Played().readings()


def test_silence_moves_the_windows_on() -> None:
    """Three failures of a nightly job are not of the next morning: nobody knows."""
    played = Played()
    played.minutes(60, 50)
    played.minutes(10, 47, 3)
    assert played.readings()[FAST] is True
    played.slot += 6 * 60

    assert played.readings()[FAST] is None


def test_minutes_are_written_once() -> None:
    """A minute is due when it is over, and restored it counts as it did."""
    played = Played()
    played.minutes(60, 19, 1)
    rows = played.counted.due()
    played.counted.written(rows)
    again = Played()
    again.slot = played.slot
    again.counted.restore(rows)
    again.counted.take([replace(report(PROXY), settled=((SLOT0, Counts(ok=5)),))], {})

    assert len(rows) == 59
    assert rows[0] == Row(PROXY, T0_NS // S, 19 * 6, {"http.5xx": 6})
    assert played.counted.due() == []
    assert again.readings()[FAST] is True
    assert again.counted.due() == []


def test_a_disk_that_takes_nothing() -> None:
    """So many minutes wait; more are counted, not held."""
    counted = Counted(Alerting())
    names = [f"https://{number}.example" for number in range(2000)]
    for minute in range(MAX_UNWRITTEN // 2000 + 2):
        slot = SLOT0 + 6 * minute
        counted.take([replace(report(n), settled=((slot, Counts(ok=1)),)) for n in names], {})

    assert len(counted.due()) == MAX_UNWRITTEN
    assert counted.dropped == 2000


def test_a_proxy_that_is_gone() -> None:
    """What is not reported any more is let go."""
    played = Played()
    played.minutes(5, 1)
    played.counted.take([down("https://other.example")], {})

    assert played.readings() == {}
