"""
The incidents that must be made of a script against those that were, and what was told of them.

Pure. One is met when it is opened and closed in time, names what it must, and each channel got its
notices, once and in order; one that the script does not ask for is false.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .script import Script, Told

CHANNELS = ("P0", "P1", "P2")
"""One for each severity, that takes no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One incident as the collector has it at the end."""

    topic: str
    severity: str
    proxies: tuple[str, ...]
    rules: tuple[str, ...]
    """Of its alerts, in their order."""
    opened_s: float
    """Seconds since the beginning of the script."""
    closed_s: float | None
    """None: it is open."""
    notices: Mapping[str, tuple[str, ...]]
    """Channel to what it got, in order; of some nothing."""


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident that must be, and what became of it."""

    told: Told
    made: Made | None
    """None: there is none."""
    delay_s: float | None
    wrong: tuple[str, ...]
    """Why it is not met; empty: it is."""


@dataclass(frozen=True, slots=True)
class Incidents:
    """Of one script."""

    rows: tuple[IncidentRow, ...] = ()
    false: tuple[Made, ...] = ()
    """That nothing explains."""

    @property
    def is_met(self) -> bool:
        """Whether people were told what they must be, and nothing else."""
        return not self.false and not any(row.wrong for row in self.rows)


def compare_incidents(script: Script, made: Sequence[Made]) -> Incidents:
    """Judge what was told by what the script says."""
    left = list(made)
    rows = []
    for told in script.incident:
        begin_s = script.begin_s(script.happening_of(told))
        found = next((one for one in left if _is_it(told, one, begin_s)), None)
        if found is None:
            rows.append(IncidentRow(told, None, None, ("there is no such incident",)))
            continue
        left.remove(found)
        wrong = (*_timely(script, told, found), *_announced(told, found))
        rows.append(IncidentRow(told, found, found.opened_s - begin_s, wrong))
    return Incidents(tuple(rows), tuple(left))


def expected(told: Told) -> dict[str, tuple[str, ...]]:
    """Return channel to the notices that must arrive there."""
    return dict(zip(CHANNELS, (told.p0, told.p1, told.p2), strict=True))


def _is_it(told: Told, made: Made, begin_s: float) -> bool:
    is_about = told.topic == made.topic and set(told.proxies) == set(made.proxies)
    return is_about and made.opened_s >= begin_s


def _timely(script: Script, told: Told, made: Made) -> list[str]:
    happening = script.happening_of(told)
    delay_s = made.opened_s - script.begin_s(happening)
    wrong = []
    if delay_s > told.within_seconds:
        wrong.append(f"opened after {delay_s:.0f} s, not within {told.within_seconds:.0f} s")
    over_s = script.over_s(happening)
    if made.closed_s is None:
        if told.closed_within_seconds:
            wrong.append("it is never closed")
    elif not told.closed_within_seconds:
        after_s = made.closed_s - over_s
        wrong.append(f"closed {after_s:.0f} s after the end, though nothing is proven")
    elif made.closed_s < over_s:
        wrong.append(f"closed {over_s - made.closed_s:.0f} s before the end")
    elif made.closed_s - over_s > told.closed_within_seconds:
        late_s, most_s = made.closed_s - over_s, told.closed_within_seconds
        wrong.append(f"closed {late_s:.0f} s after the end, not within {most_s:.0f} s")
    return wrong


def _announced(told: Told, made: Made) -> list[str]:
    wrong = []
    if made.severity != told.severity:
        wrong.append(f"it is {made.severity}, not {told.severity}")
    for channel, kinds in expected(told).items():
        got = made.notices.get(channel, ())
        if got != kinds:
            wrong.append(f"{channel} got {_list(got)}, not {_list(kinds)}")
    return wrong


def _list(kinds: Sequence[str]) -> str:
    return ", ".join(kinds) or "nothing"
