"""Rules of what Gatus is told."""

from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from alarms import down, report
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.collector.channels.gatus import MAX_WHY_CHARS, key, posts
from modpulse.collector.channels.message import Post, Secrets
from modpulse.collector.health.gates import Finding
from modpulse.collector.health.reason import plain
from modpulse.collector.health.state import GateTrack, Track

SECRETS = Secrets("https://status.corp/root/", "t0ken")


def asked(request: Post) -> tuple[str, dict[str, str]]:
    """Path and query of a request."""
    parts = urlsplit(request.url)
    assert not parts.fragment
    return parts.path, {name: value for name, (value,) in parse_qs(parts.query).items()}


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ("https://goproxy.corp", "modpulse_goproxy-corp"),
        ("https://goproxy.corp:8443/a_b/c,d", "modpulse_goproxy-corp:8443-a-b-c-d"),
        ("http://goproxy.corp", "modpulse_http:--goproxy-corp"),
        ("direct", "modpulse_direct"),
        ("sumdb:sum.golang.org", "modpulse_sumdb:sum-golang-org"),
    ],
)
def test_a_key_is_as_gatus_makes_it(proxy: str, expected: str) -> None:
    """Of group and name, in small letters, with dashes."""
    assert key(proxy) == expected


def test_states_are_results() -> None:
    """Down fails and says why, degraded succeeds, and of what nobody asks nothing is told."""
    slow = replace(
        report("https://slow.corp", "degraded"), quantiles_ms={FIRST_BYTE: {"p50": 41.5}}
    )
    found = posts(
        [down("https://sick.corp"), slow, report("https://idle.corp", "unknown")], SECRETS, "en"
    )

    assert [asked(each) for each in found.values()] == [
        ("/root/api/v1/endpoints/modpulse_slow-corp/external",
         {"success": "true", "duration": "41.500ms"}),
        ("/root/api/v1/endpoints/modpulse_sick-corp/external",
         {"success": "false", "error": "it is outage"}),
    ]  # fmt: skip
    for request in found.values():
        assert request.headers == {"Authorization": "Bearer t0ken"}
        assert "t0ken" not in request.url + repr(request)


def test_the_worst_of_one_key_is_told() -> None:
    """Two proxies that Gatus cannot tell apart are down where one is."""
    both = [down("https://a.corp/x"), report("https://a-corp/x")]

    for order in (both, both[::-1]):
        (request,) = posts(order, SECRETS, "en").values()
        assert asked(request)[1]["success"] == "false"


@given(st.text(min_size=1, max_size=60), st.text(max_size=500))
def test_names_that_mean_harm_stay_names(proxy: str, evidence: str) -> None:
    """No name or reason leaves its place in the address, and none is too long."""
    sick = down(proxy)
    finding = Finding("outage", plain(evidence))
    track = Track("down", 0, {"outage": GateTrack(True, 1, 0, finding)})
    ((name, request),) = posts([replace(sick, track=track)], SECRETS, "zh").items()
    path, query = asked(request)

    assert request.url.isascii()
    assert request.url.isprintable()
    assert path.count("/") == 6
    assert unquote(path.split("/")[5], errors="strict") == name
    assert set(query) == {"success", "error"}
    assert 0 < len(query["error"]) <= MAX_WHY_CHARS
