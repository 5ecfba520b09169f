"""Rules of hysteresis."""

from collections.abc import Sequence

from modpulse.collector.health.gates import Finding, Gate, Rules
from modpulse.collector.health.reason import plain
from modpulse.collector.health.state import Track, restored, step

RULES = Rules()


def play(*windows: Sequence[Gate], track: Track | None = None, n: int = 50) -> list[str]:
    """Return the state after each window; times are 10, 20, 30..."""
    track = track or Track()
    states = []
    for number, gates in enumerate(windows, start=1):
        track = step(track, [Finding(gate, plain("why")) for gate in gates], n, 10 * number, RULES)
        states.append(f"{track.state}@{track.since_ns}")
    return states


def test_degraded_takes_three_in_a_row() -> None:
    """A quiet window starts the count again."""
    states = play(["slow"], ["slow"], [], ["slow"], ["slow"], ["slow"])

    assert states == ["healthy@10"] * 5 + ["degraded@60"]


def test_leaving_takes_two_in_a_row() -> None:
    """A gate that fires again after one quiet window never left."""
    states = play(["outage"], [], ["outage"], [], [], [])

    assert states == ["down@10"] * 4 + ["healthy@50"] * 2


def test_gates_have_their_own_count() -> None:
    """Three windows with three different gates are not one gate three times."""
    states = play(["slow"], ["slo"], ["expiry"])

    assert states == ["healthy@10"] * 3


def test_down_hides_degraded_until_it_leaves() -> None:
    """The gravest active gate decides."""
    states = play(["slo", "outage"], ["slo", "outage"], ["slo"], ["slo"], ["slo"])

    assert states == ["down@10", "down@10", "down@10", "degraded@40", "degraded@40"]


def test_too_few_requests() -> None:
    """Without a gate, too few requests are `unknown`; a gate is stronger."""

    assert play([], n=4) == ["unknown@10"]
    assert play(["outage"], n=0) == ["down@10"]


def test_restart_keeps_state_and_since() -> None:
    """What was degraded before a restart still is, and leaves by the same rule."""
    track = restored("degraded", 3, [Finding("slow", plain("why"))])

    assert play(["slow"], [], [], track=track) == ["degraded@3", "degraded@3", "healthy@30"]
