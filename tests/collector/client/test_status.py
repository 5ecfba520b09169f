"""Rules of the table, from a document as the API gives it."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.agent.service.foreign import say
from modpulse.collector.client.answer import SCHEMA, read
from modpulse.collector.client.status import COLOURS, PADDED_PROXY_WIDTH, RESET, render
from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.score import Formula
from modpulse.collector.http import document as served
from modpulse.collector.http.document import proxies_document
from modpulse.collector.intake.arrival import Leaf

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
        *(GOOD, "healthy", "0.95", "1.00", "0.85", "1.00", "40", "1"),
        *("-", "-", "-", "-", "-", "160ms", "160ms"),
        *("0%", "0", "-", "60d", "80s", "90s"),
    ]
    assert sick == [
        *(SICK, "down", "0.00", "0.00", "-", "-", "7", "1"),
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


def test_a_proxy_that_is_down_shows_no_score() -> None:
    """Gates decide that; the narrow table has no weighted sum beside it that looks better."""
    table = render(document(), NOW, None, colour=False, wide=False)
    scores = {line.split()[0]: line.split()[1:3] for line in table.splitlines()[1:3]}

    assert scores == {GOOD: ["healthy", "0.95"], SICK: ["down", "-"]}


def test_no_proxy_yet() -> None:
    """An empty collector says so."""

    assert render({"proxies": []}, NOW, 80, colour=True, wide=False) == "No proxy was seen yet.\n"


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b1m\u202e\u2066\u200b\r\n\x00\x7f\u2028\udc80evil"
MORE = {
    "reading_back": {"done": 1, "of": 2, "skipped": 0},
    "unreadable": {"asks": 1},
    "clock": {"steps": 1, "last_step_s": 1.5, "last_step_at": "2027-01-15T08:00:00.000Z"},
    "overflow": {"MAX_PROXIES": 7},
    "dropped_of": {"token 1": 3},
}
"""What the document says of the collector itself."""
WRONG = [
    *(None, True, -1, 0.5, 10**400, 2**63, float("nan"), float("inf"), -1e308, "", "x"),
    *([], [[]], [None], ["x"], [1], {}, {"": None}, {"x": {}}, {"p95_ms": "x"}, {"h": 1}),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2027-01-15", "2027-01-15T08:00"),
]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield where every value of a document is."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, held in items:
            yield from places(held, (*path, key))


def changed(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return a copy with another value in one place."""
    found: Any = copy.deepcopy(document)
    holder = found
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return dict(found)


PLACES = [path for path in places(document() | MORE) if path]


def shown(document: dict[str, Any], width: int | None, colour: bool, wide: bool) -> str:
    """Render, and hold that nothing in it steers a terminal but our own colours."""
    table = render(document, NOW, width, colour, wide)
    plain = table
    for ours in (*COLOURS.values(), RESET) if colour else ():
        plain = plain.replace(ours, "")
    assert all(line.isprintable() for line in plain.split("\n")), ascii(plain)
    table.encode()
    return table


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_hostile_words_cannot_steer_the_terminal(path: tuple[str | int, ...]) -> None:
    """Wherever a text is foreign, as a value or as a key, none of its control characters leave."""
    for value in (HOSTILE, [HOSTILE], {HOSTILE: 1}, {HOSTILE: HOSTILE}, [{"evidence": HOSTILE}]):
        for wide in (False, True):
            shown(changed(document() | MORE, path, value), None, True, wide)
            shown(changed(document() | MORE, path, value), 80, False, wide)


