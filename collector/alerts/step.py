"""
One step: from what is observed to incidents that changed and notices that are due.

Pure, and the same step twice tells nothing twice: whoever calls keeps the new state only when it is
on disk, and takes the step again when it is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modpulse.agent.service.units import NS

from ..health.worst import WorstRequest
from . import contents
from .book import Book
from .holding import STATES, UNKNOWN, Reading, hold
from .incident import (
    COUNTING,
    Ending,
    Incident,
    Joining,
    exemplified,
    joined,
    left,
    opened,
    refreshed,
)
from .lifecycle import Alert, Key, advance, interrupted
from .maintenance import About, Window, covered
from .notice import Notice, due, tell
from .past import Memory, Moment, Rows, remember
from .reading import Condition, Observation, see
from .rules import Alerting, Rule, RuleName, rules_of

MAX_ALERTS = 40_000
"""Twice the agents that are kept: beyond it what is new does not fire."""
MAX_CLOSED = 100
"""Closed incidents that are held for who asks; the database has all."""
MAX_OPEN = 1_000
"""Incidents that are open: as many as there are proxies; a further alert waits."""
REFRESH_NS = 60 * NS
"""How often facts and cost of an open incident are written."""
YOUNG_NS = 3600 * NS
"""An older one is written at every tenth of these only: to add up days takes a while."""
NO_REQUESTS: Mapping[str, Sequence[WorstRequest]] = {}
GAP_WINDOWS = 3
"""After so many windows without a step, nobody can say that anything held without a break."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything between two steps."""

    at_ns: int = 0
    """Of the last step; 0 before the first."""
    alerts: Mapping[Key, Alert] = field(default_factory=dict)
    incidents: Mapping[int, Incident] = field(default_factory=dict)
    """Open ones, and the last MAX_CLOSED."""
    of: Mapping[Key, int] = field(default_factory=dict)
    """Firing alert to its incident."""
    next_id: int = 1
    refreshes: int = 0
    refreshed_ns: int = 0
    dropped: int = 0
    """Conditions that found no room, in all steps."""
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be kept, all or nothing."""

    incidents: tuple[Incident, ...] = ()
    notices: tuple[Notice, ...] = ()
    past: Rows = ()
    """What is to be remembered of what was seen."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.incidents or self.notices or self.past)


class Stepper:
    """The rules and windows of one configuration; holds nothing else."""

    def __init__(self, alerting: Alerting, maintenance: Iterable[Window] = ()) -> None:
        self._alerting = alerting
        self.rules = rules_of(alerting)
        """By name."""
        self._silent_ns = round(alerting.agent_silent_for_seconds * NS)
        self.maintenance = tuple(maintenance)
        """May be exchanged at any time."""

    def step(self, state: State, observation: Observation, now_ns: int) -> tuple[State, Changes]:
        """
        Return the state after a moment, and what changed for people.

        Args:
            state: Of the step before; it is not changed.
            observation: Of this moment.
            now_ns: The collector's time.
        """
        kept = state.alerts.keys() | state.memory.watched.keys()
        seen = see(observation, kept, self._silent_ns, now_ns) | contents.see(observation, kept)
        seen |= observation.counted
        moment = Moment(
            at_ns=now_ns,
            listening_ns=observation.listening_ns,
            window_ns=observation.window_ns,
            wall_offset_ns=observation.wall_offset_ns,
            silent_ns=self._silent_ns,
        )
        told = {report.proxy: report.worst for report in observation.reports if report.worst}
        after, changes = self.take(state, seen, moment, told)
        memory, rows = remember(state.memory, seen, moment, bool(changes))
        return replace(after, memory=memory), replace(changes, past=rows)

    def take(
        self,
        state: State,
        seen: Mapping[Key, Condition],
        moment: Moment,
        told: Mapping[str, Sequence[WorstRequest]] = NO_REQUESTS,
    ) -> tuple[State, Changes]:
        """
        Return the same of what is seen, now or in the past; nothing is remembered of it.

        Args:
            state: As of `step`.
            seen: Of each condition.
            moment: When.
            told: The worst requests of each proxy; of the past they are not known.
        """
        now_ns = moment.at_ns
        readings = hold(seen, state.alerts, self._alerting, moment.listening_ns, now_ns)
        moved = _Moved(state, self.rules, self._alerting, now_ns)
        if now_ns - state.at_ns > GAP_WINDOWS * moment.window_ns:
            moved.interrupt()
        changing = {key: reading for key, reading in readings.items() if reading.holds}
        changing |= {key: readings.get(key, UNKNOWN) for key in state.alerts}
        # What holds comes before what ended, so that what only changed its name stays open.
        for key, reading in sorted(changing.items(), key=lambda item: (not item[1].holds, item[0])):
            moved.take(key, reading)
        moved.succeed(readings)
        moved.apply()
        moved.refresh(readings, told)
        notices = self._told(moved, moment.wall_offset_ns, now_ns)
        return moved.ended(), Changes(tuple(moved.changed.values()), notices)

    def _told(self, moved: "_Moved", offset_ns: int, now_ns: int) -> tuple[Notice, ...]:
        """Mark what is told, and return it."""
        notices, windows = [], self.maintenance
        update_ns = round(self._alerting.update_seconds * NS)
        for _, incident in sorted(moved.incidents.items()):
            if incident.closed_ns is not None and (incident.told is None or incident.told.closed):
                continue
            firing = incident.firing or incident.members
            about = {About(member.key.proxy, member.facts.site) for member in firing}
            is_muted = covered(windows, about, now_ns + offset_ns)
            kind = due(incident, is_muted, update_ns, now_ns)
            if kind:
                told = tell(incident, kind, now_ns)
                moved.changed[told.id] = told
                notices.append(Notice(kind, told, offset_ns))
        moved.incidents |= moved.changed
        return tuple(notices)


