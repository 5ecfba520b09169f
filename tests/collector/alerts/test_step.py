"""Rules of incidents and notices, step by step; a step is ten seconds."""

from dataclasses import replace
from itertools import pairwise

import pytest
from alarms import DAY_S, T0_NS, Run, S, down, report
from hypothesis import given, settings
from hypothesis import strategies as st

from modpulse.agent.service.units import NS
from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.alerts.maintenance import Window
from modpulse.collector.alerts.notice import Notice, addressed
from modpulse.collector.alerts.reading import Observation
from modpulse.collector.alerts.rules import Alerting
from modpulse.collector.alerts.step import State, restored
from modpulse.collector.health.evidence import Timeline, weigh
from modpulse.collector.health.reason import plain
from modpulse.collector.health.report import Report
from modpulse.collector.health.scope import Scope
from modpulse.collector.intake.arrival import Counts

A, B, C = (f"https://{name}.example" for name in "abc")
MONDAY = "2027-01-18"
"""Three days after T0_NS, a Friday at 08:00 UTC."""


def scoped(proxy: str, kind: str, who: str) -> Scope:
    return Scope(kind, plain(f"only {who}"), who, frozenset({"build-7"}))  # type: ignore[arg-type]


def test_an_outage_is_told_once_and_its_end_once() -> None:
    """Down for 30 s: opened; a minute of answers: closed; nothing in between and nothing after."""
    run = Run()
    run.steps(300, down())
    run.steps(600, report())

    assert run.kinds == [(30, "opened"), (360, "closed")]
    incident = run.told[0][2]
    assert (incident.severity, incident.since_ns, incident.opened_ns) == (
        "P0", T0_NS, T0_NS + 30 * S
    )  # fmt: skip
    assert run.told[1][2].closed_ns == T0_NS + 360 * S


def test_a_short_outage_is_nobodys_business() -> None:
    """What is over within 30 s was pending, and no incident."""
    run = Run()
    run.steps(30, down())
    run.steps(60, report())

    assert (run.told, run.state.incidents) == ([], {})


def test_silence_is_not_recovery() -> None:
    """Nobody asks any more: the state is unknown, and soon `healthy` without an answer."""
    run = Run()
    run.steps(60, down())
    run.steps(600, report(state="unknown", served=0))
    run.steps(600, report(state="healthy", served=0))
    run.steps(600)

    assert run.kinds == [(30, "opened")]
    assert len(run.open) == 1


def test_one_cause_is_one_incident() -> None:
    """Three proxies that time out within minutes are one incident, told again after five."""
    run = Run()
    run.steps(60, down(A, "tcp.timeout"))
    run.steps(60, down(A, "tcp.timeout"), down(B, "dns.timeout"))
    run.steps(600, *(down(proxy, "tcp.timeout") for proxy in (A, B, C)))
    run.steps(100, *(report(proxy) for proxy in (A, B, C)))

    assert run.kinds == [(30, "opened"), (330, "updated"), (780, "closed")]
    assert run.told[-1][2].proxies == (A, B, C)


def test_another_cause_is_another_incident() -> None:
    """A certificate here and time-outs there are two, though they come together."""
    run = Run()
    run.steps(60, down(A, "tls.expired"), down(B, "tcp.timeout"))

    assert [kind for _, kind in run.kinds] == ["opened", "opened"]
    assert [incident.cause for incident in run.open] == ["tls", "network"]


def test_what_comes_much_later_is_another_incident() -> None:
    """The same cause an hour later is not the same story; the same proxy is."""
    run = Run()
    run.steps(3600, down(A))
    run.steps(60, down(A), down(B))

    assert len(run.open) == 2
    run.steps(300, report(A, "degraded", failures={"http.5xx": 3}), down(B))
    assert len(run.open) == 2


def test_one_sick_resolver_is_one_incident() -> None:
    """It shows at each proxy; who is told hears of one."""
    run = Run()
    run.steps(300, *(report(p, scope=scoped(p, "resolver", "10.0.0.53")) for p in (A, B, C)))

    assert run.kinds == [(180, "opened")]
    assert (run.told[0][2].severity, run.told[0][2].proxies) == ("P2", (A, B, C))