def test_hostile_words_are_shown_without_what_makes_them_so() -> None:
    """What is left of a text is shown."""
    found = document()
    found["proxies"][0]["state"] = HOSTILE
    found["proxies"][1]["scope"] = HOSTILE

    table = shown(found, None, False, True)
    assert table.count(say(HOSTILE)) == 2


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_wrong_types_are_absent(path: tuple[str | int, ...]) -> None:
    """Whatever stands anywhere in the document, there is a table."""
    for value in WRONG:
        shown(changed(document() | MORE, path, value), None, False, True)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WRONG),
    lambda held: (
        st.lists(held, max_size=3)
        | st.dictionaries(st.sampled_from([str(path[-1]) for path in PLACES]) | st.text(), held)
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(sorted(document() | MORE)), VALUES),
    st.lists(st.dictionaries(st.sampled_from(sorted(document()["proxies"][0])), VALUES)),
    st.none() | st.integers(1, 200),
    st.booleans(),
    st.booleans(),
)
def test_any_document_is_a_harmless_table(
    document: dict[str, Any], proxies: list[Any], width: int | None, colour: bool, wide: bool
) -> None:
    """Of any JSON comes a table that says nothing to a terminal but what is printable."""
    shown(document, width, colour, wide)
    shown({**document, "proxies": proxies}, width, colour, wide)


def test_a_healthy_document_is_read_whole() -> None:
    """Nothing that the collector says is absent for its type, and its schema is read."""
    good, sick = read(document()).proxies
    answer = read(document() | MORE)

    assert SCHEMA == served.SCHEMA == document()["schema"]
    assert good.score is not None
    assert good.since is not None
    assert sick.reasons == (
        "7 failures and no answer in the last 60 s",
        "seen from one host only, build-1",
    )
    assert (answer.read_back, answer.unreadable) == ((1, 2), {"asks": 1})
    assert answer.clock_step == (1.5, "2027-01-15T08:00:00.000Z")
    assert (answer.overflow, answer.dropped_of) == ({"MAX_PROXIES": 7}, {"token 1": 3})


def test_one_long_name_pushes_no_other_row_aside() -> None:
    """Into a pipe goes every name whole; the columns of the others stay where they can be read."""
    found = document()
    long = "https://" + "very-long/" * 30
    found["proxies"][1]["proxy"] = long
    header, good, sick = render(found, NOW, None, False, False).splitlines()[:3]

    assert header.index("STATE") == good.index("healthy") == PADDED_PROXY_WIDTH + 2
    assert sick.startswith(f"{long}  down")


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


def test_what_is_to_be_known_of_the_collector() -> None:
    """Below the table stands that a collector still reads back, and which rows it cannot read."""
    reading = {"done": 5, "of": 70, "skipped": 0}
    extra = {"reading_back": reading, "unreadable": {"asks": 2, "log": 1}}
    for found in (document(), {"proxies": []}):
        table = render(found | extra, NOW, None, colour=False, wide=False)

        assert table.endswith(
            "Just started: 5 of 70 batches are read back; until then the states are those of "
            "before.\nRows of the database that could not be read: 2 of asks, 1 of log.\n"
        )
    nonsense = {"reading_back": 7, "unreadable": ["x"]}

    assert render(document() | nonsense, NOW, None, False, False) == render(
        document(), NOW, None, False, False
    )


def test_what_the_collector_met() -> None:
    """A wall clock that was set and bounds that were reached stand below the table."""
    document = {
        "proxies": [],
        "clock": {"steps": 1, "last_step_s": -86400.0, "last_step_at": "2027-01-15T08:00:00.000Z"},
        "overflow": {"MAX_PROXIES": 7},
    }

    assert render(document, datetime.now(UTC), None, colour=False, wide=False) == (
        "No proxy was seen yet.\n"
        "The collector's wall clock was set by -86400.0 s at 2027-01-15T08:00:00.000Z.\n"
        "Dropped at bounds of the collector: MAX_PROXIES 7.\n"
    )


def test_doubt_is_said_where_events_were_lost() -> None:
    """In the words of the collector; and what a gate and the scope both say is said once."""
    found = document()
    good, sick = found["proxies"]
    words = "confidence medium: 3 of 9 hosts lost events"
    good["confidence"] = {"level": "medium", "evidence": words}
    sick["scope_evidence"] = sick["gates"][0]["evidence"]
    quiet = shown(found, None, False, False)
    good["lossy_windows"] = 3
    lossy = shown(found, None, False, False)

    assert quiet.count(sick["scope_evidence"]) == 1
    assert "confidence" not in quiet
    assert f"{GOOD}: {words}" in lossy
