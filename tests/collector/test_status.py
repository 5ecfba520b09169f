"""Rules of the table, from a document as the API gives it."""

import json
from datetime import UTC, datetime
from typing import Any

from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.collector.arrival import Leaf
from modpulse.collector.document import proxies_document
from modpulse.collector.fleet import Fleet
from modpulse.collector.gates import Rules
from modpulse.collector.score import Formula
from modpulse.collector.status import render

NOW = datetime.fromtimestamp(T0_NS // S + 90, UTC)
LEAF = Leaf(T0_NS // S - 86_400, T0_NS // S + 60 * 86_400)


def document() -> dict[str, Any]:
    """A healthy and a failing proxy, as one agent saw them, through JSON."""
    fleet = Fleet(Formula(), Rules(), float)
    fleet.merge(
        arrival(
            sighting(GOOD, ok=40, first_byte={40: 35, 160: 5}, certificate=LEAF),
            sighting(SICK, failures={"tcp.refused": 7}),
        )
    )
    found = proxies_document(fleet.evaluate(T0_NS + 10 * S), T0_NS + 10 * S, 10.0)
    return dict(json.loads(json.dumps(found, allow_nan=False)))


def test_wide_table() -> None:
    """The wide table shows every column, S, R and C, and below it why a proxy is sick."""
    table = render(document(), NOW, None, colour=False, wide=True)
    header, good, sick, *rest = (line.split() for line in table.splitlines())

    assert header == [
        *("PROXY", "STATE", "SCORE", "S", "R", "C", "N", "AGENTS"),
        *("RESOLVE", "CONNECT", "TLS", "PROCESSING", "TRANSFER", "TTFB", "P99"),
        *("FAIL", "CONSEC", "TOP", "CAUSE", "CERT", "SINCE", "SEEN"),
    ]
    assert good == [
        *(GOOD, "healthy", "0.95", "[0.95-0.95]", "1.00", "0.85", "1.00", "40", "1"),
        *("-", "-", "-", "-", "-", "160ms", "160ms"),
        *("0%", "0", "-", "60d", "80s", "90s"),
    ]
    assert sick == [
        *(SICK, "down", "0.00", "[0.00-0.00]", "0.00", "-", "-", "7", "1"),
        *("-", "-", "-", "-", "-", "-", "-"),
        *("100%", "7", "tcp.refused", "(host)", "-", "80s", "90s"),
    ]
    assert " ".join(rest[-1]) == (
        f"{SICK}: 7 failures and no answer in the last 60 s; seen from one host only, build-1"
    )


def test_width_follows_the_terminal() -> None:
    """No line of the table is wider than the terminal; proxy, state and score stay."""
    for width in range(50, 220, 7):
        lines = render(document(), NOW, width, colour=False, wide=False).splitlines()

        assert max(map(len, lines)) <= width
        assert lines[0].split()[:3] == ["PROXY", "STATE", "SCORE"]


def test_colour_is_only_on_request() -> None:
    """Escape sequences appear with colour alone, and only around the state."""
    plain = render(document(), NOW, 120, colour=False, wide=False)
    coloured = render(document(), NOW, 120, colour=True, wide=False)

    assert "\x1b" not in plain
    assert (
        coloured.replace("\x1b[32m", "").replace("\x1b[1;31m", "").replace("\x1b[0m", "") == plain
    )


def test_no_proxy_yet() -> None:
    """An empty collector says so."""

    assert render({"proxies": []}, NOW, 80, colour=True, wide=False) == "No proxy was seen yet.\n"


def test_hostile_names_cannot_steer_the_terminal() -> None:
    """Control characters that came over the network are not printed."""
    found = document()
    found["proxies"][0]["proxy"] = "https://\x1b[2J\u202eevil"

    assert "\x1b" not in render(found, NOW, None, colour=False, wide=True)


def test_wide_characters_take_two_columns() -> None:
    """Columns stay aligned behind a name in Chinese."""
    found = document()
    found["proxies"][0]["proxy"] = "https://代理.example"
    lines = render(found, NOW, None, colour=False, wide=False).splitlines()

    assert lines[1].index("healthy") + 2 == lines[0].index("STATE")


def test_missing_keys_are_absent() -> None:
    """A document of another version of the API gives a table, not a traceback."""
    table = render({"proxies": [{"proxy": "p", "state": "new"}]}, NOW, 80, colour=True, wide=False)

    assert table.splitlines()[1].split()[0] == "p"
