"""
`modpulse alerts test`: what the collector remembers, tried with its own numbers and with others.

Pure: pages of the API and a configuration come in, text or JSON values go out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import said, say
from modpulse.agent.service.units import NS

from ..alerts.incident import Incident
from ..alerts.kept import past_row, typed
from ..alerts.maintenance import Window
from ..alerts.past import Stretch, Transition
from ..alerts.rehearsal import Episode, Rehearsed, Told, rehearse
from ..alerts.rules import SEVERITIES, Alerting
from ..alerts.step import Stepper
from ..clock import rfc3339
from .answer import items
from .columns import left, wide
from .status import ABSENT, GAP

OURS, THEIRS = "collector", "file"
HEADS = ("RULE", "ABOUT", "GRAVE", "SINCE (UTC)", "FIRED", "ENDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the collector answered; times in ns of its clock."""

    from_ns: int
    until_ns: int
    kept_from_ns: int | None
    """Since when it remembers anything; None: nothing is."""
    wall_offset_ns: int
    """Added to these times to show them."""
    alerting: Alerting
    maintenance: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is tried beside the collector's own."""

    alerting: Alerting
    maintenance: tuple[Window, ...] = ()
    has_states: bool = False
    """The file says something of states too, which is not tried."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one set of numbers makes of it, within what was asked for."""

    episodes: tuple[Episode, ...]
    incidents: tuple[Incident, ...]
    notices: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The collector's numbers, and perhaps others."""

    asked: Asked
    trials: Mapping[str, Trial]
    """`collector`, and `file` where there is one."""
    differs: Mapping[str, tuple[Any, Any]]
    """Keys of `[alerting]` that do: the collector's value, and the file's."""
    notes: tuple[str, ...]
    """What a reader must know of it."""


def read(pages: Iterable[Mapping[str, Any]]) -> tuple[Asked, list[Transition | Stretch]]:
    """
    Return what pages of GET /api/v1/alerts/past say.

    Raises:
        ValueError: one makes no sense.
    """
    rows: list[Transition | Stretch] = []
    asked = None
    for page in pages:
        asked = asked or typed(Asked, dict(page))
        rows += (past_row(row) for row in items(page.get("past")))
    if asked is None:
        raise ValueError("no answer")
    try:
        for window in asked.maintenance:
            window.check()
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return asked, rows


def compare(asked: Asked, rows: Sequence[Transition | Stretch], other: Rules | None) -> Comparison:
    """
    Try what was seen.

    Args:
        asked: Has the collector's numbers.
        rows: What was seen, oldest first, from a day before on.
        other: Whose numbers and windows are tried beside; None: nobody's.
    """
    sets = {OURS: (asked.alerting, asked.maintenance)}
    if other:
        sets[THEIRS] = (other.alerting, other.maintenance)
    trials = {
        name: _within(asked, rehearse(rows, Stepper(*numbers), asked.until_ns))
        for name, numbers in sets.items()
    }
    ours, theirs = asdict(asked.alerting), asdict((other or asked).alerting)
    differs = {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}
    return Comparison(asked, trials, differs, tuple(_notes(asked, rows, other)))


def _within(asked: Asked, found: Rehearsed) -> Trial:
    def is_in(from_ns: int, until_ns: int | None) -> bool:
        return from_ns <= asked.until_ns and (until_ns is None or until_ns >= asked.from_ns)

    return Trial(
        tuple(e for e in found.episodes if is_in(e.fired_ns, e.ended_ns)),
        tuple(i for i in found.incidents.values() if is_in(i.opened_ns, i.closed_ns)),
        tuple(n for n in found.notices if is_in(n.at_ns, n.at_ns)),
    )


def _notes(
    asked: Asked, rows: Sequence[Transition | Stretch], other: Rules | None
) -> Iterator[str]:
    kept_ns = asked.kept_from_ns
    if kept_ns is None:
        yield "The collector remembers nothing: no condition of an alert was met since it is new."
    elif kept_ns > asked.from_ns:
        yield (
            f"It remembers {_time(kept_ns, asked)} UTC and what came after: before, no condition "
            "was met, or it is forgotten."
        )
    if other is None:
        return
    silent_s = max((row.last.silent_ns for row in rows if isinstance(row, Stretch)), default=0) / NS
    if other.alerting.agent_silent_for_seconds < silent_s:
        yield (
            f"agent_silent_for_seconds below {silent_s:g} cannot be tried: shorter silences are "
            "not remembered."
        )
    if other.has_states:
        yield (
            "What the file says of states (gates, score) is not tried: the states are those that "
            "were. See `modpulse simulate --config`."
        )


