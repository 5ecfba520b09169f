"""Rules of coming again: spread over as long as it takes, neither at once nor late."""

from collections import Counter

from modpulse.collector.pressure import LATEST_S, SLOWEST, SOONEST_S, Pressure


def at_rate(rate: int) -> Pressure:
    """A collector that has taken so many batches in each of two seconds."""
    pressure = Pressure()
    for number in range(2 * rate + 1):
        pressure.take(100 + number / rate)
    return pressure


def test_a_herd_is_spread() -> None:
    """Ten thousand that come at once come again in as many seconds as it takes to serve them."""
    pressure = at_rate(2_000)

    told = Counter(pressure.again_s(102.0) for _ in range(10_000))

    assert SOONEST_S + 5 <= max(told) <= SOONEST_S + 6
    assert min(told) == SOONEST_S + 1
    assert max(told.values()) <= 2_100
    assert pressure.told == 10_000


def test_who_comes_later_finds_the_places_of_before_gone() -> None:
    """What was told a while ago does not delay anybody now."""
    pressure = at_rate(100)
    for _ in range(1_000):
        pressure.again_s(102.0)

    assert pressure.again_s(132.0) == SOONEST_S + 1


def test_nobody_waits_longer_than_the_latest() -> None:
    """Where more come than can be served in a minute, the first places are given again."""
    pressure = Pressure()

    told = [pressure.again_s(1.0) for _ in range(round(SLOWEST) * 2 * LATEST_S)]

    assert (min(told), max(told)) == (SOONEST_S + 1, LATEST_S)
    assert Counter(told).most_common(1)[0][1] <= 3 * SLOWEST
