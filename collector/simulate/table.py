"""
Verdicts as people and programs read them: a table, a JSON document, rows of docs/verdicts.md.

Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modpulse.agent.service.foreign import said, say

from .compare import FalseAlarm, Row, Saying, Verdicts
from .notices import CHANNELS, IncidentRow, Incidents, Made, expected
from .script import Script, Truth

SCHEMA = 1
SHOWN_ALARMS = 5
"""Of one script; the others are counted."""


@dataclass(frozen=True, slots=True)
class Result:
    """One script that was played."""

    name: str
    script: Script
    verdicts: Verdicts
    batches: int
    refused: int
    took_s: float
    incidents: Incidents = field(default_factory=Incidents)

    @property
    def is_met(self) -> bool:
        """Whether the collector took everything, and told the truth."""
        return self.verdicts.is_met and self.incidents.is_met and not self.refused


def table(results: Sequence[Result]) -> str:
    """Return the results as text."""
    lines: list[str] = []
    for result in results:
        lines += [f"{result.name}: {say(result.script.title)}", *_lines(result), ""]
    met = sum(result.is_met for result in results)
    batches, took_s = sum(r.batches for r in results), sum(r.took_s for r in results)
    hours = sum(result.script.hours for result in results)
    lines.append(
        f"{met} of {len(results)} met: {hours:.4g} hours, {batches} batches in {took_s:.1f} s"
        f" ({batches / max(took_s, 1e-9):.0f} batches/s)"
    )
    return "\n".join(lines) + "\n"


def document(results: Sequence[Result]) -> dict[str, Any]:
    """Return the results as JSON values; within schema 1 keys are only ever added."""
    whole = {
        "schema": SCHEMA,
        "met": all(result.is_met for result in results),
        "scripts": [_part(result) for result in results],
    }
    plain: dict[str, Any] = said(whole)
    return plain


def rows(results: Sequence[Result]) -> list[str]:
    """Return rows of docs/verdicts.md: scenario, proxy, truth, verdict, delay, incident, told."""
    return [line for result in results for line in _page_rows(result)]


def _page_rows(result: Result) -> Iterable[str]:
    link = f"[{result.name}](../collector/simulate/scripts/{result.name}.toml)"
    scenario = f"{link}: {_cell(result.script.title)}"
    beside = _beside(result)
    for place, row in enumerate(result.verdicts.rows):
        made = beside.get(place, ())
        cells = map(_cell, (
            row.truth.proxy, _truth(row.truth), _told(row), _delay(row),
            "; ".join(_incident(one) for one in made) or "-",
            "; ".join(_notices(one.made) for one in made) or "-",
        ))  # fmt: skip
        yield f"| {scenario} | {' | '.join(cells)} |"
    if not result.verdicts.rows:
        alarms, false = len(result.verdicts.false_alarms), len(result.incidents.false)
        ends = f"{alarms or 'no'} false alarms | - | {false or 'none'} | none"
        yield f"| {scenario} | all | nothing is sick | {ends} |"


def _beside(result: Result) -> dict[int, list[IncidentRow]]:
    """Return the place of a truth to the incidents that are shown there: each once."""
    beside: dict[int, list[IncidentRow]] = {}
    for row in result.incidents.rows:
        truths = [
            (truth.truth.proxy not in row.told.proxies, place)
            for place, truth in enumerate(result.verdicts.rows)
            if truth.truth.happening == row.told.happening
        ]
        beside.setdefault(min(truths)[1], []).append(row)
    return beside


def untold(results: Sequence[Result]) -> list[str]:
    """Return rows of docs/verdicts.md: scenario, what a collector cannot tell yet."""
    return [
        f"| {result.name} | {_cell(result.script.not_told)} |"
        for result in results
        if result.script.not_told
    ]


def _lines(result: Result) -> Iterable[str]:
    for row in result.verdicts.rows:
        mark = "WRONG" if row.wrong else "met"
        yield f"  {mark:<6}{say(row.truth.proxy)}: {_truth(row.truth)}"
        when = "said" if _is_as_ever(row.truth) else f"said after {_delay(row)}"
        yield f"        {when}: {_told(row)}"
        for wrong in row.wrong:
            yield f"        {wrong}"
    alarms = result.verdicts.false_alarms
    for alarm in alarms[:SHOWN_ALARMS]:
        yield f"  FALSE {say(alarm.proxy)} at {_clock(alarm.at_s)}: {_words(alarm.saying)}"
    if len(alarms) > SHOWN_ALARMS:
        yield f"  FALSE {len(alarms) - SHOWN_ALARMS} more"
    for found in result.incidents.rows:
        yield f"  {'WRONG' if found.wrong else 'met':<6}incident: {_asked(found)}"
        yield f"        {_incident(found)}; {_notices(found.made)}"
        for wrong in found.wrong:
            yield f"        {wrong}"
    for made in result.incidents.false:
        yield f"  FALSE incident at {_clock(made.opened_s)}: {_made(made)}; {_notices(made)}"
    if result.refused:
        yield f"  WRONG {result.refused} batches were refused"
    if not (result.verdicts.rows or alarms or result.incidents.false or result.refused):
        yield "  met   nothing is sick, and nothing is said to be"


def _part(result: Result) -> dict[str, Any]:
    script, verdicts = result.script, result.verdicts
    return {
        "name": result.name,
        "title": script.title,
        "met": result.is_met,
        "not_told": script.not_told or None,
        "hours": script.hours,
        "batches": result.batches,
        "refused": result.refused,
        "seconds": round(result.took_s, 3),
        "truths": [_row(row) for row in verdicts.rows],
        "false_alarms": [_alarm(alarm) for alarm in verdicts.false_alarms],
        "incidents": [
            {
                "happening": row.told.happening,
                "within_s": row.told.within_seconds,
                "delay_s": row.delay_s,
                "made": row.made and _shown(row.made),
                "wrong": list(row.wrong),
            }
            for row in result.incidents.rows
        ],
        "false_incidents": [_shown(made) for made in result.incidents.false],
    }


def _shown(made: Made) -> dict[str, Any]:
    return {
        "topic": made.topic,
        "severity": made.severity,
        "proxies": list(made.proxies),
        "rules": list(made.rules),
        "opened_s": made.opened_s,
        "closed_s": made.closed_s,
        "notices": {channel: list(made.notices.get(channel, ())) for channel in CHANNELS},
    }


def _asked(row: IncidentRow) -> str:
    told = row.told
    about = say(" and ".join(told.proxies)) or told.topic
    notices = _kinds(expected(told))
    return f"{told.severity}, {about}, within {told.within_seconds:.0f} s; {notices}"


def _incident(row: IncidentRow) -> str:
    if row.made is None or row.delay_s is None:
        return "none"
    return f"{_made(row.made)}, opened after {row.delay_s:.0f} s"


def _made(made: Made) -> str:
    end = "is open" if made.closed_s is None else f"lasted {made.closed_s - made.opened_s:.0f} s"
    about = f" of {len(made.proxies)} proxies" if len(made.proxies) > 1 else ""
    return f"{made.severity} {' and '.join(made.rules)}{about}, {end}"


def _notices(made: Made | None) -> str:
    return "no notices" if made is None else _kinds(made.notices)


def _kinds(notices: Mapping[str, tuple[str, ...]]) -> str:
    parts = [f"{name}: {', '.join(notices[name])}" for name in CHANNELS if notices.get(name)]
    return "; ".join(parts) or "no notices"


def _row(row: Row) -> dict[str, Any]:
    truth = row.truth
    return {
        "happening": truth.happening,
        "proxy": truth.proxy,
        "state": truth.state,
        "scope": truth.scope or None,
        "who": truth.who or None,
        "failure": truth.failure or None,
        "words": truth.words or None,
        "within_s": truth.within_seconds,
        "delay_s": row.delay_s,
        "said": row.said and _saying(row.said),
        "wrong": list(row.wrong),
    }


def _alarm(alarm: FalseAlarm) -> dict[str, Any]:
    return {"proxy": alarm.proxy, "at_s": alarm.at_s, "said": _saying(alarm.saying)}


def _saying(saying: Saying) -> dict[str, Any]:
    return {
        "state": saying.state,
        "scope": saying.scope,
        "who": saying.who,
        "top_cause": saying.failure,
        "evidence": list(saying.evidence),
    }


def _truth(truth: Truth) -> str:
    scope = "" if truth.scope in ("", "all") else f" for one {truth.scope}"
    if _is_as_ever(truth):
        return "healthy as ever"
    parts = [truth.state + scope, *filter(None, [truth.who, truth.failure])]
    return f"{', '.join(parts)}, within {truth.within_seconds:.0f} s"


def _is_as_ever(truth: Truth) -> bool:
    return truth.state == "healthy" and not (truth.scope or truth.failure or truth.words)


def _told(row: Row) -> str:
    return "nothing" if row.said is None else _words(row.said)


def _words(saying: Saying) -> str:
    parts = [saying.state, *filter(None, [saying.failure]), *saying.evidence]
    return say("; ".join(parts))


def _delay(row: Row) -> str:
    if _is_as_ever(row.truth) and not row.wrong:
        return "-"
    return "never" if row.delay_s is None else f"{row.delay_s:.0f} s"


def _clock(at_s: float) -> str:
    minutes, seconds = divmod(round(at_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _cell(text: str) -> str:
    return say(text).replace("|", "\\|")
