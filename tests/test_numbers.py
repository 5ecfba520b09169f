"""Rules of the numbers: refused by name, or no evidence makes a judgement fail."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.agent.batch.sketch import MAX_BUCKET, MAX_COUNT, ZERO_BUCKET
from modpulse.agent.service import keys
from modpulse.agent.service.errors import ConfigError
from modpulse.collector.config import Config, parse
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.report import Report
from modpulse.collector.http.document import proxies_document
from modpulse.collector.intake.arrival import Leaf
from modpulse.collector.intake.ingest import bucket_estimate_ms

EXTREMES: tuple[Any, ...] = (
    0, 1, -1, 2, 5e-324, 1e-9, 1e308, -1e308, math.inf, -math.inf, math.nan, 1 << 63, 1 << 1024
)  # fmt: skip
BOUNDS = keys.bounds(Config)
COUNTS = st.sampled_from([0, 1, 4, 5, 6, 100, MAX_COUNT]) | st.integers(0, MAX_COUNT)


def text_of(values: dict[str, Any]) -> str:
    """The TOML of some keys."""
    return "\n".join(f"{key} = {value!r}" for key, value in values.items())


def around(key: str) -> st.SearchStrategy[Any]:
    """Values at the key's bounds, between, and beyond."""
    least, most = BOUNDS[key]
    if isinstance(keys.defaults(Config)[key], int):
        return st.sampled_from([least, most, least - 1, most + 1]) | st.integers(least, int(most))
    inside = st.floats(least, most)
    return st.sampled_from([float(least), float(most), least / 2 - 1, most * 2.0]) | inside


KEYS = st.sets(st.sampled_from(sorted(BOUNDS)), max_size=8)
CHOSEN = KEYS.flatmap(lambda chosen: st.fixed_dictionaries({key: around(key) for key in chosen}))


@st.composite
def sightings_of_all_kinds(draw: st.DrawFn, proxy: str) -> Any:
    """What an agent may report of a proxy."""
    buckets = st.integers(ZERO_BUCKET, MAX_BUCKET) | st.sampled_from([0, -32, 33, 40])
    classes = st.sampled_from(["tls.expired", "dns.timeout", "new.class"])
    moment = st.integers(-(10**9), 2 * 10**9)
    return sighting(
        proxy,
        ok=draw(COUNTS),
        misses=draw(COUNTS),
        suspects=draw(COUNTS),
        failures=draw(st.dictionaries(classes, COUNTS, max_size=3)),
        first_byte=draw(st.dictionaries(buckets, COUNTS, max_size=4)),
        handshakes=draw(COUNTS),
        bad_certificates=draw(st.dictionaries(classes, COUNTS, max_size=2)),
        certificate=draw(st.none() | st.builds(Leaf, moment, moment)),
        lossy=draw(st.booleans()),
    )


ARRIVALS = st.lists(
    st.builds(
        lambda agent, age_s, good, sick: arrival(
            good, sick, agent_id=agent, end_ns=T0_NS - round(age_s * S)
        ),
        st.sampled_from(["build-1", "build-2", "build-3"]),
        st.floats(0, 4000),
        sightings_of_all_kinds(GOOD),
        sightings_of_all_kinds(SICK),
    ),
    max_size=6,
)


def judge(config: Config, arrivals: list[Any]) -> list[Report]:
    """Feed a fleet with these rules, with a past, and judge it some times over."""
    fleet = Fleet(config.formula, config.rules, bucket_estimate_ms)
    said = []
    for number, one in enumerate(arrivals):
        fleet.merge(one)
        fleet.learn(GOOD, number * 10**12, number, {MAX_BUCKET: 10**12, ZERO_BUCKET: number})
        said += fleet.evaluate(T0_NS + round(number * config.window_seconds * S))
    return said + fleet.evaluate(T0_NS + 590 * S) + fleet.evaluate(T0_NS + 9000 * S)


@settings(max_examples=300)
@given(CHOSEN, ARRIVALS)
@example({"latency_width_seconds": 2}, [arrival(sighting(ok=9, first_byte={33: 9}))])
@example({"latency_width_seconds": 1.0}, [arrival(sighting(ok=9, first_byte={32: 9}))])
def test_whatever_is_accepted_can_be_judged(values: dict[str, Any], arrivals: list[Any]) -> None:
    """Any configuration that is accepted judges any evidence: H and its parts lie in 0...1."""
    try:
        config = parse(text_of(values), {})
    except ConfigError as error:
        assert any(key in str(error) for key in values)  # noqa: PT017  # either outcome is right
        return
    for report in judge(config, arrivals):
        score = report.score
        parts = [] if score is None else [score.h, score.low, score.high, score.s]
        known = [part for part in (score.r, score.c) if part is not None] if score else []
        assert all(0 <= part <= 1 for part in parts + known)
        json.dumps(proxies_document([report], T0_NS, config.window_seconds), allow_nan=False)


@pytest.mark.parametrize("key", sorted(BOUNDS))
def test_extremes_are_refused_by_name(key: str) -> None:
    """What is beyond a bound ends the start with a line that names key and bounds."""
    least, most = BOUNDS[key]
    for value in (*EXTREMES, least, most, math.nextafter(least, -1), math.nextafter(most, 1e300)):
        try:
            config = parse(text_of({key: value}), {})
        except ConfigError as error:
            assert f"{key} = " in str(error)[:200] == str(error)  # noqa: PT017
        else:
            assert least <= keys.values_of(config)[key] <= most


def test_every_number_has_bounds() -> None:
    """No number of the configuration is without bounds, and the defaults lie within."""
    numbers = {k: v for k, v in keys.values_of(Config()).items() if isinstance(v, int | float)}

    assert set(BOUNDS) == set(numbers)
    parse(text_of(numbers), {})
