"""Rules of when hosts build."""

from dataclasses import replace

import pytest
from fleets import script

from modpulse.collector.simulate.traffic import HOUR_S, Build, builds, curve

MONDAY = script("")


@pytest.mark.parametrize(
    ("at_hour", "share"),
    [(0, 0.1), (5.9, 0.1), (6, 0.1), (8, 0.55), (10, 1), (15.9, 1), (18, 0.55), (20, 0.1),
     (24 * 4 + 12, 1), (24 * 5 + 12, 0.5), (24 * 6 + 12, 0.5), (24 * 7 + 12, 1)],
)  # fmt: skip
def test_the_curve(at_hour: float, share: float) -> None:
    """Most from 10 to 16 on workdays, fewest at night, in between it rises and falls."""
    made = replace(MONDAY, start_hour=0, night_share=0.1, weekend_share=0.5)

    assert curve(made, at_hour * HOUR_S) == pytest.approx(share)
    shifted = replace(made, start_hour=3)
    assert curve(shifted, (at_hour + 21) * HOUR_S) == pytest.approx(
        curve(made, (at_hour + 24) * HOUR_S)
    )


def taking_place(factor: float, night_share: float = 1.0) -> list[Build]:
    """Builds of 48 hours on a host that is so busy, among hosts that may be 10 times as busy."""
    made = replace(MONDAY, start_hour=0, night_share=night_share, requests_per_build=4)
    found = [pair for hour in range(24) for pair in builds(made, 0, hour, 10)]
    return [build for build, threshold in found if threshold < factor]


def test_how_many() -> None:
    """As many as are asked for, ten times as many on a busy host, a share of them at night."""
    assert abs(len(taking_place(1)) / 24 / MONDAY.builds_per_hour - 1) < 0.1
    assert abs(len(taking_place(10)) / 24 / MONDAY.builds_per_hour / 10 - 1) < 0.05
    assert {build.key for build in taking_place(1)} < {build.key for build in taking_place(10)}
    by_day = [build.start_s // HOUR_S % 24 for build in taking_place(1, night_share=0)]
    assert min(by_day) >= 6
    assert max(by_day) < 20


def test_what_is_asked() -> None:
    """In order, within the build, of each endpoint; the version where the URL has one."""
    asks = [build.asks for build in taking_place(1)]

    assert {len(few) for few in asks} == {4}
    for build in taking_place(1):
        times = [ask.at_s for ask in build.asks]
        assert times == sorted(times)
        assert build.start_s <= times[0] <= times[-1] <= build.start_s + MONDAY.build_seconds
    every = [ask for few in asks for ask in few]
    assert {ask.endpoint for ask in every} == {"list", "latest", "info", "mod", "zip"}
    assert all((ask.version is None) == (ask.endpoint in ("list", "latest")) for ask in every)