class _Moved:
    """A state on its way to the next."""

    def __init__(
        self, state: State, rules: Mapping[RuleName, Rule], alerting: Alerting, now_ns: int
    ) -> None:
        self._state, self._rules, self._now_ns = state, rules, now_ns
        self._flap_ns = round(alerting.flap_seconds * NS)
        self._join_ns = round(alerting.join_seconds * NS)
        self._alerts = dict(state.alerts)
        self._of = dict(state.of)
        self._firing: dict[int, int] = {}
        for number in self._of.values():
            self._firing[number] = self._firing.get(number, 0) + 1
        self._next_id = state.next_id
        self._refreshes, self._refreshed_ns = state.refreshes, state.refreshed_ns
        self._dropped = state.dropped
        self._book: Book | None = None
        self._joining: dict[int, list[Joining]] = {}
        self._leaving: dict[int, dict[Key, Ending]] = {}
        self._open = sum(i.closed_ns is None for i in state.incidents.values())
        self.incidents = dict(state.incidents)
        self.changed: dict[int, Incident] = {}

    def interrupt(self) -> None:
        """Let what was pending begin anew."""
        kept = {key: interrupted(alert) for key, alert in self._alerts.items()}
        self._alerts = {key: alert for key, alert in kept.items() if alert}

    def take(self, key: Key, reading: Reading) -> None:
        """Advance one alert, and the incident that it is of."""
        before, rule = self._alerts.get(key), self._rules[key.rule]
        if before is None and not reading.holds:
            return
        if before is None and (len(self._alerts) >= MAX_ALERTS or self._open >= MAX_OPEN):
            self._dropped += 1
            return
        after, event = advance(before, key, rule, reading.holds, self._now_ns, self._flap_ns)
        if after is None:
            self._alerts.pop(key, None)
        else:
            self._alerts[key] = after
        if event == "fired" and after:
            self._fire(key, rule, _dated(reading, after.pending_ns))
        elif event and after:
            self._end(key, Ending(event, after.clear_ns or self._now_ns))

    def succeed(self, readings: Mapping[Key, Reading]) -> None:
        """
        What a state's alert says now need not be said by others.

        What is told as degraded is no longer down: that was only not yet told. And what counts
        failures beside the states has said what the state says.
        """
        told = [one.key for joining in self._joining.values() for one in joining]
        for key in told:
            if key.rule not in STATES:
                continue
            since_ns = self._alerts[key].pending_ns
            down = Key("down", key.proxy)
            if key != down and not readings.get(down, UNKNOWN).holds:
                self._succeeded(down, since_ns)
            for rule in COUNTING:
                self._succeeded(Key(rule, key.proxy), since_ns)

    def _succeeded(self, key: Key, since_ns: int) -> None:
        alert = self._alerts.get(key)
        if alert is not None and alert.is_firing:
            self._alerts[key] = replace(alert, phase="resolved", resolved_ns=self._now_ns)
            self._end(key, Ending("resolved", max(since_ns, alert.pending_ns)))

    def refresh(
        self, readings: Mapping[Key, Reading], told: Mapping[str, Sequence[WorstRequest]]
    ) -> None:
        """Take the facts and the worst requests of now; write them now and then."""
        facts = {
            key: readings[key].facts for key in self._of if key in readings and readings[key].holds
        }
        is_due = self._now_ns - self._refreshed_ns >= REFRESH_NS
        for number in {self._of[key] for key in facts}:
            incident = refreshed(self.incidents[number], facts, self._now_ns)
            incident = exemplified(incident, told)
            self.incidents[number] = incident
            is_young = self._now_ns - incident.opened_ns < YOUNG_NS
            if number in self.changed or (is_due and (is_young or self._refreshes % 10 == 0)):
                self.changed[number] = incident
        if is_due:
            self._refreshes += 1
            self._refreshed_ns = self._now_ns

    def ended(self) -> State:
        """Return the next state."""
        closed = [i for i in self.incidents.values() if i.closed_ns is not None]
        closed.sort(key=lambda incident: incident.closed_ns or 0)
        for incident in closed[: max(0, len(closed) - MAX_CLOSED)]:
            del self.incidents[incident.id]
        return State(
            self._now_ns,
            self._alerts,
            self.incidents,
            self._of,
            self._next_id,
            self._refreshes,
            self._refreshed_ns,
            self._dropped,
            self._state.memory,
        )

    def _fire(self, key: Key, rule: Rule, reading: Reading) -> None:
        joining = Joining(key, rule, reading)
        if self._book is None:
            since_ns = self._now_ns - self._join_ns, self._now_ns - self._flap_ns
            self._book = Book(self.incidents.values(), since_ns)
        number = self._book.find(joining)
        if number is None:
            number = self._next_id
            self._next_id += 1
            self._open += 1
            self.incidents[number] = opened(number, joining, self._now_ns)
        self._book.note(self.incidents[number], joining, self._now_ns)
        self._of[key] = number
        self._firing[number] = self._firing.get(number, 0) + 1
        self._joining.setdefault(number, []).append(joining)

    def _end(self, key: Key, end: Ending) -> None:
        number = self._of.pop(key, None)
        if number is not None:
            self._firing[number] -= 1
            self._leaving.setdefault(number, {})[key] = end

    def apply(self) -> None:
        """Change the incidents, each once however many of its alerts did something."""
        for number, joining in self._joining.items():
            self._set(joined(self.incidents[number], joining, self._now_ns))
        for number, ended in self._leaving.items():
            still_firing = self._firing[number] > 0
            self._set(left(self.incidents[number], ended, still_firing, self._now_ns))

    def _set(self, incident: Incident) -> None:
        self.incidents[incident.id] = self.changed[incident.id] = incident


