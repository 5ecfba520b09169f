"""
What would have fired: what was seen in the past, through the same steps with other numbers. Pure.

With the collector's own numbers it gives what the collector gave, to the nanosecond; where times of
judgements are not known (nothing was watched) one is taken for each window.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .incident import Incident
from .lifecycle import Key
from .past import Moment, Stretch, Transition
from .reading import Condition
from .rules import Severity
from .step import MAX_CLOSED, Changes, State, Stepper, restored

MAX_QUIET_STEPS = 100_000
"""Judgements that are made up where no times are known: a week and a half of ten seconds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert, once; times in ns of the collector's clock."""

    key: Key
    severity: Severity
    since_ns: int
    """Since when it was so, which is before it fired."""
    fired_ns: int
    ended_ns: int | None = None
    """None: it fires at the end of what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notice that would have been sent."""

    at_ns: int
    kind: str
    incident_id: int
    severity: Severity


@dataclass(slots=True)
class Rehearsed:
    """What came of one set of numbers."""

    episodes: list[Episode] = field(default_factory=list)
    """In the order in which they fired."""
    incidents: dict[int, Incident] = field(default_factory=dict)
    notices: list[Told] = field(default_factory=list)


def rehearse(past: Iterable[Transition | Stretch], stepper: Stepper, until_ns: int) -> Rehearsed:
    """
    Try what was seen with the numbers and windows of a stepper.

    Args:
        past: In the order in which it was written.
        stepper: Has the numbers and windows to try.
        until_ns: Now, or when the past ends.
    """
    trial = _Trial(stepper)
    waiting: list[Transition] = []
    last: Stretch | None = None
    for row in past:
        if isinstance(row, Transition):
            waiting.append(row)
            continue
        if last and last.is_end and last.last.listening_ns == row.last.listening_ns:
            trial.quiet(last.last, row.times_ns[0])
        trial.listen(row.last)
        for at_ns in row.times_ns:
            while waiting and waiting[0].at_ns <= at_ns:
                trial.see(waiting.pop(0))
            trial.step(replace(row.last, at_ns=at_ns))
        last = row
    if last and last.is_end:
        trial.quiet(last.last, until_ns)
    return trial.rehearsed()


class _Trial:
    """On its way through the past."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self._state = State()
        self._seen: dict[Key, Condition] = {}
        self._listening_ns: int | None = None
        self._firing: dict[Key, Episode] = {}
        self._found = Rehearsed()
        self._made_up = 0

    def listen(self, moment: Moment) -> None:
        """Begin anew where the collector did: what was open goes on, and all is seen again."""
        if self._listening_ns not in (None, moment.listening_ns):
            known = self._state.incidents.values()
            closed = [i for i in known if i.closed_ns is not None]
            closed.sort(key=lambda incident: incident.closed_ns or 0)
            kept = [*(i for i in known if i.closed_ns is None), *closed[-MAX_CLOSED:]]
            self._state = restored(kept, self._state.next_id, moment.listening_ns)
            self._seen.clear()
        self._listening_ns = moment.listening_ns

    def see(self, row: Transition) -> None:
        """Take what is seen from now on."""
        if row.condition is None:
            self._seen.pop(row.key, None)
        else:
            self._seen[row.key] = row.condition

    def quiet(self, moment: Moment, until_ns: int) -> None:
        """Make up judgements as long as an alert waits for its end."""
        at_ns = moment.at_ns + moment.window_ns
        while at_ns < until_ns and self._state.alerts and self._made_up < MAX_QUIET_STEPS:
            self.step(replace(moment, at_ns=at_ns))
            self._made_up += 1
            at_ns += moment.window_ns
        if at_ns >= moment.at_ns and not self._state.alerts:
            # Judged it was: what comes next has waited for nothing.
            self._state = replace(self._state, at_ns=max(at_ns, until_ns - moment.window_ns))

    def step(self, moment: Moment) -> None:
        """Judge once."""
        self._state, changes = self._stepper.take(self._state, self._seen, moment)
        self._note(changes, moment.at_ns)

    def rehearsed(self) -> Rehearsed:
        """Return what came of it."""
        self._found.episodes += self._firing.values()
        self._found.episodes.sort(key=lambda episode: (episode.fired_ns, episode.key))
        return self._found

    def _note(self, changes: Changes, now_ns: int) -> None:
        for incident in changes.incidents:
            self._found.incidents[incident.id] = incident
        for notice in changes.notices:
            about = notice.incident
            self._found.notices.append(
                Told(
                    at_ns=now_ns,
                    kind=notice.kind,
                    incident_id=about.id,
                    severity=about.severity,
                )
            )
        firing = self._state.of
        ended = {m.key: m.ended_ns for incident in changes.incidents for m in incident.members}
        for key in [key for key in self._firing if key not in firing]:
            ended_ns = ended.get(key) or now_ns
            self._found.episodes.append(replace(self._firing.pop(key), ended_ns=ended_ns))
        for key in firing.keys() - self._firing.keys():
            self._firing[key] = self._begun(key, now_ns)

    def _begun(self, key: Key, now_ns: int) -> Episode:
        members = self._state.incidents[self._state.of[key]].members
        since_ns = next((m.since_ns for m in members if m.key == key), None)
        return Episode(
            key=key,
            severity=self._stepper.rules[key.rule].severity,
            since_ns=self._state.alerts[key].pending_ns if since_ns is None else since_ns,
            fired_ns=now_ns,
        )
