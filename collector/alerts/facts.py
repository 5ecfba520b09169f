"""
What a person is told of an alert, as values: counts, classes, and what is around it. Pure.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..health.attribution import NETWORK
from ..health.chains import ChainReport
from ..health.evidence import HORIZON_S, Evidence
from ..health.reason import Reasons
from ..health.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a person is told of one alert; words that others wrote are not said yet."""

    requests: int = 0
    """With an outcome: of the last minute where that has failures, else of ten."""
    failed: int = 0
    """Of these, suspect misses included."""
    agents: int = 0
    """That saw failures within ten minutes; where nobody did, that asked within the hour."""
    failure: str | None = None
    """The most frequent failure class; None without any."""
    is_only_failure: bool = False
    """There is no other class."""
    gates: tuple[str, ...] = ()
    """What holds the state, by the gates' names."""
    evidence: Reasons = ()
    """Of each gate."""
    only: str | None = None
    """The only host that asks; None where there are more, or that is not the point."""
    site: str = ""
    """The only one that sees it; empty: more than one does, or it is not known."""
    part_kind: str = ""
    """What most failures have in common, where others are served: `address`, `site`; else empty."""
    part_who: str = ""
    """Which of these."""
    part_share: float = 0.0
    """Of the failures, 0…1; 0: it was not counted."""
    first_byte_ms: float | None = None
    """p95 of list, info and mod."""
    left_s: float | None = None
    """Until the certificate ends."""
    hours: int = 0
    """In which `requests` were asked; 0: minutes, or it is not the point."""
    minutes: int = 0
    """The same, up to the moment; 0: since the last answer, or it is not the point."""
    others: int = 0
    """Other proxies of which something is known."""
    others_fine: int = 0
    """Of these, healthy ones."""
    others_down: int = 0
    """Of these, those that are down."""
    dns_fine: bool = False
    """Nobody's lookup failed within ten minutes."""
    follows: tuple[str, ...] = ()
    """What follows it in the chains in force: `,`, `|`; empty where it is last; () not known."""

    @property
    def scope(self) -> tuple[object, ...]:
        """What is sick, and for whom."""
        # That a share of failures is proven as well changes nothing of an outage.
        return frozenset(self.gates) - {"slo"}, self.part_kind, self.part_who, self.failure


class Surroundings:
    """What is to be said of the rest of the fleet."""

    def __init__(self, reports: Sequence[Report], chains: Sequence[ChainReport]) -> None:
        """
        Args:
            reports: Of all proxies.
            chains: In force.
        """
        follows: dict[str, set[str]] = {}
        for link in (link for chain in chains if chain.commands for link in chain.links):
            follows.setdefault(link.proxy, set()).add(link.separator)
        self._follows = {proxy: tuple(sorted(found)) for proxy, found in follows.items()}
        self._known = sum(report.track.state != "unknown" for report in reports)
        self._fine = sum(report.track.state == "healthy" for report in reports)
        self._down = sum(report.track.state == "down" for report in reports)
        failures = {name for report in reports for name in report.seen.total.failures}
        self._dns_fine = not any(name.startswith("dns.") for name in failures)

    def beside(self, report: Report, facts: Facts) -> Facts:
        """Return the facts with those of the others."""
        state = report.track.state
        return replace(
            facts,
            others=self._known - (state != "unknown"),
            others_fine=self._fine - (state == "healthy"),
            others_down=self._down - (state == "down"),
            dns_fine=self._dns_fine,
            follows=self._follows.get(report.proxy, ()),
        )


def counted(evidence: Evidence) -> Facts:
    """Return what counts at this moment: the last minute where that has failures, else ten."""
    is_now = bool(evidence.recent.failed)
    counts = evidence.recent if is_now else evidence.total
    most = max(counts.failures, key=counts.failures.__getitem__, default=None)
    return Facts(
        requests=counts.requests,
        failed=counts.failed + counts.suspects,
        failure=most if is_now else evidence.cause,
        is_only_failure=len(counts.failures) == 1 and not counts.suspects,
        minutes=1 if is_now else HORIZON_S // 60,
    )


def cut_off(evidence: Evidence) -> Facts:
    """Of a proxy that answers nobody: what came since its last answer."""
    facts, run = counted(evidence), evidence.consecutive_failures
    return replace(facts, requests=run, failed=run, minutes=0) if run else facts


def beyond(seen: Evidence, judged: Evidence) -> Facts:
    """Of what is not held against the proxy."""
    is_now = seen.recent.failed > judged.recent.failed
    every, own = (seen.recent, judged.recent) if is_now else (seen.total, judged.total)
    failures = Counter(every.failures)
    failures.subtract(own.failures)
    left = {name: n for name, n in failures.items() if n > 0}
    return Facts(
        requests=max(0, every.requests - own.requests),
        failed=max(0, every.failed + every.suspects - own.failed - own.suspects),
        failure=max(left, key=left.__getitem__, default=seen.cause),
        is_only_failure=len(left) == 1 and every.suspects == own.suspects,
        minutes=1 if is_now else HORIZON_S // 60,
    )


def cause_of(failure: str | None, gates: Sequence[str]) -> str:
    """Return what other alerts with the same may be the same incident."""
    if "slow" in gates and not {"outage", "certificate", "slo", "partial"} & set(gates):
        return "slow"
    if "suspect_misses" in gates and "slo" not in gates:
        return "misses"
    if failure is None:
        return gates[0] if gates else ""
    return "network" if failure.startswith(NETWORK) else failure.partition(".")[0]