def _dated(reading: Reading, pending_ns: int) -> Reading:
    """Return the reading with since when it held, as far as it does not know better."""
    return reading if reading.since_ns is not None else replace(reading, since_ns=pending_ns)


def restored(incidents: Iterable[Incident], next_id: int, now_ns: int) -> State:
    """
    Return the state as it goes on after a restart: what fired fires, what pended begins anew.

    Args:
        incidents: Open ones, and those closed lately.
        next_id: What no incident of the database has.
        now_ns: The collector's time: what nobody could see until now is not held against it.
    """
    held = {incident.id: incident for incident in incidents}
    firing = {
        member.key: (incident.id, member)
        for incident in held.values()
        if incident.closed_ns is None
        for member in incident.firing
    }
    alerts = {
        key: Alert(
            key=key,
            phase="firing",
            pending_ns=member.since_ns,
            proven_ns=now_ns,
            fired_ns=member.fired_ns,
        )
        for key, (_, member) in firing.items()
    }
    of = {key: number for key, (number, _) in firing.items()}
    return State(alerts=alerts, incidents=held, of=of, next_id=next_id)


def with_kept(state: State, incidents: Iterable[Incident]) -> State:
    """Return the state with incidents as they were written, with their cost."""
    return replace(state, incidents={**state.incidents, **{i.id: i for i in incidents}})
