"""Sequences of windows with literal times, and what the fleet says of each proxy."""

import dataclasses
from collections.abc import Callable

import pytest
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.report import Report
from modpulse.collector.health.score import Formula
from modpulse.collector.health.witnessing import MAX_WEIGHED, STEP_WITNESSES
from modpulse.collector.intake.arrival import Arrival, Leaf, Sighting

WINDOW_NS = 10 * S


def new_fleet() -> Fleet:
    """A fleet in whose sketches bucket N is 10 N ms."""
    return Fleet(Formula(), Rules(), lambda bucket: 10.0 * bucket)


def play(fleet: Fleet, *windows: list[Arrival]) -> list[dict[str, Report]]:
    """Feed windows of 10 s, judge at the end of each, and return what was said."""
    said = []
    for number, arrivals in enumerate(windows):
        for one in arrivals:
            fleet.merge(one)
        now_ns = T0_NS + (number + 1) * WINDOW_NS
        said.append({report.proxy: report for report in fleet.evaluate(now_ns)})
    return said


def window(number: int, *seen: object, agent_id: str = "build-1") -> Arrival:
    """One agent's batch of window `number`."""
    return arrival(*seen, end_ns=T0_NS + number * WINDOW_NS + 5 * S, agent_id=agent_id)


def states(said: list[dict[str, Report]], proxy: str = SICK) -> list[str]:
    """The state of one proxy, window by window."""
    return [reports[proxy].track.state for reports in said]


def test_healthy_slow_and_failing() -> None:
    """A good proxy is healthy at once, a slow one degraded after 3 windows, a failing one down."""
    slow, failing = "https://slow.example", "https://failing.example"
    said = play(
        new_fleet(),
        *(
            [
                window(
                    number,
                    sighting(GOOD, ok=10, first_byte={4: 9, 6: 1}),
                    sighting(slow, ok=10, first_byte={250: 10}),
                    sighting(failing, failures={"http.5xx": 4, "tcp.refused": 2}),
                )
            ]
            for number in range(4)
        ),
    )

    assert states(said, GOOD) == ["healthy"] * 4
    assert states(said, slow) == ["healthy", "healthy", "degraded", "degraded"]
    assert states(said, failing) == ["down"] * 4
    last = said[-1]
    assert last[failing].seen.cause == "http.5xx"
    assert last[failing].seen.consecutive_failures == 24
    assert last[failing].scope.words == "seen from one host only, build-1"
    assert [f.gate for f in last[slow].track.findings] == ["slow"]
    assert last[slow].track.since_ns == T0_NS + 3 * WINDOW_NS
    assert last[GOOD].scope.kind is None
    assert last[GOOD].score is not None
    assert last[GOOD].score.label == "Healthy"


def test_unknown_below_five() -> None:
    """Fewer than five requests and no gate say nothing."""
    said = play(new_fleet(), [window(0, sighting(ok=4))], [window(1, sighting(ok=1))])

    assert states(said) == ["unknown", "healthy"]


def test_silence_ends_in_unknown() -> None:
    """After ten minutes without a request nothing is known."""
    fleet = new_fleet()
    play(fleet, [window(0, sighting(ok=20))])
    report = fleet.evaluate(T0_NS + 620 * S)[0]

    assert (report.track.state, report.score) == ("unknown", None)


def test_low_traffic_outage() -> None:
    """With less traffic the last five outcomes within ten minutes make an outage."""
    fleet = new_fleet()
    served = sighting(GOOD, ok=1)
    fleet.merge(window(0, sighting(ok=1), served))
    states = []
    for number in range(4, 24, 4):
        fleet.merge(window(number, sighting(failures={"tcp.timeout": 1}), served))
        reports = {r.proxy: r for r in fleet.evaluate(T0_NS + (number + 1) * WINDOW_NS)}
        states.append(reports[SICK].track.state)

    assert states[-1] == "down"
    assert "down" not in states[:-1]
    assert reports[SICK].track.findings[0].evidence == "the last 5 requests all failed"


