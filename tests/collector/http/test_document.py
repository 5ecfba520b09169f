"""Rules of the answer of GET /api/v1/proxies."""

import json
import re
from pathlib import Path

from parted import Play, agents
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.http.document import proxies_document, proxy_part
from modpulse.collector.intake.arrival import Leaf

DOCUMENT = Path(__file__).parents[3] / "docs" / "collector.md"


def test_document() -> None:
    """What is known of a proxy, and null for what is not."""
    fleet = Fleet(Formula(), Rules(), float)
    leaf = Leaf(T0_NS // S - 86_400, T0_NS // S + 10 * 86_400)
    fleet.merge(
        arrival(
            sighting(GOOD, ok=9, misses=2, first_byte={500: 9}, certificate=leaf),
            sighting(SICK),
            end_ns=T0_NS,
        )
    )
    document = proxies_document(fleet.evaluate(T0_NS), T0_NS, 10.0)
    good, silent = document["proxies"]

    assert (document["schema"], document["window_s"]) == (1, 10.0)
    assert good["score"]["r"] == 0.5
    assert (good["n"], good["requests"], good["ok"], good["misses"]) == (11, 11, 9, 2)
    assert good["phases"] == {"first_byte_small": {"p50_ms": 500, "p95_ms": 500, "p99_ms": 500}}
    assert good["certificate_days_left"] == 10
    assert good["since"] == good["last_seen"] == "2027-01-15T08:00:00.000Z"
    assert (silent["score"], silent["failure_ratio"], silent["top_cause"]) == (None, None, None)
    json.dumps(document, allow_nan=False)


def test_scope_and_confidence() -> None:
    """For what a proxy is sick, with its share, and how sure that is."""
    play = Play(
        agents(("ams", 4), ("fra", 4)),
        lambda a: "tcp.reset" if a.site == "fra" and a.window > 8 else None,
    )
    part = proxy_part(play.run(16))

    assert (part["scope"], part["scope_who"], part["state"]) == ("site", "fra", "degraded")
    assert (part["scope_failures_share"], part["scope_requests_share"]) == (1.0, 0.5)
    assert part["scope_also"] == []
    assert part["confidence"]["level"] == "high"
    assert part["confidence"]["evidence"] is None


def test_every_key_is_documented() -> None:
    """docs/collector.md names every key of the document."""
    fleet = Fleet(Formula(), Rules(), float)
    fleet.merge(arrival(sighting(SICK, failures={"http.5xx": 9}), sighting(GOOD, ok=9)))
    document = proxies_document(fleet.evaluate(T0_NS), T0_NS, 10.0)
    sick = document["proxies"][1]
    keys = {*document, *sick, *sick["score"], *sick["gates"][0]}
    documented = set(re.findall(r"`\.?(\w+)(?:\[\])?`", DOCUMENT.read_text()))

    assert keys - documented == set()
