"""Rules of each gate at its threshold."""

import pytest

from modpulse.agent.service.units import NS
from modpulse.collector.health.evidence import Timeline, weigh
from modpulse.collector.health.gates import (
    Certificate,
    Past,
    Rules,
    belief,
    failure_findings,
    other_findings,
)
from modpulse.collector.intake.arrival import Counts

RULES = Rules()
NOW_NS = 1_000_000 * NS


def gates(*slots: tuple[int, Counts], past: Past | None = None) -> list[str]:
    """Return the failure gates that fire on counts seen so many seconds ago."""
    timeline = Timeline()
    for age_s, counts in slots:
        timeline.add(NOW_NS - age_s * NS - 1, counts)
    evidence = weigh(timeline, NOW_NS, 180 * NS, 60 * NS)
    return [found.gate for found in failure_findings(evidence, past or Past(), RULES)]


def run_of(count: int, seconds: int, before: int) -> bool:
    """Whether so many failures in a row are an outage, for so long, after others, just served."""
    timeline = Timeline()
    started_ns = NOW_NS - (seconds + 1) * NS
    timeline.add(started_ns - NS, Counts(ok=30, failures={"http.5xx": before} if before else {}))
    timeline.add(NOW_NS - 1, failing(count))
    step_ns = seconds * NS // (count - 1)
    timeline.order(started_ns - NS, [started_ns + n * step_ns for n in range(count)])
    found = failure_findings(weigh(timeline, NOW_NS, 180 * NS, 60 * NS), Past(), RULES)
    return any(finding.gate == "outage" for finding in found)


@pytest.mark.parametrize(
    ("count", "seconds", "before", "expected"),
    [(20, 16, 0, True), (19, 16, 0, False), (20, 14, 0, False), (20, 16, 20, True),
     (20, 16, 21, False), (31, 28, 0, True)],
)  # fmt: skip
def test_a_run_is_an_outage_at_once(count: int, seconds: int, before: int, expected: bool) -> None:
    """Twenty in a row over fifteen seconds, unless as many failed before: then runs are usual."""

    assert run_of(count, seconds, before) is expected


def failing(count: int, **other: int) -> Counts:
    """So many failures, and other outcomes."""
    return Counts(failures={"http.5xx": count} if count else {}, **other)


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ([(0, failing(5))], True),
        ([(0, failing(4))], False),
        ([(0, failing(9, ok=1))], False),
        ([(0, failing(9, misses=1))], False),
        ([(0, failing(9, suspects=4))], True),  # suspect misses are no proof of life
        ([(0, failing(9)), (70, failing(0, ok=50))], True),  # a minute ago it was fine
        ([(0, failing(2)), (300, failing(3))], True),  # little traffic: the last five
        ([(0, failing(2)), (200, failing(0, ok=1)), (300, failing(3))], False),
        ([(0, failing(2)), (605, failing(3))], False),  # beyond ten minutes nothing counts
    ],
)
def test_outage(slots: list[tuple[int, Counts]], expected: bool) -> None:
    """Five failures and no answer within a minute, or the last five outcomes."""

    assert ("outage" in gates(*slots)) == expected


@pytest.mark.parametrize(
    ("bad", "handshakes", "expected"), [(3, 3, True), (2, 2, False), (3, 4, False)]
)
def test_certificate(bad: int, handshakes: int, expected: bool) -> None:
    """Every handshake, and at least three."""
    counts = Counts(handshakes=handshakes, bad_certificates={"tls.hostname": bad})

    assert ("certificate" in gates((0, counts))) == expected


def test_certificate_class_of_a_newer_agent() -> None:
    """A class that is not known here has words as well."""

    assert gates((0, Counts(handshakes=3, bad_certificates={"tls.revoked": 3}))) == ["certificate"]


@pytest.mark.parametrize(
    ("ok", "failed", "expected"),
    [
        (0, 2, False),
        (0, 3, True),
        (20, 3, False),
        (5, 3, True),
        (1000, 40, False),
        (300, 40, True),
    ],
)
def test_slo(ok: int, failed: int, expected: bool) -> None:
    """A success ratio below 95 % with 95 % confidence, and at least three failures."""

    assert ("slo" in gates((0, failing(failed, ok=ok)))) == expected