def test_quiet_outage_stays_down_until_the_evidence_is_gone() -> None:
    """A proxy that nobody asks since it failed stays down for ten minutes."""
    fleet = new_fleet()
    failing, served = sighting(failures={"dns.servfail": 9}), sighting(GOOD, ok=5)
    play(fleet, [window(0, failing, served)])
    for number in range(1, 55):
        fleet.merge(window(number, served))
        reports = fleet.evaluate(T0_NS + (number + 1) * WINDOW_NS)

    assert {r.proxy: r.track.state for r in reports} == {GOOD: "healthy", SICK: "down"}


def test_recovery_takes_two_windows() -> None:
    """Leaving `down` takes two windows in which the gate is quiet."""
    failing = [window(0, sighting(failures={"http.5xx": 6}), sighting(GOOD, ok=1))]
    good = [[window(number, sighting(ok=400))] for number in range(1, 4)]
    said = play(new_fleet(), failing, *good)

    assert states(said) == ["down", "down", "healthy", "healthy"]


def test_offline_host_does_not_make_a_proxy_sick() -> None:
    """Where only one asks and nobody answers it, the failures may be its own."""
    said = play(new_fleet(), [window(0, sighting(failures={"dns.timeout": 20}))])
    report = said[0][SICK]

    assert (report.track.state, report.scope.kind) == ("unknown", "host")
    assert report.seen.cause == "dns.timeout"


def test_one_of_two_hosts() -> None:
    """Where two ask and one sees failures, they are that host's and the proxy is not sick."""
    said = play(
        new_fleet(),
        [
            window(0, sighting(failures={"tls.untrusted": 300}), agent_id="build-1"),
            window(0, sighting(ok=50), agent_id="build-2"),
        ],
    )
    report = said[0][SICK]

    assert (report.track.state, report.scope.kind) == ("healthy", "host")
    assert report.scope.words == "only build-1 sees failures"
    assert (report.evidence.n, report.seen.n) == (50, 350)


def test_two_of_two_hosts() -> None:
    """Where two hosts of different resolvers see it, the proxy is sick for everybody."""
    said = play(
        new_fleet(),
        [
            window(0, sighting(failures={"http.5xx": 6}), agent_id="build-1"),
            window(
                0,
                sighting(failures={"http.5xx": 5}, resolvers=frozenset({"10.0.1.53"})),
                agent_id="build-2",
            ),
        ],
    )
    report = said[0][SICK]

    assert (report.track.state, report.scope.kind) == ("down", None)


def test_one_resolver() -> None:
    """Where all users of one resolver see it and the others do not, it is the resolver's."""
    other = frozenset({"10.0.1.53"})
    said = play(
        new_fleet(),
        [
            window(0, sighting(failures={"dns.servfail": 9}), agent_id="build-1"),
            window(0, sighting(failures={"dns.servfail": 9}), agent_id="build-2"),
            window(0, sighting(ok=30, resolvers=other), agent_id="build-3"),
            window(0, sighting(ok=30, resolvers=other), agent_id="build-4"),
        ],
    )
    report = said[0][SICK]

    assert (report.track.state, report.scope.kind) == ("healthy", "resolver")
    assert "10.0.0.53" in str(report.scope.words)


def test_many_hosts_with_a_failure_each() -> None:
    """Many agents see an outage together that none could see alone."""
    said = play(
        new_fleet(),
        [
            window(0, sighting(failures={"tcp.refused": 1}), agent_id=f"build-{number}")
            for number in range(20)
        ],
    )

    assert states(said) == ["down"]


def test_bad_certificate() -> None:
    """Every handshake of the last minute finding it expired is down at once."""
    bad = sighting(failures={"tls.expired": 3}, handshakes=3, bad_certificates={"tls.expired": 3})
    said = play(new_fleet(), [window(0, bad, sighting(GOOD, ok=1))])
    report = said[0][SICK]

    assert report.track.state == "down"
    assert report.track.findings[0].evidence == (
        "all 3 handshakes of the last 60 s found the certificate expired"
    )


