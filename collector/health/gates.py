"""
The gates that decide a proxy's state, each with its evidence as values.

Knows nothing of agents or of time passing: one moment's evidence in, findings out.
Gates and not the score, for a sum hides an outage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modpulse.agent.service.keys import number
from modpulse.agent.service.units import NS

from .beta import Beta
from .evidence import HORIZON_S, KEPT_FAILURES, SLOT_S, Evidence
from .reason import Reason, Reasons, Value, sentences
from .score import CERTIFICATE_LOW, DAY_S, LATENCIES_S

State = Literal["unknown", "healthy", "degraded", "down"]
Gate = Literal["outage", "certificate", "slo", "slow", "expiry", "suspect_misses", "partial"]

FAILING: frozenset[Gate] = frozenset({"outage", "certificate", "slo", "suspect_misses"})
"""Those that failures fire."""
SEVERITY: dict[State, int] = {"unknown": 0, "healthy": 1, "degraded": 2, "down": 3}
STATE_OF: dict[Gate, State] = {
    "outage": "down",
    "certificate": "down",
    "slo": "degraded",
    "slow": "degraded",
    "expiry": "degraded",
    "suspect_misses": "degraded",
    "partial": "degraded",
}
_SELDOM = 0.2
"""Who failed no more of the requests before has no long run of failures by chance."""
COUNTS = (1, 10_000)
"""What a number of requests or failures may be."""
WEEK_S = 7 * DAY_S
MISSED_OF = 50
"""Requests of ten minutes whose share of misses is compared with the past."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds of the gates and of who saw it; each is a configuration key."""

    half_life_seconds: float = number(180.0, 1, 86_400)
    prior_requests: float = number(10.0, 0.1, 1000)
    """Pseudo-requests of the prior, before and after the proxy has a past."""
    prior_success: float = number(0.99, 0.001, 0.999)
    """Success ratio assumed of a proxy without a past."""
    unknown_below: int = number(5, *COUNTS)
    recent_seconds: float = number(60.0, SLOT_S, HORIZON_S)
    """What `the last minute` is for the outage and certificate gates."""
    outage_failures: int = number(5, *COUNTS)
    outage_run: int = number(20, 1, KEPT_FAILURES)
    """Failures in a row, over `outage_run_seconds`, are an outage before a minute has passed."""
    outage_run_seconds: float = number(15.0, 0, HORIZON_S)
    certificate_handshakes: int = number(3, *COUNTS)
    slo_success: float = number(0.95, 0.01, 0.999)
    slo_confidence: float = number(0.95, 0.5, 0.9999)
    slo_failures: int = number(3, *COUNTS)
    slow_seconds: float = number(2.0, *LATENCIES_S)
    slow_requests: int = number(10, *COUNTS)
    slow_past_factor: float = number(3.0, 1, 1000)
    slow_past_floor_seconds: float = number(0.5, 0, LATENCIES_S[1])
    past_requests: int = number(200, 1, 1_000_000_000)
    """Requests over the last week, but the last hour, that make a past."""
    suspect_misses: int = number(5, *COUNTS)
    suspect_share: float = number(0.2, 0, 0.99)
    miss_past_factor: float = number(3.0, 1, 1000)
    """By so much more is missed than usual at this hour of the week, and `suspect_misses` are
    enough, whatever their share."""
    miss_past_floor: float = number(0.2, 0, 1)
    enter_windows: int = number(3, 1, 1000)
    leave_windows: int = number(2, 1, 1000)
    asked_seconds: float = number(3600.0, SLOT_S, WEEK_S)
    """An agent that asked within it is one that could have seen a failure."""
    served_seconds: float = number(300.0, SLOT_S, WEEK_S)
    """A single agent's failures count if some proxy served it within this time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One gate that fires."""

    gate: Gate
    reasons: Reasons

    @property
    def evidence(self) -> str:
        """In English words."""
        return sentences(self.reasons)

    @property
    def state(self) -> State:
        """What the gate makes of the proxy."""
        return STATE_OF[self.gate]