def test_a_host_alone_recovers_by_its_own_answers() -> None:
    """That the proxy serves others proves nothing for the host that saw failures."""
    run = Run()
    run.steps(200, report(A, scope=scoped(A, "host", "build-7")))
    run.steps(600, report(A))
    assert len(run.open) == 1
    key = Key("host", A, "build-7")
    run.steps(200, report(A), served_ns={key: run.now_ns - 120 * S})
    assert len(run.open) == 1
    run.steps(200, report(A), served_ns={key: run.now_ns + 200 * S})

    assert [kind for _, kind in run.kinds] == ["opened", "closed"]


def test_a_host_that_is_served_again_is_not_told() -> None:
    """Though its failures are remembered yet: what was served since is no chance."""
    run, alone = Run(), scoped(A, "host", "build-7")
    failing = weigh(seen_at(run.now_ns, 9, 0), run.now_ns, NS, NS)
    over = weigh(seen_at(run.now_ns, 9, 60), run.now_ns, NS, NS)
    run.steps(600, replace(report(A, scope=alone), own=over))
    assert run.kinds == []
    run.steps(200, replace(report(A, scope=alone), own=failing))
    run.steps(200, replace(report(A, scope=alone), own=over))

    assert [kind for _, kind in run.kinds] == ["opened", "closed"]


def seen_at(now_ns: int, failed: int, served: int) -> Timeline:
    """Failures, and then what was served."""
    timeline = Timeline()
    timeline.add(now_ns - 60 * S, Counts(failures={"tcp.timeout": failed}))
    timeline.add(now_ns - 30 * S, Counts(ok=served))
    return timeline


def test_it_gets_worse() -> None:
    """One host, then all, of the same: one incident, and the graver severity is told at once."""
    run, other = Run(), Run()
    alone = scoped(A, "host", "build-7")
    run.steps(200, report(A, failures={"tcp.refused": 3}, scope=alone))
    run.steps(60, down(A))
    other.steps(200, report(A, failures={"tls.untrusted": 3}, scope=alone))
    other.steps(60, down(A))

    assert run.kinds == [(180, "opened"), (230, "updated")]
    assert [incident.severity for _, _, incident in run.told] == ["P2", "P0"]
    assert run.told[-1][2].severities == ("P0", "P2")
    assert other.kinds == [(180, "opened"), (230, "opened")]


def test_a_half_recovery_closes_nothing() -> None:
    """From down to slow is one incident, without an end in between."""
    run = Run()
    run.steps(60, down(A))
    run.steps(400, report(A, "degraded", gate="slow"))
    assert run.kinds == [(30, "opened"), (330, "updated")]
    assert [m.key.rule for m in run.open[0].firing] == ["degraded"]
    run.steps(200, report(A))

    assert [kind for _, kind in run.kinds] == ["opened", "updated", "closed"]


def test_flapping_is_one_incident_with_fewer_notices() -> None:
    """A proxy that is down every other two minutes for two hours is not thirty stories."""
    run = Run()
    for _ in range(30):
        run.steps(120, down(A))
        run.steps(120, report(A))

    assert len(run.state.incidents) == 1
    assert len(run.told) <= 8


def test_certificates() -> None:
    """Thirty days, seven, one: told at each, gone with the next certificate."""
    run = Run()
    for left_s, part in ((20 * DAY_S, 0.6), (6 * DAY_S, 0.2), (0.5 * DAY_S, 0.2)):
        run.steps(100, report(A, left_s=left_s, part=part))
    assert [i.severity for _, _, i in run.told] == ["P2", "P1", "P0"]
    run.steps(100, report(A, left_s=5 * DAY_S, part=1.0))

    assert [kind for _, kind in run.kinds] == ["opened", "updated", "updated", "closed"]


def test_for_each_channel_it_opens_first_and_closes_once() -> None:
    """Whoever takes P0 alone hears first when it is that; who was told nothing hears of no end."""
    run = Run()
    run.steps(300, report(A, "degraded", failures={"http.5xx": 3}))
    run.steps(100, down(A))
    run.steps(200, report(A))
    channels = {"all": ("P0", "P1", "P2"), "grave": ("P0",), "slow": ("P1",), "some": ("P2",)}
    notices = [Notice(kind, incident, 0) for _, kind, incident in run.told]  # type: ignore[arg-type]
    told = addressed(notices, channels)  # type: ignore[arg-type]

    assert [kind for _, kind in run.kinds] == ["opened", "updated", "closed"]
    assert {name: [n.kind for to, n in told if to == name] for name in channels} == {
        "all": ["opened", "updated", "closed"], "grave": ["opened", "closed"],
        "slow": ["opened", "updated", "closed"], "some": [],
    }  # fmt: skip


