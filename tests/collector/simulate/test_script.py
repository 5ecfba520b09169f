"""Rules of scripts: what is wrong is one line, and what is right is what docs/simulate.md says."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import bounds
from modpulse.collector.simulate import script
from modpulse.collector.simulate.script import (
    OF_AGENT,
    OF_COLLECTOR,
    OF_PROXY,
    Happening,
    Hosts,
    Proxy,
    Script,
    Told,
    Truth,
    parse,
)

DOCUMENT = (Path(__file__).parents[3] / "docs" / "simulate.md").read_text()
FLEET = """
title = "t"
[[hosts]]
site = "ams"
count = 2
[[proxy]]
name = "https://a.example"
"""
SICK = FLEET + '[[happening]]\nname = "x"\n'
FAIL = SICK + 'kind = "fail"\nfailure = "http.5xx"\n'
TRUTH = FAIL + '[[truth]]\nhappening = "x"\nproxy = "https://a.example"\nstate = "down"\n'
KINDS = {*OF_PROXY, *OF_AGENT, *OF_COLLECTOR}


def test_the_least() -> None:
    """Hosts, a proxy and a title; all else has a default."""
    made = parse(TRUTH)

    assert made.hosts == (Hosts(site="ams", count=2),)
    assert made.proxy == (Proxy(name="https://a.example"),)
    assert (made.begin_s(made.happening[0]), made.over_s(made.happening[0])) == (0, 3600)
    assert made.happening_of(made.truth[0]) is made.happening[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "title: it is missing"),
        ('title = "t"', "hosts: 0 tables"),
        ('title = "t"\n[[hosts]]\nsite = "a"', "proxy: 0 tables"),
        (FLEET + "fail = 1", "unknown key 'proxy[0].fail'"),
        (FLEET + "first_byte_ms = 0", "proxy[0].first_byte_ms = 0: must be from 0.01"),
        (FLEET + 'fallback = ";"', "proxy[0].fallback = ';': must be one of '|', ','"),
        (FLEET + "addresses = []", "proxy.addresses: https://a.example has none"),
        (FLEET + '[[proxy]]\nname = "HTTPS://B.example/"', "write 'https://b.example'"),
        (FLEET + '[[proxy]]\nname = "https://a.example"', "it is there twice"),
        (FLEET + '[[hosts]]\nsite = "ams"', "hosts.site = 'ams': it is there twice"),
        (FLEET + '[[hosts]]\nsite = "b"\npools = ["ci", "ci"]', "hosts.pools = 'ci': it is there"),
        (FAIL + 'pool = "ci"', "happening[0].pool = 'ci': there is none of that name"),
        (FLEET + '[[hosts]]\ncount = 1', "hosts.site = '': 1 to"),
        (SICK, "happening[0].kind: it is missing"),
        (SICK + 'kind = "sick"', "happening[0].kind = 'sick': must be one of"),
        (SICK + 'kind = "fail"', "happening[0].failure: 'fail' does nothing without it"),
        (SICK + 'kind = "fail"\nfailure = "x"', "happening[0].failure = 'x': must be one of"),
        (SICK + 'kind = "slow"', "happening[0].factor: 'slow' does nothing without it"),
        (SICK + 'kind = "silent"\nproxy = "https://a.example"', "'silent' knows no such thing"),
        (SICK + 'kind = "restart"\nsite = "ams"', "'restart' knows no such thing"),
        (FAIL + 'host = "ams-3"', "happening[0].host = 'ams-3': there is none of that name"),
        (FAIL + 'module = "mod.example/m300"', "there is none of that name"),
        (FAIL + "end_minutes = 61", "end_minutes: must lie between its beginning and the end"),
        (FAIL + "begin_minutes = 9\nend_minutes = 9", "must lie between its beginning"),
        (FAIL + '[[truth]]\nhappening = "y"', "truth[0].happening = 'y'"),
        (FAIL + '[[truth]]\nhappening = "x"\nproxy = "b"', "truth[0].proxy = 'b'"),
        (TRUTH.replace('state = "down"', ""), "truth[0].state: it is missing"),
        ("hours = 8000\n" + FLEET.replace("count = 2", "count = 200"), "more than 1000000 hours"),
        ("builds_per_hour = 3600\nhours = 720\n" + FLEET, "more than 50000000 requests"),
    ],
)  # fmt: skip
def test_mistakes(text: str, words: str) -> None:
    """Each is one short line that names the key."""
    with pytest.raises(ConfigError) as caught:
        parse(text)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def parsed(text: str) -> Script | str:
    """Return the script, or what is wrong with it."""
    try:
        return parse(text)
    except ConfigError as error:
        return str(error)


@given(st.text() | st.builds(lambda cut, more: TRUTH[:cut] + more, st.integers(0, 250), st.text()))
def test_whatever_is_given(text: str) -> None:
    """It is a script that fits its own bounds, or a mistake in one line."""
    made = parsed(text)

    if isinstance(made, Script):
        for key, (least, most) in bounds(Script).items():
            assert least <= getattr(made, key) <= most
    else:
        assert made.isprintable()


@given(st.data())
def test_every_key_takes_what_its_bounds_say(data: st.DataObject) -> None:
    """Within bounds a happening is taken; beyond them it is a mistake of that key."""
    key, (least, most) = data.draw(st.sampled_from(sorted(bounds(Happening).items())))
    value = data.draw(st.floats(-1e9, 1e9))
    text = f"hours = 8784\nbuilds_per_hour = 0\n{FAIL.replace('count = 2', 'count = 1')}"
    if key == "end_minutes":
        value = abs(value) + 1
    made = parsed(f"{text}{key} = {value!r}\n")

    if isinstance(made, Script):
        assert getattr(made.happening[0], key) == value
        assert least <= value <= most
    else:
        is_late = key == "begin_minutes" and value == most
        assert is_late or not least <= value <= most
        assert f"happening[0].{'end_minutes' if is_late else key}" in made


@pytest.mark.parametrize("kind", [Script, Hosts, Proxy, Happening, Truth, Told])
def test_every_key_is_documented(kind: type[object]) -> None:
    """docs/simulate.md has a row for each key, and for each kind of happening."""
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.+?) \|", DOCUMENT, re.M))))
    tables = {"hosts", "proxy", "happening", "truth", "incident"} if kind is Script else set()
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]

    assert fields - tables - told == set()
    assert KINDS - told == set()


def test_every_bound_is_documented() -> None:
    """docs/simulate.md has the numbers of this module."""
    numbers = {name: value for name, value in vars(script).items() if name.startswith("MAX_H")}
    numbers["MAX_REQUESTS"] = script.MAX_REQUESTS

    assert len(numbers) == 3
    for name, value in numbers.items():
        assert f"`{name}`" in DOCUMENT
        assert f"{value:,}" in DOCUMENT
    for kind in (Script, Hosts, Proxy, Happening):
        for key, (least, most) in bounds(kind).items():
            if least == 0 and most == 1:
                continue
            rows = [line for line in DOCUMENT.splitlines() if f"`{key}`" in line]
            assert rows, key
