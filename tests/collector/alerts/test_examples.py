"""Rules of the worst requests that are kept with an incident."""

from dataclasses import replace

from alarms import T0_NS, Run, S, down, report
from histories import REQUEST

from modpulse.collector.alerts.examples import MAX_EXAMPLES, OF_ONE_PROXY
from modpulse.collector.alerts.incident import Incident
from modpulse.collector.alerts.kept import incident_of, to_text
from modpulse.collector.health.reason import plain
from modpulse.collector.health.report import Report
from modpulse.collector.health.scope import Scope
from modpulse.collector.health.worst import OF_ONE_AGENT, WorstRequest


def request(agent: int = 0, took_ms: int = 100, at_s: int = 5, **more: object) -> WorstRequest:
    """A failure of an agent, so many seconds after all began."""
    values = {
        "agent_id": f"build-{agent}",
        "at_ns": T0_NS + at_s * S,
        "elapsed_ns": took_ms * 10**6,
    }
    return replace(REQUEST, **values | more)  # type: ignore[arg-type]


def telling(told: Report, *worst: WorstRequest) -> Report:
    """The report with its worst requests."""
    return replace(told, worst=worst)


def open_with(*reports: Report) -> Incident:
    """The incident that these open."""
    run = Run()
    run.steps(400, *reports)
    (incident,) = run.open
    return incident


def test_the_worst_of_what_was_seen_meanwhile() -> None:
    """What was before is none of it; failures go first, the longest first, of one host few."""
    before, long, short = request(at_s=-60), request(1, 900), request(2, 10)
    slow = request(3, 5_000, outcome="ok")
    many = [request(4, 300 + n, at_s=n) for n in range(9)]
    incident = open_with(telling(down(), before, short, long, slow, *many))

    assert [one.request for one in incident.worst] == [
        long, *sorted(many, key=lambda one: -one.elapsed_ns)[:OF_ONE_AGENT], short,
    ]  # fmt: skip
    assert {one.proxy for one in incident.worst} == {"https://sick.example"}


def test_what_is_kept() -> None:
    """What agents tell no more stays, a worse one takes a place, and what hung is told anew."""
    run = Run()
    hangs = request(0, 50, final=None)
    over = replace(hangs, elapsed_ns=60 * S, final="stopped")
    others = [request(n, 100 + n) for n in range(1, MAX_EXAMPLES)]
    run.steps(200, telling(down(), hangs, *others))
    (opened,) = run.open
    run.steps(30, telling(down(), over, request(50, 40)))
    changes = run.step(down())
    (incident,) = run.open

    assert hangs in [one.request for one in opened.worst]
    assert [one.request for one in incident.worst] == [over, *reversed(others)]
    assert incident_of(to_text(incident)) == incident
    run.steps(400, report())
    (closed,) = run.state.incidents.values()
    assert closed.closed_ns is not None
    assert closed.worst == incident.worst
    assert not changes.notices


def test_of_several_proxies() -> None:
    """None hides the other's."""
    worst = [request(n, 100 + n) for n in range(MAX_EXAMPLES)]
    incident = open_with(
        telling(down("https://a.example"), *worst), telling(down("https://b.example"), request(99))
    )
    of_a = [one for one in incident.worst if one.proxy == "https://a.example"]

    assert len(of_a) == OF_ONE_PROXY
    assert len(incident.worst) == OF_ONE_PROXY + 1


def test_examples_of_what_is_wrong() -> None:
    """Of a slow proxy what took long, of suspect misses these, of one host its own."""
    slow, failed = request(1, 9_000, outcome="ok"), request(2)
    suspect = request(3, outcome="suspect")
    scope = Scope("host", plain("only it"), "build-2", frozenset({"build-2"}))
    told = (slow, suspect, failed)
    cases = {
        "slow": (telling(report(state="degraded", gate="slow"), *told), [failed, slow]),
        "suspect": (
            telling(report(state="degraded", gate="suspect_misses", suspects=9), *told),
            [failed, suspect],
        ),
        "host": (
            telling(report(failures={"tcp.refused": 9}, scope=scope), *told, request(4)),
            [failed],
        ),
    }
    found = {
        name: [one.request for one in open_with(case).worst] for name, (case, _) in cases.items()
    }

    assert found == {name: expected for name, (_, expected) in cases.items()}
