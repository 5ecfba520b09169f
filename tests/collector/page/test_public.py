"""Rules of what anybody may know."""

from alarms import T0_NS, Run, S, down, report

from modpulse.collector.alerts.maintenance import Window
from modpulse.collector.health.reason import plain
from modpulse.collector.health.scope import Scope
from modpulse.collector.insight.recent import Day, Recent
from modpulse.collector.page.public import MOST_PLANNED, Public, public

DAY_S = 86_400


def made(*reports: object, **more: object) -> Public:
    """What is known of some proxies."""
    values = {"recents": (), "incidents": (), "windows": (), "objective": 0.99, "words": {}} | more
    return public(reports, at_ns=T0_NS, wall_offset_ns=0, **values)  # type: ignore[arg-type]


def test_no_name() -> None:
    """No proxy, host, agent, evidence or failure is in it, whatever the incidents are of."""
    run = Run()
    scope = Scope("host", plain("only build-7"), "build-7", frozenset({"build-7"}))
    seen = down("https://secret.example"), report("https://b.example", scope=scope)
    run.steps(400, *seen, heard_ns={"build-9": 0})
    windows = (Window("sat 02:00", 60, "https://secret.example", "site-x"),)
    found = made(*seen, incidents=run.state.incidents.values(), windows=windows)

    assert (found.state, found.fine, found.total, found.is_open) == ("down", 1, 2, 2)
    assert {line.topic for line in found.incidents} == {"proxy"}
    for name in ("secret", "example", "build", "outage", "tcp", "site-x"):
        assert name not in repr(found)


def test_days_of_all_together() -> None:
    """Requests of a day are added up; how many there were is told to nobody."""
    recents = [Recent((Day(0, 98, 2), Day(DAY_S, 0, 0)), ()), Recent((Day(0, 100, 0),), ())]
    found = made(recents=recents)

    assert found.served == 0.99
    assert [bar.label for bar in found.days] == ["1970-01-01: 99.00 %", "1970-01-02: –"]
    assert [bar.level for bar in found.days] == ["good", "unseen"]


def test_maintenance_is_told_by_its_time() -> None:
    """What is on or comes soon, each time once; what is over or far away is not told."""
    on, soon, over, far = (
        Window(f"2027-{when}:00Z", 60)
        for when in ("01-15T07:30", "01-16T08:00", "01-14T08:00", "03-01T08:00")
    )
    found = made(windows=(far, over, soon, on, on)).planned

    assert [(one.is_on, (one.begins_ns - T0_NS) // (3600 * S)) for one in found] == [
        (True, -1), (False, 24)
    ]  # fmt: skip
    weekly = tuple(Window(f"mon 0{hour}:00", 10) for hour in range(9))
    assert len(made(windows=weekly).planned) == MOST_PLANNED
