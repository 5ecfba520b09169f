"""
The state of one proxy over time: hysteresis between findings and what people act on.

Knows nothing of evidence: it sees which gates fire, window by window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .gates import SEVERITY, STATE_OF, Finding, Gate, Rules, State

AT_ONCE: frozenset[Gate] = frozenset({"outage", "certificate"})
"""Too plain and too costly to wait for three windows."""


@dataclass(frozen=True, slots=True)
class GateTrack:
    """One gate that fired lately."""

    active: bool
    """It holds the proxy in its state."""
    fired: int
    """Windows in a row in which it fired."""
    quiet: int
    """Windows in a row in which it did not."""
    finding: Finding
    """The last one."""


@dataclass(frozen=True, slots=True)
class Track:
    """The state of one proxy, and what it takes to change it."""

    state: State = "unknown"
    since_ns: int | None = None
    """The collector's time of the last change of state; None before the first."""
    gates: Mapping[Gate, GateTrack] = field(default_factory=dict)

    @property
    def findings(self) -> list[Finding]:
        """The findings that hold the proxy in its state, gravest first."""
        active = [track.finding for track in self.gates.values() if track.active]
        return sorted(active, key=lambda finding: -SEVERITY[finding.state])


def step(track: Track, findings: Sequence[Finding], n: int, now_ns: int, rules: Rules) -> Track:
    """
    Advance by one window.

    Args:
        track: The state so far.
        findings: The gates that fire in this window.
        n: Requests of the evidence; too few and no gate mean `unknown`.
        now_ns: The collector's time.
        rules: How many windows it takes.
    """
    gates: dict[Gate, GateTrack] = {}
    for finding in findings:
        before = track.gates.get(finding.gate)
        fired = before.fired + 1 if before else 1
        needed = 1 if finding.gate in AT_ONCE else rules.enter_windows
        active = fired >= needed or (before is not None and before.active)
        gates[finding.gate] = GateTrack(active, fired, 0, finding)
    for gate, before in track.gates.items():
        if gate not in gates and before.active and before.quiet + 1 < rules.leave_windows:
            gates[gate] = GateTrack(True, 0, before.quiet + 1, before.finding)
    state = _worst(gates, n, rules)
    since_ns = now_ns if state != track.state or track.since_ns is None else track.since_ns
    return Track(state, since_ns, gates)


def refuted(track: Track) -> Track:
    """Return the track without what makes it `down`: others were answered, it need not wait."""
    return replace(track, gates={g: t for g, t in track.gates.items() if STATE_OF[g] != "down"})


def restored(state: State, since_ns: int, findings: Sequence[Finding]) -> Track:
    """Return the track as it was before a restart, its active gates still active."""
    gates = {finding.gate: GateTrack(True, 0, 0, finding) for finding in findings}
    return Track(state, since_ns, gates)


def _worst(gates: Mapping[Gate, GateTrack], n: int, rules: Rules) -> State:
    active: list[State] = [track.finding.state for track in gates.values() if track.active]
    if active:
        return max(active, key=lambda state: SEVERITY[state])
    return "unknown" if n < rules.unknown_below else "healthy"
