"""
Rules that count: burnt budgets, early signs, and `dynamic`; of what the judge has counted.

Beside the states and not against them: a proxy whose `down` or `degraded` is on its way is told
by that one, and what was told is not told again. Pure but for what it holds of each proxy.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modpulse.agent.service.units import NS

from ..health.evidence import SLOT_S
from ..health.reason import Reason
from ..health.report import Report
from ..health.settled import SETTLED_NS
from .burn import FAST, SLOW, Burn, burning
from .cusum import Cusums, Odds, odds_of
from .facts import Facts
from .incident import Incident
from .ledger import HOUR_MINUTES, MAX_LEDGER_MINUTES, MINUTE_S, Ledger, Span, apart
from .lifecycle import Alert, Key
from .reading import Condition, Says
from .rules import Alerting, RuleName
from .usual import MAX_PERIODS, PERIOD_MINUTES, Odd, odd

MAX_UNWRITTEN = 20_000
"""Minutes of proxies that wait for the disk."""
_SAYS: Mapping[bool | None, Says] = {False: "not", None: "unknown"}
STATES: tuple[RuleName, ...] = ("down", "degraded")
"""Rules that tell of a proxy by its state."""
LEAD_MINUTES = 1
"""Before a state is one: what it tells of began then."""
PAST_MINUTES = 24 * HOUR_MINUTES
"""Whose failures are usual, but for the last hour."""
DAY_MINUTES = 24 * HOUR_MINUTES
_P95 = ("first_byte_small", "p95")


@dataclass(frozen=True, slots=True)
class Row:
    """What one proxy was held responsible for in one minute."""

    proxy: str
    start_s: int
    good: int
    failures: Mapping[str, int]


@dataclass(slots=True)
class Watch:
    """Of one proxy."""

    ledger: Ledger = field(default_factory=Ledger)
    cusums: Cusums = field(default_factory=Cusums)
    p95_ms: "deque[float | None]" = field(default_factory=lambda: deque(maxlen=MAX_PERIODS + 1))
    """By periods that are over."""
    period: int = 0
    """The last of these."""
    good: int = 0
    """Of the minute that is not over, as `failures`."""
    failures: dict[str, int] = field(default_factory=dict)
    minute: int = 0


class Counted:
    """Of all proxies that are reported."""

    def __init__(self, alerting: Alerting) -> None:
        self._alerting = alerting
        self._of: dict[str, Watch] = {}
        self._rows: list[Row] = []
        self.dropped = 0
        """Minutes that could not be written; what rules hold of them is not touched."""

    def restore(self, rows: Iterable[Row]) -> None:
        """Take back what was written, oldest first; of whole hours too."""
        for row in rows:
            watch = self._of.setdefault(row.proxy, Watch())
            minute = row.start_s // MINUTE_S
            watch.ledger.add(minute, row.good, row.failures)
            watch.minute = minute + 1

    def take(self, reports: Sequence[Report], alerts: Mapping[Key, Alert]) -> None:
        """Count what has settled since the last time."""
        told = _told_now(alerts)
        self._of = {report.proxy: self._of.get(report.proxy) or Watch() for report in reports}
        for report in reports:
            watch = self._of[report.proxy]
            if report.proxy in told:
                watch.cusums.reset()
            for slot, counts in report.settled:
                minute = slot * SLOT_S // MINUTE_S
                if minute < watch.minute:
                    continue  # written before a restart
                self._close(report.proxy, watch, minute)
                good = counts.ok + counts.misses
                watch.good += good
                for name, count in counts.failures.items():
                    watch.failures[name] = watch.failures.get(name, 0) + count
                watch.ledger.add(minute, good, counts.failures)
                if report.proxy not in told:
                    watch.cusums.add(good, counts.failures, self._odds(watch, counts.failures))
            self._note_p95(watch, report)

    def _close(self, proxy: str, watch: Watch, minute: int) -> None:
        """Keep the minute that is over, once another begins."""
        if minute == watch.minute:
            return
        if watch.good or watch.failures:
            start_s = watch.minute * MINUTE_S
            if len(self._rows) >= MAX_UNWRITTEN:
                self.dropped += 1
            else:
                self._rows.append(Row(proxy, start_s, watch.good, watch.failures))
        watch.minute, watch.good, watch.failures = minute, 0, {}

    def _note_p95(self, watch: Watch, report: Report) -> None:
        last = watch.ledger.last
        period = (last or 0) // PERIOD_MINUTES
        if last is None or period == watch.period:
            return
        watch.period = period
        watch.p95_ms.append(report.quantiles_ms.get(_P95[0], {}).get(_P95[1]))

    def _odds(self, watch: Watch, failures: Iterable[str]) -> dict[str, Odds]:
        ledger, last = watch.ledger, watch.ledger.last or 0
        span = last - PAST_MINUTES - HOUR_MINUTES, last - HOUR_MINUTES
        whole = ledger.sums((last - DAY_MINUTES, last + 1)).total
        covered = min(DAY_MINUTES, last + 1 - (ledger.first or last))
        a_day = whole / max(1, covered) * DAY_MINUTES
        past = ledger.sums(span).total
        return {
            name: odds_of(ledger.of_class(name, *span) / past if past else 0.0, a_day)
            for name in {*failures, *watch.cusums.classes()}
        }

    def due(self) -> list[Row]:
        """Return the minutes that are over and not written yet."""
        return list(self._rows)

    def written(self, rows: Sequence[Row]) -> None:
        """Let go of rows that are on disk."""
        self._rows = self._rows[len(rows) :]

    def see(
        self,
        alerts: Mapping[Key, Alert],
        incidents: Iterable[Incident],
        now_ns: int,
    ) -> dict[Key, Condition]:
        """
        Return what these rules say of this moment.

        Args:
            alerts: That there are.
            incidents: Open ones and the last closed ones: what was told.
            now_ns: The collector's time.
        """
        told, spans = _told_now(alerts), _told_before(incidents, now_ns)
        found: dict[Key, Condition] = {}
        # Silence moves the windows on: what was an hour ago is not now.
        present = (now_ns - SETTLED_NS) // NS // MINUTE_S
        for proxy, watch in self._of.items():
            rules = self._of_proxy(watch, spans.get(proxy, ()), present)
            for rule, condition in rules:
                found[Key(rule, proxy)] = Condition(says="unknown") if proxy in told else condition
        return found

    def _of_proxy(
        self, watch: Watch, told: Sequence[Span], present: int
    ) -> Iterator[tuple[RuleName, Condition]]:
        ledger = watch.ledger
        if ledger.last is None:
            return
        objective = self._alerting.objective
        for rule, pairs in (("burn_fast", FAST), ("burn_slow", SLOW)):
            found = burning(ledger, pairs, objective, told, present)
            yield rule, _burnt(found, ledger, present, objective)  # type: ignore[misc]
        yield "early", _early(watch, self._odds(watch, ()))
        if self._alerting.dynamic == "on":
            yield "dynamic", _dynamic(watch, told, present)


def _burnt(found: Burn | bool | None, ledger: Ledger, present: int, objective: float) -> Condition:
    if not isinstance(found, Burn):
        return Condition(says=_SAYS[found])
    failure, is_only = ledger.top_class(present + 1 - found.pair.long)
    hours = found.pair.long // HOUR_MINUTES
    ratio = found.failed / found.requests
    burns = Reason("budget_burns", (ratio, found.requests, hours, found.speed, objective))
    facts = Facts(
        requests=found.requests,
        failed=found.failed,
        failure=failure,
        is_only_failure=is_only,
        evidence=(burns,),
        hours=hours,
    )
    return Condition(says="so", cause=_cause(failure), facts=facts)


def _early(watch: Watch, odds: Mapping[str, Odds]) -> Condition:
    found = watch.cusums.highest(odds)
    if found is None:
        return Condition(says="not" if watch.cusums.is_quiet else "unknown")
    name, held = found
    unlike = Reason("class_unlike_past", (name, held.failed, held.requests))
    facts = Facts(
        requests=held.requests,
        failed=held.failed,
        failure=name,
        is_only_failure=True,
        evidence=(unlike,),
    )
    return Condition(says="so", cause=_cause(name), facts=facts)


def _dynamic(watch: Watch, told: Sequence[Span], present: int) -> Condition:
    """Failures or latency of the last period, by the periods of a day."""
    until = present // PERIOD_MINUTES * PERIOD_MINUTES
    ratios: list[float | None] = []
    for period in range(MAX_PERIODS, -1, -1):
        first = until - (period + 1) * PERIOD_MINUTES
        sums = watch.ledger.sums((first, first + PERIOD_MINUTES), told)
        ratios.append(sums.ratio if sums.total else None)
    found = {"failures": odd(ratios), "p95": odd(list(watch.p95_ms))}
    facts = Facts(
        evidence=tuple(
            Reason(f"{what}_above", (each.value, each.limit))
            for what, each in found.items()
            if isinstance(each, Odd)
        )
    )
    if facts.evidence:
        return Condition(says="so", cause="dynamic", facts=facts)
    known = [each for each in found.values() if each is not None]
    return Condition(says="not" if known else "unknown")


def _cause(failure: str | None) -> str:
    return (failure or "").partition(".")[0]


def _told_now(alerts: Mapping[Key, Alert]) -> frozenset[str]:
    """Proxies whose state is told, or about to be."""
    return frozenset(
        key.proxy
        for key, alert in alerts.items()
        if key.rule in STATES and alert.phase in ("pending", "firing")
    )


def _told_before(incidents: Iterable[Incident], now_ns: int) -> dict[str, list[Span]]:
    """Return the minutes in which people were told of each proxy's state, of the last days."""
    oldest_ns = now_ns - MAX_LEDGER_MINUTES * MINUTE_S * NS
    spans: dict[str, list[Span]] = {}
    for incident in incidents:
        for member in incident.members:
            until_ns = now_ns if member.ended_ns is None else member.ended_ns
            if member.key.rule in STATES and until_ns >= oldest_ns:
                # What came back has the time of its return alone.
                first, last = (at_ns // NS // MINUTE_S for at_ns in (incident.since_ns, until_ns))
                spans.setdefault(member.key.proxy, []).append((first - LEAD_MINUTES, last + 1))
    return {proxy: apart(found) for proxy, found in spans.items()}