def test_certificate_that_ends_soon() -> None:
    """C at its lowest step degrades after three windows, however well it answers."""
    day = 86_400
    leaf = Leaf(T0_NS // S - 87 * day, T0_NS // S + 3 * day)
    said = play(
        new_fleet(),
        *([window(number, sighting(ok=10, certificate=leaf))] for number in range(3)),
    )

    assert states(said) == ["healthy", "healthy", "degraded"]
    assert said[-1][SICK].track.findings[0].evidence == "the certificate expires in 3.0 days"


def test_suspect_misses() -> None:
    """A proxy that answers 404 because its upstream is down is degraded."""
    said = play(
        new_fleet(),
        *([window(n, sighting(misses=3, suspects=5), sighting(GOOD, ok=1))] for n in range(3)),
    )

    assert states(said) == ["healthy", "healthy", "degraded"]


def test_lossy_windows_widen_the_interval() -> None:
    """A window that lost events says less: the interval is wider, the state the same."""
    whole = play(new_fleet(), [window(0, sighting(ok=30, failures={"http.429": 2}))])[0][SICK]
    lossy = play(new_fleet(), [window(0, sighting(ok=30, failures={"http.429": 2}, lossy=True))])[
        0
    ][SICK]

    assert whole.score is not None
    assert lossy.score is not None
    assert lossy.score.high - lossy.score.low > whole.score.high - whole.score.low


def test_proxies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a new proxy is dropped and counted."""
    monkeypatch.setattr("modpulse.collector.health.held.MAX_PROXIES", 1)
    fleet = new_fleet()
    fleet.merge(window(0, sighting(GOOD, ok=1), sighting(SICK, ok=1)))

    assert (list(fleet.proxies), fleet.overflow["MAX_PROXIES"]) == ([GOOD], 1)


def test_order_within_a_window() -> None:
    """Where the order is told, five failures after the last answer make an outage."""
    end_ns = T0_NS + 5 * S
    mixed = dataclasses.replace(
        sighting(ok=1, failures={"http.429": 5}),
        served_at_ns=end_ns - 8 * S,
        failed_at_ns=tuple(end_ns - number * S for number in range(5)),
    )
    fleet = new_fleet()
    fleet.merge(arrival(mixed, sighting(GOOD, ok=1), end_ns=end_ns))
    now = {r.proxy: r for r in fleet.evaluate(end_ns + S)}
    later = {r.proxy: r for r in fleet.evaluate(end_ns + 80 * S)}

    assert now[SICK].seen.consecutive_failures == 5
    assert now[SICK].track.state == "healthy"  # an answer within the minute
    assert later[SICK].track.state == "down"


def test_order_without_an_excluded_host() -> None:
    """The last answer of the agents that count is found when another's failures do not."""
    fleet = new_fleet()
    bad = dataclasses.replace(
        sighting(failures={"dns.timeout": 9}), failed_at_ns=tuple(range(T0_NS, T0_NS + 9))
    )
    good = dataclasses.replace(sighting(ok=9), served_at_ns=T0_NS - S)
    fleet.merge(arrival(bad, agent_id="build-1"))
    fleet.merge(arrival(good, agent_id="build-2"))
    report = fleet.evaluate(T0_NS + S)[0]

    assert (report.evidence.consecutive_failures, report.seen.consecutive_failures) == (0, 9)
    assert report.scope.kind == "host"


def test_unused_proxies_are_forgotten() -> None:
    """An entry that nobody asked for a week is in no report."""
    fleet = new_fleet()
    play(fleet, [window(0, sighting(ok=20))])
    week_ns = 7 * 86_400 * S

    assert [r.proxy for r in fleet.evaluate(T0_NS + week_ns)] == [SICK]
    assert fleet.evaluate(T0_NS + week_ns + 60 * S) == []


def test_own_past() -> None:
    """With a past, the prior is the proxy's own ratio, and slow is also 3 times its usual."""
    fleet = new_fleet()
    fleet.merge(window(0, sighting(ok=10, first_byte={70: 10})))
    fleet.learn(SICK, 900, 100, {15: 1000})
    usual = fleet.proxies[SICK].past
    fleet.learn(SICK, 9, 1, {15: 10})

    assert (usual.success, usual.first_byte_ms) == (0.9, 150)
    assert fleet.proxies[SICK].past.success is None


def test_judging_goes_in_steps() -> None:
    """A proxy that thousands ask holds nobody up: others go first every few of them."""
    fleet = new_fleet()
    for number in range(1000):
        fleet.merge(window(0, sighting(failures={"http.5xx": 6}), agent_id=f"build-{number}"))
    steps = list(fleet.judging(T0_NS + 10 * S))

    assert len(steps) > 2 * 1000 // STEP_WITNESSES
    assert [report.track.state for report in steps if report] == ["down"]


def test_what_comes_between_two_steps() -> None:
    """A proxy or an agent that comes while the others are judged does no harm."""
    fleet = new_fleet()
    for number in range(STEP_WITNESSES + 1):
        fleet.merge(window(0, sighting(failures={"http.5xx": 6}), agent_id=f"build-{number}"))
    judged = []
    for number, report in enumerate(fleet.judging(T0_NS + 10 * S)):
        fleet.merge(window(0, sighting(ok=1), sighting(GOOD, ok=1), agent_id=f"new-{number}"))
        judged += [report] if report else []

    assert SICK in [report.proxy for report in judged]
    assert len(fleet.evaluate(T0_NS + 10 * S)) == 2


def test_evidence_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is judged by all of it; what one agent saw is not kept apart, which is counted."""
    monkeypatch.setattr("modpulse.collector.health.held.MAX_EVIDENCE_BYTES", 1000)
    fleet = new_fleet()
    for number in range(9):
        seen = sighting(failures={"http.5xx": 2})
        fleet.merge(dataclasses.replace(arrival(seen, agent_id=f"b{number}"), caller="token 2"))
    (report,) = fleet.evaluate(T0_NS + S)

    assert (report.seen.total.failed, report.agents, report.track.state) == (18, 9, "down")
    assert fleet.overflow["MAX_EVIDENCE_BYTES"] == fleet.dropped_of["token 2"] == 8


MANY = 3 * MAX_WEIGHED


def crowd(fleet: Fleet, failures: Callable[[int], int], ok: int = 9) -> None:
    """Let many agents of two resolvers ask, each with its own number of failures."""
    for number in range(MANY):
        failed = failures(number)
        seen = sighting(
            ok=0 if failed > 3 else ok,
            failures={"http.5xx": failed} if failed else {},
            resolvers=frozenset({f"10.0.0.{number % 2}"}),
        )
        fleet.merge(window(0, seen, sighting(GOOD, ok=1), agent_id=f"build-{number}"))


@pytest.mark.parametrize(
    ("failures", "state", "kind"),
    [
        (lambda number: 9, "down", None),
        (lambda number: 9 + 90 * (number % 2), "down", None),
        (lambda number: 9 * (number % 2), "healthy", "resolver"),
        (lambda number: 9 * (number % 2) or number % 3, "healthy", "resolver"),
        (lambda number: 400 if number == MANY - 1 else number % 2, "healthy", "host"),
        (lambda number: 0, "healthy", None),
    ],
    ids=["all", "all, some more", "a resolver's", "mostly a resolver's", "a host's", "nobody"],
)
def test_more_agents_than_are_weighed(
    failures: Callable[[int], int], state: str, kind: str | None
) -> None:
    """Where very many saw trouble some speak for all, and whose it is is told as ever."""
    fleet = new_fleet()
    crowd(fleet, failures)
    reports = {r.proxy: r for r in fleet.evaluate(T0_NS + WINDOW_NS)}

    assert (reports[SICK].track.state, reports[SICK].scope.kind) == (state, kind)
    assert reports[SICK].agents == MANY


def test_a_stranger_is_a_witness_of_its_evidence() -> None:
    """Who came once counts as one that asked for as long as its evidence does, not an hour."""
    fleet = new_fleet()
    play(fleet, *([window(n, sighting(ok=5), agent_id="build-1")] for n in range(4)))
    fleet.merge(window(4, sighting(failures={"http.5xx": 9}), agent_id="container"))
    agents, kinds = [], []
    for minutes in (1, 5, 9, 11, 12, 30):
        (report,) = fleet.evaluate(T0_NS + 60 * minutes * S)
        agents.append(report.agents)
        kinds.append(report.scope.kind)

    assert agents == [2, 2, 2, 2, 1, 1]
    assert kinds == ["host", "host", "host", None, None, None]


def in_order(seen: Sighting, served_s: float | None, *failed_s: float) -> Sighting:
    """The same with the order of its outcomes, seconds after the beginning."""
    served_ns = None if served_s is None else T0_NS + round(served_s * S)
    failed_ns = tuple(T0_NS + round(at_s * S) for at_s in failed_s)
    return dataclasses.replace(seen, served_at_ns=served_ns, failed_at_ns=failed_ns)


def served(number: int, agent_id: str) -> Arrival:
    """A window in which all is well until its end."""
    return window(number, in_order(sighting(ok=10), 10 * number + 4), agent_id=agent_id)


def refused(number: int, agent_id: str) -> Arrival:
    """A window with ten failures."""
    times = (10 * number - 5 + n for n in range(10))
    return window(
        number, in_order(sighting(failures={"tcp.refused": 10}), None, *times), agent_id=agent_id
    )


def test_an_outage_is_told_within_thirty_seconds() -> None:
    """Though there were answers in the last minute: all fail that two hosts ask."""
    hosts = ("build-1", "build-2")
    fine = [[served(number, host) for host in hosts] for number in range(3)]
    sick = [[refused(number, host) for host in hosts] for number in range(3, 6)]
    said = play(new_fleet(), *fine, *sick)

    assert states(said)[:3] == ["healthy"] * 3
    assert "down" in states(said)[3:6]


def test_one_site_is_not_everybody() -> None:
    """Hosts that fail for minutes while others are answered are no outage when nobody else asks."""
    both = [[refused(n, "fra-1"), refused(n, "fra-2"), served(n, "ams-1")] for n in range(12)]
    alone = [[refused(n, "fra-1"), refused(n, "fra-2")] for n in range(12, 22)]
    said = play(new_fleet(), *both, *alone)

    assert states(said)[3:] == ["degraded"] * 19


def at(site: str, batch: Arrival) -> Arrival:
    """The same from a site."""
    return dataclasses.replace(batch, labels={"site": site})


def test_others_have_twenty_seconds_to_say_that_they_are_served() -> None:
    """Who fails at one site alone is everybody only then, and no more once another is served."""
    hosts = ("fra-1", "fra-2")
    fine = [[at("fra", served(n, h)) for h in hosts] for n in range(3)]
    fine[2].append(at("ams", served(2, "ams-1")))
    sick = [[at("fra", refused(n, h)) for h in hosts] for n in range(3, 8)]
    rules = Rules(outage_run_seconds=5)
    said, alike = (play(Fleet(Formula(), rules, float), *fine[k:], *sick) for k in (0, 3))
    ends = play(new_fleet(), *fine, *sick, [*sick[-1], at("ams", served(8, "ams-1"))])
    (down,) = said[7][SICK].track.findings[:1]

    assert states(alike)[0] == "down"  # nobody else ever asked
    assert states(said)[3:8] == ["healthy", "down", "down", "down", "down"]
    assert down.evidence.endswith("; nobody but those at site fra asked since")
    assert states(ends)[8] != "down"


def test_the_only_host_whose_network_goes() -> None:
    """A proxy is not blamed for it, though the next one is not asked yet: nothing answers."""
    mirror = in_order(sighting(GOOD, ok=5), 4)
    lost = in_order(sighting(failures={"tcp.timeout": 9}), None, *range(5, 14))
    broken = in_order(sighting(failures={"http.5xx": 9}), None, *range(5, 14))
    before = window(0, in_order(sighting(ok=9), 3), mirror)

    def state_of(*then: object) -> tuple[str, int]:
        said = play(new_fleet(), [before], [window(1, *then)], *[[]] * 6)
        reports = [reports[SICK] for reports in said]
        counted = sum(counts.failed for r in reports for _, counts in r.settled)
        return reports[1].track.state, counted

    assert state_of(lost) == ("unknown", 0)
    assert state_of(lost, in_order(sighting(GOOD, failures={"tcp.timeout": 1}), 4, 14)) == (
        "unknown", 0,
    )  # fmt: skip
    assert state_of(lost, in_order(sighting(GOOD, ok=1), 12))[1] == 9
    assert state_of(broken)[1] == 9
