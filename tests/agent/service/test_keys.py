"""Rules of keys: what a dataclass takes from a file and from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import (
    MAX_TABLES,
    bounds,
    choice,
    defaults,
    number,
    parse,
    tables,
    unknown_variables,
    values_of,
)

PREFIX = "P_"


@dataclass(frozen=True)
class Inner:
    """Keys of the same file, kept apart."""

    wait_seconds: float = number(2.0, 0.5, 60)


@dataclass(frozen=True)
class Channel:
    """One table of a list."""

    name: str = ""
    tries: int = number(3, 1, 9)
    level: str = choice("", "P0", "P1")
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keys:
    """A key of each kind."""

    name: str = "a"
    paths: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    channel: tuple[Channel, ...] = tables(Channel)


def test_a_file_of_every_kind() -> None:
    """Flat keys, those of a group, a list, a table and a list of tables."""
    text = """
        name = "b"
        paths = ["/x"]
        labels = { site = "fra" }
        wait_seconds = 5
        [[channel]]
        name = "mail"
        level = "P1"
        to = ["ops"]
        [[channel]]
        tries = 9
    """
    made = parse(Keys, text, PREFIX, {})

    channels = (Channel("mail", 3, "P1", ("ops",)), Channel("", 9))
    assert made == Keys("b", ("/x",), {"site": "fra"}, Inner(5.0), channels)
    assert type(made.inner.wait_seconds) is float


def test_the_environment_wins() -> None:
    """In the same types; what it cannot say, a list of tables, it does not change."""
    environ = {"P_WAIT_SECONDS": "0.5", "P_LABELS": "a=1,b=2", "P_PATHS": "/x, /y"}
    text = 'wait_seconds = 7\npaths = ["/z"]'
    made = parse(Keys, text, PREFIX, environ | {"P_CHANNEL": "x"})

    assert made == Keys("a", ("/x", "/y"), {"a": "1", "b": "2"}, Inner(0.5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wait = 1", "unknown key 'wait'"),
        ("inner = {}", "unknown key 'inner'"),
        ("k" * 200 + " = 1", "unknown key 'kkkk"),
        ("wait_seconds = 61", "wait_seconds = 61: must be from 0.5 to 60"),
        ("wait_seconds = nan", "wait_seconds = nan: must be from 0.5 to 60"),
        ("wait_seconds = true", "wait_seconds = True: expected a number"),
        ('wait_seconds = "5"', "wait_seconds = '5': expected a number"),
        ("paths = [1]", "paths = 1: expected text"),
        ("labels = { a = 1 }", "labels.a = 1: expected text"),
        ('name = "a\\nb"', "name = 'a\\nb': must be printable text of one line"),
        ("channel = 1", "channel = 1: expected tables, [[channel]]"),
        ("channel = [1]", "channel = [1]: expected tables, [[channel]]"),
        ("[[channel]]\n[[channel]]\ntries = 0", "channel[1].tries = 0: must be from 1 to 9"),
        ("[[channel]]\ntries = 2.0", "channel[0].tries = 2.0: expected a whole number"),
        ('[[channel]]\nlevel = "P2"', "channel[0].level = 'P2': must be one of '', 'P0', 'P1'"),
        ("[[channel]]\ncolour = 1", "unknown key 'channel[0].colour'"),
        ("[[channel]]\n" * (MAX_TABLES + 1), "channel: 65 tables, at most 64 are taken"),
        ("name = 1" + "0" * 5000, "not valid TOML"),
        ("name = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_mistakes(text: str, words: str) -> None:
    """Each is one short line with the key, the value and what was expected."""
    with pytest.raises(ConfigError) as caught:
        parse(Keys, text, PREFIX, {})

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_is_told_of_keys() -> None:
    """Every key with its default and value; bounds where it is a number; variables of nobody."""
    assert list(defaults(Keys)) == ["name", "paths", "labels", "wait_seconds", "channel"]
    assert bounds(Keys) == {"wait_seconds": (0.5, 60)}
    assert values_of(Keys(inner=Inner(9.0)))["wait_seconds"] == 9.0
    environ = {"P_NAME": "x", "P_PORT": "tcp://10.0.0.1:1", "PATH": "/"}
    assert unknown_variables(Keys, PREFIX, environ) == ["P_PORT"]


def test_every_fault_is_found() -> None:
    """Keys are looked at one by one: a bad one does not hide the next, in a table neither."""
    text = 'nome = "b"\nwait_seconds = 0\npaths = 1\n[[channel]]\ntries = 99\nlevel = "P7"\n'
    with pytest.raises(ConfigError) as caught:
        parse(Keys, text, PREFIX, {})

    named = [fault.replace("unknown key ", "").split()[0] for fault in caught.value.faults]
    assert named == ["'nome'", "wait_seconds", "paths", "channel[0].tries", "channel[0].level"]
    assert str(caught.value) == caught.value.faults[0]
