"""
How each agent does, as a value: none of it is a verdict about a proxy.

Pure: times are the collector's, in nanoseconds. Bounded by the roster: an agent that has no place
there is not remembered here.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from modpulse.agent.service.units import NS

from ..intake.arrival import Arrival

Trouble = Literal["silent", "duplicate", "blind", "lossy", "clock", "outdated"]
TROUBLES: tuple[Trouble, ...] = ("silent", "duplicate", "blind", "lossy", "clock", "outdated")
"""Gravest first: what hides the others comes before them."""

RECENT_NS = 600 * NS
"""What is told of losses and of two hosts is not older; it is counted in halves of this."""
LOSSY_SHARE = 0.1
"""Of the windows of that time, those that lost events."""
LOSSY_WINDOWS = 3
"""And so many at least: a single burst is no state."""
CLOCK_OFF_NS = 5 * NS
"""Its clock is off by more in each of the last KEPT_SKEWS batches: a way takes less."""
KEPT_SKEWS = 3
MAX_RUNS = 4
"""Runs of one agent that are told apart: two of a cloned host, and their restarts."""
DUPLICATE_RETURNS = 2
"""How often an earlier run is heard again beside a later one, within RECENT_NS."""
OVERLAP_NS = 20 * NS
"""By how much their windows overlap at least: a clock that was set moves them a little."""
STEP_AGENTS = 16
"""Reports made and shown at once: 2 ms."""


class Ailment(NamedTuple):
    """One thing that is wrong with an agent."""

    trouble: Trouble
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport:
    """What is said about one agent; times in ns of the collector's clock."""

    agent_id: str
    ailments: tuple[Ailment, ...] = ()
    """Gravest first; empty: it does well."""
    heard_ns: int = 0
    """When its last batch came, an idle one too."""
    labels: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    """Empty where it does not say, as the two that follow."""
    kernel: str = ""
    links: str = ""
    skew_ns: int | None = None
    """What is added to its clock to get the collector's; None where it was not heard yet."""
    windows: int = 0
    """Of the last five to ten minutes."""
    lossy: int = 0
    """Of these, windows that lost events."""
    lost: int = 0
    """Events that they lost."""
    unprobed: int = 0
    """Binaries of `go` that it could not probe since it began."""


@dataclass(slots=True)
class Run:
    """One start of an agent, or what says so."""

    run_id: bytes
    caller: str
    first_end_ns: int
    """End of the first window that was heard of it."""
    last_end_ns: int


@dataclass(slots=True)
class _Half:
    """Windows of half of RECENT_NS."""

    number: int = 0
    windows: int = 0
    lossy: int = 0
    lost: int = 0


@dataclass(slots=True)
class Seen:
    """What is remembered of one agent."""

    heard_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    kernel: str = ""
    links: str = ""
    skews_ns: tuple[int, ...] = ()
    """Of the last batches, the newest last."""
    unprobed: int = 0
    runs: list[Run] = field(default_factory=list)
    """The one that was heard last is the last."""
    returns_ns: tuple[int, ...] = ()
    """When an earlier run was heard again beside a later one, the newest last."""
    now: _Half = field(default_factory=_Half)
    before: _Half = field(default_factory=_Half)


