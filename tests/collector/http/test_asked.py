"""Rules of what an admin may ask for."""

import json

import pytest
from alarms import report

from modpulse.collector.alerts.maintenance import Window
from modpulse.collector.alerts.note import MAX_NOTE_CHARS
from modpulse.collector.errors import RejectedError
from modpulse.collector.http.asked import known_proxy, note_of, number_of, window_of

NOW_NS = 1_800_000_000 * 10**9
"""2027-01-15T08:00:00Z."""


def body(**given: object) -> bytes:
    """A request's JSON."""
    return json.dumps(given).encode()


def test_a_note_as_it_may_leave() -> None:
    """Lines become one; what steers a terminal and what looks like a credential is gone."""
    text = "disk\nfull\x1b[31m \u202eagain\x07, see https://u:secretpass@h.example/x"
    words, is_public = note_of(body(text=text))

    assert words.startswith("disk full again, see https://")
    assert "secretpass" not in words
    assert words.isprintable()
    assert not is_public
    assert note_of(body(text="a", public=True)) == ("a", True)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "expected a JSON object"),
        (b"{}", "text: expected words"),
        (b'{"text": 1}', "text: expected words"),
        (b'{"text": " \\u0007\\n "}', "text: nothing to read"),
        (b'{"text": "a", "public": 1}', "public: expected true or false"),
        (b'{"text": "a", "author": "root"}', "unknown key 'author'"),
        (body(text="x" * (MAX_NOTE_CHARS + 1)), "text: 1001 characters, at most 1000"),
    ],
)
def test_what_is_no_note(sent: bytes, words: str) -> None:
    """A mistake is 400 with what was expected."""
    with pytest.raises(RejectedError, match=words) as found:
        note_of(sent)

    assert found.value.status == 400


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"minutes": 60}, Window("2027-01-15T08:00:00.000Z", 60.0)),
        ({"minutes": 90, "site": "berlin"}, Window("2027-01-15T08:00:00.000Z", 90.0, "", "berlin")),
        ({"begins": "sat 02:00", "minutes": 0.5}, Window("sat 02:00", 0.5)),
        (
            {"begins": "2027-01-16T08:00:00Z", "ends": "2027-01-16T11:00:00+01:00"},
            Window("2027-01-16T08:00:00Z", 120.0),
        ),
        (
            {"minutes": 60, "proxy": "HTTPS://Goproxy.Corp:443/x/"},
            Window("2027-01-15T08:00:00.000Z", 60.0, "https://goproxy.corp/x"),
        ),
    ],
)
def test_a_window(given: dict[str, object], expected: Window) -> None:
    """It begins now unless it says otherwise; a proxy has one spelling."""
    assert window_of(body(**given), NOW_NS) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "say how long"),
        ({"proxy": "https://a.example"}, "say how long"),
        ({"minutes": 0}, "minutes: expected more than 0, at most 10080"),
        ({"minutes": 10081}, "minutes: expected"),
        ({"minutes": "60"}, "minutes: expected"),
        ({"minutes": True}, "minutes: expected"),
        ({"minutes": float("nan")}, "minutes: expected"),
        ({"minutes": 5, "ends": "2027-01-16T08:00:00Z"}, "say the same"),
        ({"begins": "sat 02:00", "ends": "2027-01-16T08:00:00Z"}, "begins: with ends expected"),
        ({"ends": "tomorrow"}, "ends: with ends expected a time"),
        ({"ends": "2027-01-15T07:00:00Z"}, "minutes: expected more than 0"),
        ({"minutes": 60, "begins": "2027-01-15T06:00:00Z"}, "it would be over already"),
        ({"minutes": 60, "begins": "noon"}, "expected `sat 02:00`"),
        ({"minutes": 60, "begins": 5}, "begins: expected printable text"),
        ({"minutes": 60, "site": "a\nb"}, "site: expected printable text"),
        ({"minutes": 60, "site": "x" * 129}, "site: expected printable text of at most 128"),
        ({"proxies": "x"}, "unknown key 'proxies'"),
    ],
)
def test_what_is_no_window(given: dict[str, object], words: str) -> None:
    """A mistake is 400: no key is passed over, for then more would be quiet than was asked for."""
    with pytest.raises(RejectedError, match=words) as found:
        window_of(body(**given), NOW_NS)

    assert found.value.status == 400


def test_a_proxy_that_nobody_asks() -> None:
    """Its name is that of reports, or as notices have it; any other would cover nothing."""
    reports = [report("https://a.example"), report("direct")]

    assert known_proxy("", reports) == ""
    assert known_proxy("a.example", reports) == "https://a.example"
    assert known_proxy("direct", reports) == "direct"
    assert known_proxy("https://new.example", []) == "https://new.example"
    with pytest.raises(RejectedError, match=r"nobody asks b\.example; known are direct, https://a"):
        known_proxy("b.example", reports)


def test_numbers() -> None:
    """What is no number is that of no window."""
    assert number_of("12") == 12
    assert [number_of(text) for text in ("", "-1", "1e3", "x", "9" * 5000, "²")] == [0] * 6
