"""Rules of chance: the same for ever, and as often as it says."""

from modpulse.collector.simulate.chance import Chance


def test_the_same_for_ever() -> None:
    """These are SplitMix64's first numbers from 0, as its authors give them."""
    chance = Chance()

    assert [chance.bits() for _ in range(3)] == [
        0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F,
    ]  # fmt: skip


def test_keys_are_told_apart() -> None:
    """The order of a key's parts counts, and a 0 more."""
    keys = [(), (0,), (0, 0), (1,), (1, 0), (0, 1), (1, 2), (2, 1)]

    assert len({Chance(*key).bits() for key in keys}) == len(keys)


def test_distributions() -> None:
    """Means and medians are what was asked for, to a percent or three."""
    chance = Chance(7)
    units = sorted(chance.unit() for _ in range(20_000))
    times = sorted(chance.lognormal(40, 0.5) for _ in range(20_000))
    counts = [chance.poisson(3) for _ in range(20_000)]

    assert 0 <= units[0] <= units[-1] < 1
    assert abs(units[10_000] - 0.5) < 0.02
    assert abs(times[10_000] / 40 - 1) < 0.03
    assert abs(times[19_000] / times[10_000] - 2.28) < 0.1
    assert abs(sum(counts) / 20_000 - 3) < 0.06
    assert {chance.below(3) for _ in range(100)} == {0, 1, 2}
    assert chance.poisson(0) == 0
    assert abs(sum(chance.poisson(1300) for _ in range(50)) / 50 - 1300) < 20