class Agents:
    """Of one fleet, by their ids."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def note(self, arrival: Arrival) -> None:
        """Remember what a batch says of its agent, which has a place in the roster."""
        seen = self._seen.get(arrival.agent_id)
        if seen is None:
            seen = self._seen[arrival.agent_id] = Seen(arrival.arrived_ns)
        seen.heard_ns = max(seen.heard_ns, arrival.arrived_ns)
        _note_run(seen, arrival)
        seen.labels, seen.version = arrival.labels, arrival.agent_version
        seen.kernel, seen.links = arrival.kernel, arrival.links
        seen.unprobed = arrival.unprobed
        seen.skews_ns = (*seen.skews_ns[1 - KEPT_SKEWS :], arrival.skew_ns)
        half = _half(seen, arrival.arrived_ns)
        half.windows += 1
        half.lossy += arrival.lost > 0
        half.lost += arrival.lost

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._seen)

    def keep(self, agent_ids: Collection[str]) -> None:
        """Forget all others."""
        for agent_id in [agent_id for agent_id in self._seen if agent_id not in agent_ids]:
            del self._seen[agent_id]

    def reporting(
        self,
        heard_ns: Mapping[str, int],
        now_ns: int,
        listening_ns: int,
        silent_ns: int,
        version: str,
    ) -> Iterator[AgentReport | None]:
        """
        Report on each agent, by id; None after some of them, where others may go first.

        Args:
            heard_ns: When each agent that is known was heard last.
            now_ns: The collector's time.
            listening_ns: Since when batches are taken: nobody was silent before.
            silent_ns: An agent that is not heard for so long is silent.
            version: Of the collector, which is updated before its agents.
        """
        for number, (agent_id, at_ns) in enumerate(sorted(heard_ns.items())):
            if number % STEP_AGENTS == 0:
                yield None
            seen = self._seen.get(agent_id) or Seen(at_ns)
            is_silent = now_ns - max(at_ns, listening_ns) >= silent_ns
            yield _report(agent_id, seen, is_silent, now_ns, version)

    def duplicates(self, now_ns: int) -> dict[str, str]:
        """Return why some ids seem to be of two hosts, by id."""
        found = ((agent_id, _duplicate(seen, now_ns)) for agent_id, seen in self._seen.items())
        return {agent_id: words for agent_id, words in found if words}


def _report(agent_id: str, seen: Seen, is_silent: bool, now_ns: int, version: str) -> AgentReport:
    halves = _halves(seen, now_ns)
    found: dict[Trouble, str | None] = {
        "silent": _silent(seen, now_ns) if is_silent else None,
        "duplicate": _duplicate(seen, now_ns),
        "blind": _blind(seen),
        "lossy": _lossy(halves),
        "clock": _clock(seen),
        "outdated": _outdated(seen, version),
    }
    return AgentReport(
        agent_id=agent_id,
        ailments=tuple(Ailment(name, words) for name in TROUBLES if (words := found[name])),
        heard_ns=seen.heard_ns,
        labels=seen.labels,
        version=seen.version,
        kernel=seen.kernel,
        links=seen.links,
        skew_ns=seen.skews_ns[-1] if seen.skews_ns else None,
        windows=sum(half.windows for half in halves),
        lossy=sum(half.lossy for half in halves),
        lost=sum(half.lost for half in halves),
        unprobed=seen.unprobed,
    )


def _note_run(seen: Seen, arrival: Arrival) -> None:
    """
    Remember which run was heard.

    A restart begins a new run, and what the spool has of the old one is older than all of it. Two
    hosts of one id are heard in turn, and their windows are of the same time.
    """
    end_ns = arrival.end_ns
    last = seen.runs[-1] if seen.runs else None
    if last and last.run_id == arrival.run_id:
        last.last_end_ns = max(last.last_end_ns, end_ns)
        last.caller = arrival.caller
        return
    run = next((run for run in seen.runs if run.run_id == arrival.run_id), None)
    if run is None:
        seen.runs = seen.runs[1 - MAX_RUNS :]
        seen.runs.append(Run(arrival.run_id, arrival.caller, end_ns, end_ns))
        return
    other = seen.runs[-1]
    began_ns = max(other.first_end_ns, run.first_end_ns)
    if min(other.last_end_ns, end_ns) - began_ns >= OVERLAP_NS:
        seen.returns_ns = (*seen.returns_ns[1 - DUPLICATE_RETURNS :], arrival.arrived_ns)
    run.last_end_ns, run.caller = max(run.last_end_ns, end_ns), arrival.caller
    seen.runs.remove(run)
    seen.runs.append(run)


def _half(seen: Seen, at_ns: int) -> _Half:
    number = at_ns // (RECENT_NS // 2)
    if number > seen.now.number:
        seen.before, seen.now = seen.now, _Half(number)
    return seen.now


def _halves(seen: Seen, now_ns: int) -> list[_Half]:
    """Return those that are not too old."""
    oldest = now_ns // (RECENT_NS // 2) - 1
    return [half for half in (seen.before, seen.now) if half.number >= oldest]


def _silent(seen: Seen, now_ns: int) -> str:
    return f"nothing is heard of it for {(now_ns - seen.heard_ns) / NS / 60:.0f} min"


def _duplicate(seen: Seen, now_ns: int) -> str | None:
    lately = [at_ns for at_ns in seen.returns_ns if now_ns - at_ns < RECENT_NS]
    if len(lately) < DUPLICATE_RETURNS:
        return None
    callers = sorted({run.caller for run in seen.runs if run.caller})
    by = f", shipped by {' and '.join(callers)}" if len(callers) > 1 else ""
    return f"two hosts seem to have this agent_id: two runs are heard in turn{by}"


def _blind(seen: Seen) -> str | None:
    if seen.kernel and not seen.links:
        # Who says neither is of a schema that knows neither.
        return "no probe is attached: it knows of packets at the most"
    if seen.unprobed:
        return f"{seen.unprobed} times a `go` could not be probed since it began"
    return None


def _lossy(halves: Collection[_Half]) -> str | None:
    windows, lossy = sum(h.windows for h in halves), sum(h.lossy for h in halves)
    if lossy < LOSSY_WINDOWS or lossy < LOSSY_SHARE * windows:
        return None
    lost = sum(half.lost for half in halves)
    return f"{lossy} of the last {windows} windows lost events, {lost:,} in all"


def _clock(seen: Seen) -> str | None:
    if len(seen.skews_ns) < KEPT_SKEWS:
        return None
    least_ns = min(seen.skews_ns, key=abs)
    if abs(least_ns) <= CLOCK_OFF_NS:
        return None
    way = "behind" if least_ns > 0 else "ahead"
    return f"its clock is {abs(least_ns) / NS:,.0f} s {way}"


def _outdated(seen: Seen, version: str) -> str | None:
    own, ours = _numbers(seen.version), _numbers(version)
    if not own or not ours or own >= ours:
        return None
    return f"it runs {seen.version}, the collector {version}"


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release; empty where it is none."""
    parts = version.split(".")
    are_numbers = all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts)
    return tuple(int(part) for part in parts) if are_numbers else ()