def test_what_is_left_of_an_outage_is_no_news() -> None:
    """Its failures count for ten minutes more; who is served again is told the end, once."""
    run = Run()
    run.steps(120, down(A))
    left = report(A, "degraded", served=90, failures={"tcp.refused": 212})
    last_minute = replace(left.evidence, recent=Counts(ok=90, windows=1))
    run.steps(600, replace(left, evidence=last_minute))

    assert run.kinds == [(30, "opened"), (180, "closed")]


def test_few_answers_are_no_news_either() -> None:
    """Too few to prove that it is well, but none failed: nothing new is told until it is known."""
    run = Run()
    run.steps(120, down(A))
    left = report(A, "degraded", served=9, failures={"tcp.refused": 212})
    run.steps(600, replace(left, evidence=replace(left.evidence, recent=Counts(ok=9, windows=1))))

    assert run.kinds == [(30, "opened"), (180, "closed")]


def test_bursts_are_no_residue() -> None:
    """A minute without failures is a pause, not the end, of a proxy that fails in bursts."""
    run = Run()
    bursts = report(A, "degraded", served=900, failures={"http.5xx": 90})
    calm = replace(bursts, evidence=replace(bursts.evidence, recent=Counts(ok=90, windows=1)))
    for _ in range(5):
        run.steps(20, bursts)
        run.steps(30, calm)

    assert run.kinds == [(200, "opened")]


def test_bursts_after_an_outage_that_was_told() -> None:
    """What fails again after its end was told is told again, and is no P0 if nobody was cut off."""
    run = Run()
    bursts = report(A, "degraded", served=900, failures={"http.5xx": 90})
    calm = replace(bursts, evidence=replace(bursts.evidence, recent=Counts(ok=90, windows=1)))
    run.steps(60, down(A))
    run.steps(100, calm)
    for _ in range(6):
        run.steps(40, bursts)
        run.steps(40, calm)

    assert [kind for _, kind in run.kinds] == ["opened", "closed", "opened"]
    (incident,) = run.open
    assert (incident.severity, incident.gravest, incident.is_again) == ("P1", "P0", True)


def test_what_is_over_is_not_told_again() -> None:
    """The state goes on for some minutes after the last failure; the alert that ended does not."""
    run = Run()
    sick = report(A, "degraded", served=100, failures={"http.5xx": 90})
    after = report(A, "degraded", served=100, failures={"http.5xx": 90}, served_since=20)
    over = replace(after, evidence=replace(after.evidence, recent=Counts(ok=90, windows=1)))
    part = replace(over, scope=Scope("address", plain("only there"), "192.0.2.1"))
    for one, then in ((sick, over), (replace(sick, scope=part.scope), part)):
        run = Run()
        run.steps(300, one)
        run.steps(600, then)
        assert run.kinds == [(180, "opened"), (420, "closed")]


def test_slow_after_an_outage_is_told_as_slow() -> None:
    """It is no longer down, and that is told with what it is now; its end is told once."""
    run = Run()
    run.steps(100, down(A))
    run.steps(400, report(A, "degraded", "slow", served=100))
    run.steps(300, report(A))

    told = [(kind, {m.key.rule for m in incident.firing}) for _, kind, incident in run.told]
    assert told == [("opened", {"down"}), ("updated", {"degraded"}), ("closed", set())]


def test_who_is_well_again_is_told_though_others_are_not() -> None:
    """Of proxies that fell together one that works again is news."""
    run = Run()
    run.steps(100, down(A), down(B))
    run.steps(400, down(A), report(B))

    kinds = [kind for _, kind, _ in run.told]
    assert kinds == ["opened", "updated"]
    assert {m.key.proxy for m in run.told[-1][2].firing} == {A}


def test_a_host_that_failed_with_all_is_not_alone() -> None:
    """Who has not asked since an outage is not the only one who cannot use it."""
    run = Run()
    fell_ns = run.now_ns + 90 * S
    run.steps(100, down(A))
    alone = Scope("host", plain("only b-1"), "b-1", frozenset({"b-1"}), failed_ns=fell_ns)
    run.steps(400, report(A, failures={"tcp.refused": 9}, scope=alone))
    since = replace(alone, failed_ns=fell_ns + 200 * S)

    assert [kind for _, kind in run.kinds] == ["opened", "closed"]
    run.steps(400, report(A, failures={"tcp.refused": 9}, scope=since))
    assert [kind for _, kind in run.kinds] == ["opened", "closed", "opened"]