def table(comparison: Comparison, file: str) -> str:
    """
    Return it as a person reads it.

    Args:
        comparison: What came of it.
        file: What the other numbers are called.
    """
    asked, trials = comparison.asked, comparison.trials
    lines = [f"{_time(asked.from_ns, asked)} to {_time(asked.until_ns, asked)} UTC"]
    pairs = _paired(trials[OURS].episodes, trials[THEIRS].episodes if THEIRS in trials else None)
    if pairs:
        heads = (*HEADS, *(("FIRED, FILE", "ENDED") if THEIRS in trials else ()))
        lines += ["", *_aligned([heads, *(_cells(pair, asked) for pair in pairs)])]
    else:
        lines += ["Nothing fires."]
    lines += ["", f"With the collector's rules: {_sum(trials[OURS])}"]
    if THEIRS in trials:
        lines += [f"With {say(file)}: {_sum(trials[THEIRS])}"]
        told = [f"{key} {ours:g} -> {new:g}" for key, (ours, new) in comparison.differs.items()]
        lines += [f"Differs: {', '.join(told) or 'no key of alerting'}"]
    return "\n".join([*lines, *comparison.notes]) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """Return it as JSON values; times are RFC 3339."""
    asked = comparison.asked

    def shown(at_ns: int | None) -> str | None:
        return None if at_ns is None else rfc3339(at_ns + asked.wall_offset_ns)

    def trial(one: Trial) -> dict[str, Any]:
        alerts = [
            {
                "rule": e.key.rule,
                "proxy": e.key.proxy or None,
                "who": e.key.who or None,
                "severity": e.severity,
                "since": shown(e.since_ns),
                "fired": shown(e.fired_ns),
                "ended": shown(e.ended_ns),
            }
            for e in one.episodes
        ]
        incidents = [
            {"severity": i.severity, "opened": shown(i.opened_ns), "closed": shown(i.closed_ns)}
            for i in one.incidents
        ]
        notices = [
            {"at": shown(n.at_ns), "kind": n.kind, "severity": n.severity} for n in one.notices
        ]
        return {"alerts": alerts, "incidents": incidents, "notices": notices}

    return said(
        {
            "schema": 1,
            "since": shown(asked.from_ns),
            "until": shown(asked.until_ns),
            "kept_since": shown(asked.kept_from_ns),
            **{name: trial(one) for name, one in comparison.trials.items()},
            "differs": {key: list(values) for key, values in comparison.differs.items()},
            "notes": list(comparison.notes),
        }
    )


_Pair = tuple[Episode | None, Episode | None, bool]


def _paired(ours: Sequence[Episode], theirs: Sequence[Episode] | None) -> list[_Pair]:
    """Return each alert beside the same one of the others, where their times meet."""
    left = list(theirs or ())
    pairs: list[_Pair] = []
    for one in ours:
        same = next((other for other in left if _meet(one, other)), None)
        if same:
            left.remove(same)
        pairs.append((one, same, theirs is not None))
    pairs += [(None, other, True) for other in left]
    return sorted(pairs, key=lambda pair: next(e.fired_ns for e in pair[:2] if e))


def _meet(one: Episode, other: Episode) -> bool:
    if one.key != other.key:
        return False
    first, second = sorted((one, other), key=lambda episode: episode.since_ns)
    return first.ended_ns is None or second.since_ns <= first.ended_ns


def _cells(pair: _Pair, asked: Asked) -> tuple[str, ...]:
    ours, theirs, is_both = pair
    either = ours or theirs
    assert either
    about = say(" ".join(word for word in (either.key.proxy, either.key.who) if word))
    sides = (ours, theirs) if is_both else (ours,)
    times = [
        _time(at_ns, asked) if at_ns is not None else "fires" if side else ABSENT
        for side in sides
        for at_ns in ((side.fired_ns, side.ended_ns) if side else (None, None))
    ]
    return (either.key.rule, about, either.severity, _time(either.since_ns, asked), *times)


def _sum(trial: Trial) -> str:
    graves = [
        f"{count} {severity}"
        for severity in SEVERITIES
        if (count := sum(incident.severity == severity for incident in trial.incidents))
    ]
    counted = f"{_count(len(trial.incidents), 'incident')}, {_count(len(trial.notices), 'notice')}"
    return f"{counted} ({', '.join(graves)})" if graves else counted


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _time(at_ns: int, asked: Asked) -> str:
    shown = rfc3339(at_ns + asked.wall_offset_ns) or ABSENT
    return shown[:19].replace("T", " ")


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(wide, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(left(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