@dataclass(frozen=True, slots=True)
class Past:
    """What is usual for one proxy."""

    success: float | None = None
    """Its success ratio over the days before; None without a past."""
    first_byte_ms: float | None = None
    """Its usual p95 time to first byte of list, info and mod; None without a past."""
    miss_share: float | None = None
    """Of its requests at this hour of the week those that it misses; None without such a past."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """When the certificate that is in use ends, at one moment."""

    left_s: float
    part: float
    """C of the formula."""


def belief(evidence: Evidence, past: Past, rules: Rules) -> Beta:
    """Return the posterior of the success ratio: pseudo-requests of the past, then evidence."""
    mean = rules.prior_success if past.success is None else past.success
    # A perfect past is still no proof: both parameters of a Beta must be positive.
    mean = min(0.999, max(0.001, mean))
    prior = Beta(rules.prior_requests * mean, rules.prior_requests * (1 - mean))
    return prior.after(evidence.ok, evidence.failed)


def failure_findings(evidence: Evidence, past: Past, rules: Rules) -> list[Finding]:
    """Return the failure gates that fire on this evidence."""
    found = (
        _outage(evidence, rules),
        _certificate(evidence, rules),
        _slo(evidence, past, rules),
        _suspect_misses(evidence, past, rules),
    )
    return [finding for finding in found if finding]


def other_findings(
    evidence: Evidence,
    first_byte_ms: float | None,
    past: Past,
    certificate: Certificate | None,
    rules: Rules,
) -> list[Finding]:
    """Return the gates that one vantage is enough for: latency and expiry."""
    found = list(_slow(evidence, first_byte_ms, past, rules))
    if certificate and certificate.part <= CERTIFICATE_LOW:
        days = certificate.left_s / DAY_S
        code = "expires_in_days" if days > 0 else "expired_days_ago"
        found.append(_finding("expiry", code, abs(days)))
    return found


def _outage(evidence: Evidence, rules: Rules) -> Finding | None:
    recent = evidence.recent
    failing_s = evidence.failing_ns / NS
    run = evidence.consecutive_failures
    before, failed_before = evidence.n - run, evidence.total.failed - run
    # Who failed half of the time before has runs of failures now and then.
    is_new = failed_before <= max(run, _SELDOM * before)
    is_run = is_new and evidence.consecutive_failures >= rules.outage_run
    if is_run and failing_s >= rules.outage_run_seconds and recent.served:
        return _finding("outage", "all_failed_for", run, failing_s)
    if recent.requests >= rules.outage_failures:
        if recent.served or recent.failed < rules.outage_failures:
            return None
        return _finding("outage", "no_answer", recent.failed, rules.recent_seconds)
    if evidence.consecutive_failures < rules.outage_failures:
        return None
    return _finding("outage", "all_failed", run)


def _certificate(evidence: Evidence, rules: Rules) -> Finding | None:
    bad = evidence.recent.bad_certificates
    count = sum(bad.values())
    if count < rules.certificate_handshakes or count < evidence.recent.handshakes:
        return None
    most = max(bad, key=lambda name: bad[name])
    return _finding("certificate", "bad_certificate", count, rules.recent_seconds, most)


def _slo(evidence: Evidence, past: Past, rules: Rules) -> Finding | None:
    failed = evidence.total.failed
    if failed < rules.slo_failures:
        return None
    below = belief(evidence, past, rules).cdf(rules.slo_success)
    if below <= rules.slo_confidence:
        return None
    latest = evidence.failed / (evidence.failed + evidence.ok)
    n = failed + evidence.total.ok
    weighed = (failed, n, HORIZON_S // 60, latest, rules.slo_success, below)
    return _finding("slo", "below_slo", *weighed)


def _slow(
    evidence: Evidence, first_byte_ms: float | None, past: Past, rules: Rules
) -> Iterator[Finding]:
    n = evidence.total.small
    if first_byte_ms is None or n < rules.slow_requests:
        return
    slow_ms = 1000 * rules.slow_seconds
    if first_byte_ms > slow_ms:
        yield _finding("slow", "slow_above", first_byte_ms, slow_ms, n)
    elif (
        past.first_byte_ms is not None
        and first_byte_ms > rules.slow_past_factor * past.first_byte_ms
        and first_byte_ms > 1000 * rules.slow_past_floor_seconds
    ):
        yield _finding("slow", "slow_unusually", first_byte_ms, past.first_byte_ms, n)


def slow_limit_ms(past: Past, rules: Rules) -> float:
    """Return the p95 above which the gate `slow` fires."""
    slow_ms = 1000 * rules.slow_seconds
    if past.first_byte_ms is None:
        return slow_ms
    usual_ms = rules.slow_past_factor * past.first_byte_ms
    return min(slow_ms, max(usual_ms, 1000 * rules.slow_past_floor_seconds))


def _suspect_misses(evidence: Evidence, past: Past, rules: Rules) -> Finding | None:
    suspects = evidence.total.suspects
    misses = evidence.suspects + evidence.misses
    unusual = _unusual_misses(evidence, past, rules)
    is_share = evidence.suspects > rules.suspect_share * misses
    if suspects < rules.suspect_misses or not (is_share or unusual):
        return None
    total = suspects + evidence.total.misses
    return Finding("suspect_misses", (Reason("suspect_misses", (suspects, total)), *unusual))


def _unusual_misses(evidence: Evidence, past: Past, rules: Rules) -> Reasons:
    """
    Return that much more is missed than usual; empty where it is not, or not known.

    Alone it proves nothing: a build that asks for private names does as much.
    """
    usual, n = past.miss_share, evidence.n
    if usual is None or n < MISSED_OF:
        return ()
    share = (evidence.total.misses + evidence.total.suspects) / n
    if share <= max(rules.miss_past_factor * usual, usual + rules.miss_past_floor):
        return ()
    return (Reason("unusual_misses", (share, n, usual)),)


def _finding(gate: Gate, code: str, *values: Value) -> Finding:
    return Finding(gate, (Reason(code, values),))