@pytest.mark.parametrize("days_before", [0, 20])
def test_an_expired_certificate_is_one_incident(days_before: int) -> None:
    """That it has ended, and that nobody is served for that, is one story; so with the next one."""
    run = Run()
    if days_before:
        run.steps(100, report(A, left_s=20 * DAY_S, part=0.6))
    ended = down(A, failure="tls.expired", left_s=-60.0, part=0.2)
    run.steps(400, ended)
    run.steps(200, report(A, left_s=90 * DAY_S, part=1.0))

    assert len(run.state.incidents) == 1
    assert [kind for _, kind in run.kinds][-1] == "closed"
    assert run.told[-1][2].severity == "P0"


def test_an_expiry_is_the_certificates_alone() -> None:
    """A proxy that is degraded for its certificate's age only is no slow proxy."""
    run = Run()
    run.steps(600, report(A, "degraded", gate="expiry", left_s=6 * DAY_S, part=0.2))

    assert {member.key.rule for member in run.open[0].members} == {
        "certificate_near", "certificate_soon"
    }  # fmt: skip


def test_silent_agents_are_one_incident() -> None:
    """A rack that is off is one notice; nobody is silent before somebody listened."""
    run = Run()
    heard = {f"build-{n}": T0_NS - 3600 * S for n in range(40)}
    run.steps(300, heard_ns=heard, listening_ns=T0_NS)
    assert run.told == []
    run.step(heard_ns=heard, listening_ns=T0_NS)
    run.steps(100, heard_ns=dict.fromkeys(heard, run.now_ns + 100 * S))

    assert run.kinds == [(300, "opened"), (340, "closed")]
    assert len(run.told[0][2].members) == 40


def test_a_dead_channel_is_told() -> None:
    """A channel that takes nothing for five minutes is an incident for the others."""
    run = Run()
    run.steps(310, dead_ns={"mail": T0_NS})
    run.steps(10, dead_ns={"mail": None})

    assert run.kinds == [(300, "opened"), (310, "closed")]
    assert run.told[0][2].topic == "channel"


def test_maintenance() -> None:
    """In a window nobody is told; what goes on after it is told then."""
    window = Window(begins="2027-01-15T08:00:00Z", minutes=10, proxy=A)
    run = Run(maintenance=(window,))
    run.steps(900, down(A), down(B, "tls.expired"))
    run.steps(120, report(A), report(B))

    assert [(at_s, i.proxies) for at_s, kind, i in run.told if kind == "opened"] == [
        (30, (B,)), (600, (A,))
    ]  # fmt: skip
    assert [kind for _, kind in run.kinds].count("closed") == 2


def test_what_began_and_ended_in_maintenance_is_never_told() -> None:
    """It is kept as an incident, without a notice."""
    run = Run(maintenance=(Window(begins="fri 07:30", minutes=60),))
    run.steps(300, down(A))
    run.steps(3600, report(A))

    assert run.told == []
    assert [incident.closed_ns is None for incident in run.state.incidents.values()] == [False]


def test_a_restart_goes_on() -> None:
    """What fired is known and not told again, what pended begins anew, and ids go on."""
    run = Run()
    run.steps(60, down(A))
    run.steps(20, down(A), down(B, "tls.expired"))
    run.now_ns += 600 * S
    run.state = restored(run.state.incidents.values(), 2, run.now_ns)
    run.steps(20, down(A), down(B, "tls.expired"))
    assert run.kinds == [(30, "opened")]
    run.steps(20, down(A), down(B, "tls.expired"))
    run.steps(100, report(A), report(B))

    assert [kind for _, kind in run.kinds] == ["opened", "opened", "closed", "closed"]
    assert sorted(run.state.incidents) == [1, 2]


def test_a_step_that_was_not_kept_is_taken_again() -> None:
    """The same state and moment give the same changes: a full disk loses nothing."""
    run = Run()
    run.steps(30, down(A))
    before = run.state
    first = run.step(down(A))
    run.state, run.now_ns = before, run.now_ns - 10 * S
    again = run.step(down(A))

    assert (first.notices, first.incidents) == (again.notices, again.incidents)
    assert len(first.notices) == 1


