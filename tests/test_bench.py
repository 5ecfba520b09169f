"""How the benchmarks get from measured values to figures."""

import random
from typing import Any

from bench.figures import paired_ratio, quantile, spread
from bench.own_log import Span, attempts, spans


def entry(event: str, at_ns: int, attempt: int = 1, **more: Any) -> dict[str, Any]:
    """One line of the log."""
    return {"pid": 7, "attempt": attempt, "event": event, "at_ns": at_ns, **more}


def test_quantile_is_a_measured_value() -> None:
    """A quantile is the nearest rank: one of the values, and of one value that value."""
    actual = [quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([4.0, 1.0], 0.95), quantile([5.0], 0.5)]

    assert actual == [2.0, 4.0, 5.0]


def test_a_ratio_lies_in_its_interval() -> None:
    """Pairs that all cost 2 % more give 1.02 and an interval without width."""
    ratio = paired_ratio([(1.02 * alone, alone) for alone in (1.0, 2.0, 5.0)], random.Random(1))

    assert ratio.pairs == 3
    assert round(ratio.median, 6) == 1.02
    assert round(ratio.high - ratio.low, 6) == 0.0


def test_a_slow_machine_does_not_change_a_ratio() -> None:
    """What both halves of a pair suffer cancels out."""
    rng = random.Random(1)
    pairs = [(1.01 * slow, slow) for slow in (1.0, 1.0, 1.0, 40.0, 1.0, 30.0)]

    assert round(paired_ratio(pairs, rng).median, 6) == 1.01


def test_spread_is_relative() -> None:
    """The spread is half the distance of the quartiles, as a share of the median."""
    assert spread([9.0, 10.0, 11.0]) == 0.1


def test_the_first_point_of_an_attempt_counts() -> None:
    """A redirect passes points again; the first times of each attempt are kept, attempts apart."""
    log = [
        entry("Start", 10, url="https://a/m/@v/v1.mod"),
        entry("GotConn", 20, reused=True),
        entry("Start", 15, attempt=2, url="https://a/n/@v/v1.mod"),
        entry("GotConn", 30, reused=False),
    ]

    first, second = attempts(log)

    assert first.points == {"Start": 10, "GotConn": 20}
    assert second.points == {"Start": 15}


def test_spans_pair_by_address() -> None:
    """Dials of one attempt that overlap are paired by the address that each names."""
    log = [
        entry("ConnectStart", 10, address="[2001:db8::1]:443"),
        entry("ConnectStart", 12, address="192.0.2.1:443"),
        entry("ConnectDone", 15, address="192.0.2.1:443"),
        entry("ConnectDone", 19, address="[2001:db8::1]:443"),
    ]

    assert spans(log, "ConnectStart", "ConnectDone") == [Span(7, 12, 3), Span(7, 10, 9)]
