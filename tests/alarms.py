"""Short factories for what alerts are made from: a report names only what matters."""

from dataclasses import replace

from modpulse.collector.alerts.incident import Incident
from modpulse.collector.alerts.kept import past_of, past_text
from modpulse.collector.alerts.lifecycle import Key
from modpulse.collector.alerts.past import Stretch, Transition, watching
from modpulse.collector.alerts.reading import Observation
from modpulse.collector.alerts.rehearsal import Rehearsed, rehearse
from modpulse.collector.alerts.rules import Alerting
from modpulse.collector.alerts.step import Changes, State, Stepper, restored
from modpulse.collector.health.evidence import Evidence
from modpulse.collector.health.gates import Finding, Gate
from modpulse.collector.health.reason import plain
from modpulse.collector.health.report import Report
from modpulse.collector.health.scope import Scope
from modpulse.collector.health.state import GateTrack, Track
from modpulse.collector.intake.arrival import Counts

S = 1_000_000_000
T0_NS = 1_800_000_000_000_000_000
DAY_S = 86_400.0


def report(
    proxy: str = "https://sick.example",
    state: str = "healthy",
    gate: Gate | None = None,
    served: int = 9,
    failures: dict[str, int] | None = None,
    scope: Scope | None = None,
    agents: int = 9,
    left_s: float | None = None,
    part: float | None = None,
    since_ns: int = T0_NS,
    suspects: int = 0,
    served_since: int = 0,
) -> Report:
    """What is said of one proxy; `down` and `degraded` need no gate, they have their usual one."""
    gate = gate or {"down": "outage", "degraded": "slo"}.get(state)  # type: ignore[assignment]
    gates = {gate: GateTrack(True, 1, 0, Finding(gate, plain(f"it is {gate}")))} if gate else {}
    counts = Counts(ok=served, failures=dict(failures or {}), suspects=suspects, windows=1)
    cause = next(iter(failures or {}), None)
    evidence = Evidence(
        counts, counts, served, counts.failed, 0, suspects, 0, 0, cause, served_since
    )
    judged = evidence
    if scope and scope.excluded:
        own = Counts(ok=served, windows=1)
        judged = Evidence(own, own, served, 0, 0, 0, 0, 0, None)
    return Report(
        proxy=proxy,
        track=Track(state, since_ns, gates),  # type: ignore[arg-type]
        scope=scope or Scope(),
        score=None,
        evidence=judged,
        seen=evidence,
        agents=agents,
        quantiles_ms={},
        certificate_left_s=left_s,
        certificate_part=part,
        last_seen_ns=None,
    )


def down(
    proxy: str = "https://sick.example", failure: str = "tcp.refused", **more: object
) -> Report:
    """A proxy that refuses everybody."""
    facts = {"served": 0, "failures": {failure: 212}} | more
    return report(proxy, "down", **facts)  # type: ignore[arg-type]


class Run:
    """Steps of a window each, with what came of them."""

    def __init__(self, alerting: Alerting | None = None, maintenance: tuple = ()) -> None:
        self.stepper = Stepper(alerting or Alerting(), maintenance)
        self.state = State()
        self.now_ns = T0_NS
        self.told: list[tuple[int, str, Incident]] = []
        """(seconds since the beginning, kind, incident) of each notice."""

    def step(self, *reports: Report, **seen: object) -> Changes:
        """Take one step of ten seconds."""
        observation = Observation(reports=reports, **seen)  # type: ignore[arg-type]
        self.state, changes = self.stepper.step(self.state, observation, self.now_ns)
        at_s = (self.now_ns - T0_NS) // S
        self.told += [(at_s, notice.kind, notice.incident) for notice in changes.notices]
        self.now_ns += 10 * S
        return changes

    def steps(self, seconds: int, *reports: Report, **seen: object) -> None:
        """Take the same step for so long."""
        for _ in range(seconds // 10):
            self.step(*reports, **seen)

    @property
    def kinds(self) -> list[tuple[int, str]]:
        """When what was told."""
        return [(at_s, kind) for at_s, kind, _ in self.told]

    @property
    def open(self) -> list[Incident]:
        """Incidents that are open."""
        return [i for i in self.state.incidents.values() if i.closed_ns is None]


class Recorded(Run):
    """Steps, and what of them was written."""

    def __init__(self, alerting: Alerting | None = None, maintenance: tuple = ()) -> None:
        super().__init__(alerting, maintenance)
        self.past: list[Transition | Stretch] = []
        self.listening_ns = T0_NS
        self.episodes: list[tuple[Key, int, int | None]] = []

    def step(self, *reports, **seen):
        """Keep what came of it as a database does: as text."""
        before, now_ns = set(self.state.of), self.now_ns
        changes = super().step(*reports, listening_ns=self.listening_ns, **seen)
        self.past += [past_of(past_text(row)) for row in changes.past]
        for key in sorted(set(self.state.of) - before):
            self.episodes.append((key, now_ns, None))
        for key in before - set(self.state.of):
            at = max(i for i, (each, _, _) in enumerate(self.episodes) if each == key)
            ended = {m.key: m.ended_ns for one in changes.incidents for m in one.members}
            self.episodes[at] = (key, self.episodes[at][1], ended[key])
        return changes

    def restart(self) -> None:
        """As the service does: what is open, and what is watched."""
        state = self.state
        self.past += state.memory.unwritten()
        self.listening_ns = self.now_ns
        self.state = replace(
            restored(state.incidents.values(), state.next_id, self.now_ns),
            memory=watching(self.past),
        )

    @property
    def whole(self) -> list[Transition | Stretch]:
        """What is written, and what would be."""
        return [*self.past, *self.state.memory.unwritten()]

    def again(self, alerting: Alerting, maintenance: tuple = ()) -> Rehearsed:
        return rehearse(self.whole, Stepper(alerting, maintenance), self.now_ns)