def test_a_pause_is_no_time_that_it_held() -> None:
    """After a minute without a step what pended begins anew."""
    run = Run()
    run.steps(20, down(A))
    run.now_ns += 600 * S
    run.steps(30, down(A))

    assert run.told == []


STATES = st.sampled_from(["down", "degraded", "healthy", "silent", "gone"])


@settings(max_examples=200)
@given(st.lists(st.tuples(STATES, STATES, st.integers(1, 40)), max_size=25))
def test_whatever_happens_each_incident_is_a_story(
    script: list[tuple[str, str, int]],
) -> None:
    """Opened first, closed last, told by one number more each time; what is open has an alert."""
    made = {
        "down": lambda proxy: [down(proxy)],
        "degraded": lambda proxy: [report(proxy, "degraded")],
        "healthy": lambda proxy: [report(proxy)],
        "silent": lambda proxy: [report(proxy, "unknown", served=0)],
        "gone": lambda _: [],
    }
    run = Run()
    for one, other, steps in script:
        run.steps(10 * steps, *made[one](A), *made[other](B))
    stories: dict[int, list[str]] = {}
    for _, kind, incident in run.told:
        stories.setdefault(incident.id, []).append(kind)
        assert incident.told
        assert incident.told.count == len(stories[incident.id])
    for kinds in stories.values():
        assert kinds[0] == "opened"
        for before, after in pairwise(kinds):
            assert (before == "closed") == (after == "opened")
    for incident in run.state.incidents.values():
        firing = [key for key, number in run.state.of.items() if number == incident.id]
        assert (incident.closed_ns is None) == bool(firing)
        assert {member.key for member in incident.firing} == set(firing)
    assert set(run.state.of) == {k for k, a in run.state.alerts.items() if a.is_firing}


def test_nothing_is_told_of_quiet_days() -> None:
    """Healthy proxies and silent nights are no incident."""
    run = Run()
    for state, served in (("healthy", 9), ("unknown", 0), ("healthy", 9)):
        run.steps(2000, report(A, state, served=served), report(B))

    assert (run.told, run.state.alerts) == ([], {})


def test_the_rules_can_be_chosen() -> None:
    """Each time is a key."""
    run = Run(replace(Alerting(), down_for_seconds=0.0, down_keep_firing_for_seconds=0.0))
    run.step(down(A))
    run.step(report(A))

    assert run.kinds == [(0, "opened"), (10, "closed")]


def test_the_state_is_a_value() -> None:
    """A step changes nothing of the state before."""
    run = Run()
    run.steps(30, down(A))
    before = (dict(run.state.alerts), dict(run.state.incidents), run.state.next_id)
    held: State = run.state
    run.stepper.step(held, Observation(reports=[down(A)]), run.now_ns)

    assert (dict(held.alerts), dict(held.incidents), held.next_id) == before


def test_maintenance_of_a_site() -> None:
    """Agents of a site that is in maintenance fall silent unheard; another's are told."""
    window = Window("2027-01-15T08:00:00Z", 60, site="berlin")
    sites = {"b-1": "berlin", "p-1": "paris"}
    quiet, told = Run(maintenance=(window,)), Run(maintenance=(window,))
    quiet.steps(900, report(), heard_ns={"b-1": 0}, sites=sites)
    # Once it is forgotten where the agent was, the incident still knows.
    quiet.steps(900, report(), heard_ns={}, sites={})
    told.steps(900, report(), heard_ns={"b-1": 0, "p-1": 0}, sites=sites)

    assert quiet.told == []
    assert [kind for _, kind in told.kinds] == ["opened"]
    quiet.steps(2400, report())
    assert [kind for _, kind in quiet.kinds] == ["opened"]


def ill(scope: Scope) -> Report:
    """A proxy that fails for some."""
    return report(state="degraded", failures={"http.5xx": 9}, scope=scope)


def test_a_site_does_not_mute_a_proxy() -> None:
    """A proxy that is down for all is told; one that is sick for that site alone is not."""
    window = Window("2027-01-15T08:00:00Z", 60, site="berlin")
    run, there, elsewhere = (Run(maintenance=(window,)) for _ in range(3))
    run.steps(60, down(), sites={"b-1": "berlin"})
    there.steps(600, ill(Scope("site", plain("only there"), "berlin")))
    elsewhere.steps(600, ill(Scope("site", plain("only there"), "paris")))

    assert run.kinds == [(30, "opened")]
    assert there.kinds == []
    assert [kind for _, kind in elsewhere.kinds] == ["opened"]
