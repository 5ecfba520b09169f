"""Rules of what anybody may know."""

import json

from alarms import T0_NS, Run, S, down, report

from modpulse.collector.health.reason import plain
from modpulse.collector.health.scope import Scope
from modpulse.collector.http.public import MOST_PUBLIC, public_document


def test_nothing_known() -> None:
    """Without a proxy nothing is known; a healthy one does not hide one that is down."""
    states = [
        public_document(reports, (), T0_NS, 0, {})["state"]
        for reports in (
            (), (report(state="unknown"),), (report(), report(state="unknown")),
            (report(), report(state="degraded")), (report(state="degraded"), down(), report()),
        )
    ]  # fmt: skip

    assert states == ["unknown", "unknown", "healthy", "degraded", "down"]


def test_no_name() -> None:
    """No proxy, host, agent, evidence or failure is in it, whatever the incidents are of."""
    run = Run()
    scope = Scope("host", plain("only build-7"), "build-7", frozenset({"build-7"}))
    seen = down("https://secret.example"), report("https://b.example", scope=scope)
    run.steps(400, *seen, heard_ns={"build-9": 0})
    incidents = run.state.incidents.values()
    document = public_document(seen, incidents, run.now_ns, S, {})
    text = json.dumps(document)

    assert {incident.topic for incident in incidents} == {"proxy", "agent"}
    assert {entry["topic"] for entry in document["incidents"]} == {"proxy"}
    for name in ("secret", "example", "build", "outage", "tcp", "refused", "b."):
        assert name not in text
    assert document["incidents"][-1]["since"] == "2027-01-15T08:00:01.000Z"


def test_what_is_muted_stays_so() -> None:
    """An incident that nobody was told of is not told here."""
    run = Run()
    run.steps(30, down())
    untold = public_document([down()], run.state.incidents.values(), T0_NS, 0, {})

    assert untold["incidents"] == []
    assert untold["proxies"] == {"unknown": 0, "healthy": 0, "degraded": 0, "down": 1}


def test_the_newest() -> None:
    """Of many incidents the newest are told."""
    run = Run()
    for n in range(MOST_PUBLIC + 5):
        run.steps(60, down(f"https://p{n}.example"))
        run.steps(1200, report(f"https://p{n}.example"))
    document = public_document([], run.state.incidents.values(), run.now_ns, 0, {})
    times = [entry["since"] for entry in document["incidents"]]

    assert len(run.state.incidents) == MOST_PUBLIC + 5
    assert len(times) == MOST_PUBLIC
    assert {entry["state"] for entry in document["incidents"]} == {"closed"}
