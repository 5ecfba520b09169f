"""Rules of incidents in a list."""

from dataclasses import replace

from alarms import Run, down, report

from modpulse.collector.alerts.incident import Incident
from modpulse.collector.page.lines import lines, newest_first

S = 1_000_000_000


def outage(proxy: str = "https://sick.example") -> Incident:
    """An open incident."""
    run = Run()
    run.steps(200, down(proxy), report("https://b.example"))
    (incident,) = run.open
    return incident


def test_a_line() -> None:
    """It says what is wrong, since when and for how long; its severity is beside the title."""
    incident = outage()
    (line,) = lines([incident], "en", incident.since_ns + 90 * S, 7 * S)

    assert line.title == "sick.example is down"
    assert (line.since_ns, line.for_s) == (incident.since_ns + 7 * S, 90)
    assert (line.is_open, line.page) == (True, f"/incidents/{incident.name}")


def test_a_closed_one() -> None:
    """It lasted until its end, whatever the time is."""
    incident = replace(outage(), closed_ns=outage().since_ns + 30 * S)
    (line,) = lines([incident], "zh", incident.since_ns + 9_000 * S, 0)

    assert (line.is_open, line.for_s) == (False, 30)
    assert "sick.example" in line.title


def test_the_order() -> None:
    """Open ones first, the gravest before the newest; then those that were closed last."""
    one = outage()
    grave, newer = replace(one, id=1, severities=("P0",)), replace(one, id=3, severities=("P1",))
    older = replace(one, id=2, severities=("P1",))
    ended = [replace(one, id=n, closed_ns=one.since_ns + n) for n in (4, 5)]

    found = newest_first([ended[0], older, newer, grave, ended[1]])

    assert [incident.id for incident in found] == [1, 3, 2, 5, 4]
