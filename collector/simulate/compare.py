"""
The truth against what the collector said over time.

Pure. A truth is met when it is said in time, holds as long as it happens, and is over in time; what
is said of a proxy that no truth explains is a false alarm.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..health.gates import SEVERITY, State
from ..health.report import Report
from .script import Script, Truth

SICK = ("degraded", "down")


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said of one proxy, apart from its numbers."""

    state: State
    scope: str
    """`all`, or what it is: `host`, `resolver`, `address`, `site` …"""
    failure: str | None
    """The top cause."""
    evidence: tuple[str, ...]
    """Sentences: of the gates, then of the scope."""
    who: str | None = None
    """Which of it; None for all."""


@dataclass(frozen=True, slots=True)
class Said:
    """From when on it was said."""

    at_s: float
    saying: Saying


Story = Mapping[str, Sequence[Said]]
"""By proxy, in order; each holds until the next, the last to the end."""


@dataclass(frozen=True, slots=True)
class Row:
    """One truth and what became of it."""

    truth: Truth
    delay_s: float | None
    """From its beginning until it was said; None: it never was."""
    said: Saying | None
    """As it was said then; else the last that was said while it happened."""
    wrong: tuple[str, ...]
    """Why it is not met; empty: it is."""


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """Something bad that was said of a proxy and is not true."""

    proxy: str
    at_s: float
    saying: Saying


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of one script."""

    rows: tuple[Row, ...]
    false_alarms: tuple[FalseAlarm, ...]

    @property
    def is_met(self) -> bool:
        """Whether all was said that is true, and nothing else."""
        return not self.false_alarms and not any(row.wrong for row in self.rows)


def saying_of(report: Report) -> Saying:
    """Return what a report says."""
    sentences = [f"{finding.gate}: {finding.evidence}" for finding in report.track.findings]
    # Of a part of a proxy a gate says it.
    if report.scope.words and not report.scope.is_part:
        sentences.append(report.scope.words)
    sentences += [c.scope.words for c in report.causes if c.scope.words and not c.scope.is_part]
    sentences += [f"{found.kind}: {found.words}" for found in report.contents if found.is_now]
    scope = report.scope.kind or "all"
    return Saying(report.track.state, scope, report.seen.cause, tuple(sentences), report.scope.who)


def compare(script: Script, story: Story) -> Verdicts:
    """Judge the collector by the script's truths."""
    rows = tuple(_row(script, truth, story.get(truth.proxy, ())) for truth in script.truth)
    alarms = [alarm for proxy, said in story.items() for alarm in _alarms(script, proxy, said)]
    return Verdicts(rows, tuple(sorted(alarms, key=lambda alarm: alarm.at_s)))


def _row(script: Script, truth: Truth, said: Sequence[Said]) -> Row:
    happening = script.happening_of(truth)
    begin_s, over_s = script.begin_s(happening), script.over_s(happening)
    spans = list(_spans(said, begin_s, over_s))
    told = next((span for span in spans if _tells(truth, span[1].saying)), None)
    if told is None:
        last = spans[-1][1].saying if spans else None
        return Row(truth, None, last, ("it is never said",))
    delay_s = told[0] - begin_s
    wrong = []
    if delay_s > truth.within_seconds:
        wrong.append(f"said after {delay_s:.0f} s, not within {truth.within_seconds:.0f} s")
    gone = next((at for at, one in spans if at > told[0] and one.saying.state != truth.state), None)
    if gone is not None:
        wrong.append(f"said no more after {gone - begin_s:.0f} s")
    if truth.state in SICK and over_s < script.end_s:
        wrong += _late(truth, said, over_s, script.end_s)
    return Row(truth, delay_s, told[1].saying, tuple(wrong))


def _late(truth: Truth, said: Sequence[Said], over_s: float, end_s: float) -> list[str]:
    """Return how the end is not said in time."""
    wrong = []
    due_s = min(over_s + truth.over_seconds, end_s)
    is_still = any(one.saying.state == truth.state for _, one in _spans(said, due_s, end_s))
    if is_still and due_s < end_s:
        wrong.append(f"still {truth.state} {truth.over_seconds:.0f} s after its end")
    return wrong


def _tells(truth: Truth, saying: Saying) -> bool:
    return (
        saying.state == truth.state
        and truth.scope in ("", saying.scope)
        and truth.who in ("", saying.who)
        and truth.failure in ("", saying.failure)
        and (not truth.words or any(truth.words in words for words in saying.evidence))
    )


def _spans(said: Sequence[Said], begin_s: float, over_s: float) -> Iterable[tuple[float, Said]]:
    """Yield what is said between two times, and from when on, at the earliest the first."""
    for one, until_s in _with_ends(said, over_s):
        if one.at_s < over_s and until_s > begin_s:
            yield max(begin_s, one.at_s), one


def _with_ends(said: Sequence[Said], end_s: float) -> Iterable[tuple[Said, float]]:
    """Yield each with the time until which it holds, the last until the end."""
    ends_s = [one.at_s for one in said[1:]] + [end_s]
    return zip(said, ends_s, strict=False)


def _alarms(script: Script, proxy: str, said: Sequence[Said]) -> Iterable[FalseAlarm]:
    """Yield where something bad begins to be said that no truth explains."""
    before: State = "unknown"
    for one, until_s in _with_ends(said, script.end_s):
        state = one.saying.state
        at_s = _unexplained(script, proxy, one, until_s) if state in SICK else None
        if at_s is not None:
            if before != state:
                yield FalseAlarm(proxy, at_s, one.saying)
            before = state
        else:
            before = "unknown"


def _unexplained(script: Script, proxy: str, one: Said, until_s: float) -> float | None:
    """Return from when on it is not explained; None: all the time."""
    at_s = one.at_s
    severity = SEVERITY[one.saying.state]
    spans = [
        (script.begin_s(happening), script.over_s(happening) + truth.fades_seconds)
        for truth in script.truth
        if truth.proxy == proxy and truth.state in SICK
        if SEVERITY[truth.state] >= severity  # type: ignore[index]  # it is one of these
        if (happening := script.happening_of(truth))
    ]
    for begin_s, over_s in sorted(spans):
        if begin_s <= at_s < over_s:
            at_s = over_s
    return at_s if at_s < until_s else None