@pytest.mark.parametrize(
    ("usual", "suspects", "misses", "expected"),
    [
        (0.1, 5, 60, True),
        (0.1, 0, 60, False),
        (0.1, 4, 60, False),
        (0.3, 5, 21, False),
        (0.5, 5, 60, False),
        (None, 5, 60, False),
    ],
)
def test_misses_beyond_the_usual(
    usual: float | None, suspects: int, misses: int, expected: bool
) -> None:
    """Where much more is missed than usual at this hour, a few suspect ones are enough; none are
    needed to be many, and without any nothing is said: names may be private."""
    counts = Counts(ok=40, suspects=suspects, misses=misses)

    assert ("suspect_misses" in gates((0, counts), past=Past(miss_share=usual))) == expected


def test_the_usual_share_is_told() -> None:
    """With what was missed and what is usual."""
    timeline = Timeline()
    timeline.add(NOW_NS - 1, Counts(ok=40, suspects=5, misses=60))
    evidence = weigh(timeline, NOW_NS, 180 * NS, 60 * NS)
    (found,) = failure_findings(evidence, Past(miss_share=0.1), RULES)

    assert found.evidence == (
        "5 of 65 misses are suspect; 62% of 105 requests were missed, usual at this hour are 10%"
    )


@pytest.mark.parametrize(
    ("suspects", "misses", "expected"), [(5, 0, True), (4, 0, False), (5, 20, False), (6, 20, True)]
)
def test_suspect_misses(suspects: int, misses: int, expected: bool) -> None:
    """Five at least, and more than a fifth of all misses."""
    counts = Counts(suspects=suspects, misses=misses)

    assert ("suspect_misses" in gates((0, counts))) == expected


@pytest.mark.parametrize(
    ("first_byte_ms", "n", "past_ms", "expected"),
    [
        (2001, 10, None, True),
        (2000, 10, None, False),
        (2500, 9, None, False),
        (None, 50, None, False),
        (700, 10, 200, True),  # 3 x its usual
        (599, 10, 200, False),
        (450, 10, 100, False),  # below the floor
        (2100, 10, 2000, True),
    ],
)
def test_slow(first_byte_ms: float | None, n: int, past_ms: float | None, expected: bool) -> None:
    """Above two seconds, or far above what is usual for this proxy."""
    timeline = Timeline()
    timeline.add(NOW_NS - 1, Counts(ok=n, small=n))
    evidence = weigh(timeline, NOW_NS, 180 * NS, 60 * NS)
    found = other_findings(evidence, first_byte_ms, Past(None, past_ms), None, RULES)

    assert bool(found) == expected


def test_expiry_in_words() -> None:
    """The words tell a certificate that ends from one that has ended."""
    evidence = weigh(Timeline(), NOW_NS, 180 * NS, 60 * NS)
    words = [
        other_findings(evidence, None, Past(), Certificate(left_s, 0.2), RULES)[0].evidence
        for left_s in (86_400.0, -43_200.0)
    ]

    assert words == [
        "the certificate expires in 1.0 days",
        "the certificate expired 0.5 days ago",
    ]


def test_prior_and_past() -> None:
    """Without evidence the belief is Beta(9.9, 0.1), or as strong around the proxy's own past."""
    evidence = weigh(Timeline(), NOW_NS, 180 * NS, 60 * NS)
    prior, own = (belief(evidence, past, RULES) for past in (Past(), Past(success=0.9)))

    assert (prior.a, prior.b) == pytest.approx((9.9, 0.1))
    assert (own.a, own.b) == pytest.approx((9.0, 1.0))


def test_top_cause_ties_go_to_the_newest() -> None:
    """The most frequent class, and of equally frequent ones the newest."""
    timeline = Timeline()
    timeline.add(NOW_NS - 60 * NS, Counts(failures={"dns.timeout": 2, "tcp.reset": 1}))
    timeline.add(NOW_NS - 20 * NS, Counts(failures={"tcp.reset": 1}))

    assert weigh(timeline, NOW_NS, 180 * NS, 60 * NS).cause == "tcp.reset"
