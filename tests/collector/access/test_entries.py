"""Rules of the lines of `access_file`."""

from hashlib import sha256
from itertools import count

import pytest

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say
from modpulse.collector.access.entries import (
    Entry,
    checked_name,
    entries_of,
    key_of,
    line_of,
    new_token,
)

DIGEST = "sha256:" + "ab" * 32


def test_a_line_is_what_was_written() -> None:
    """What a line is made of is read back from it, with and without an end."""
    entries = (
        Entry("site-a", frozenset({"ship"}), DIGEST),
        Entry("ops", frozenset({"ship", "admin"}), "cert:ops.example", 1_800_000_000 * 10**9),
    )
    text = "# who may do what\n\n" + "".join(f"{line_of(entry)}\n" for entry in entries)

    assert entries_of(text.encode()) == entries
    assert line_of(entries[1]) == "ops ship,admin cert:ops.example 2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0123456789abcdef", "line 1: a token in the clear; make its line with"),
        ("a ship", "line 1: expected NAME ROLES KEY"),
        (f"a ship {DIGEST} 2027-01-15T08:00:00Z more", "line 1: expected NAME ROLES KEY"),
        (f"1 ship {DIGEST}", "line 1: the name is none"),
        (f"{'a' * 65} ship {DIGEST}", "line 1: the name is none"),
        (f"a root {DIGEST}", "line 1: roles are ship, read, admin"),
        (f"a ship, {DIGEST}", "line 1: roles are"),
        (f"a ship {DIGEST[:-1]}", "line 1: the key is neither"),
        (f"a ship {DIGEST.upper()}", "line 1: the key is neither"),
        ("a ship cert:", "line 1: the key is neither"),
        (f"a ship {DIGEST} 2027-01-15", "line 1: the time is none"),
        (f"a ship {DIGEST} 2027-01-15T08:00:00", "line 1: the time is none"),
        (f"a ship {DIGEST} 9999-99-99T08:00:00Z", "line 1: the time is none"),
        (f"ä ship {DIGEST}", "line 1 is no ASCII"),
        (f"a ship {DIGEST}\nb read {DIGEST}", "line 2 has the key of line 1"),
    ],
)
def test_mistakes_are_named(line: str, words: str) -> None:
    """Each mistake is told with its line's number, and without what stands there."""
    with pytest.raises(ConfigError) as found:
        entries_of(line.encode())

    assert str(found.value).startswith(words)
    assert "0123456789abcdef" not in str(found.value)
    assert "ab" * 32 not in str(found.value)


def test_a_token_is_known_by_its_hash() -> None:
    """The key of a token is its SHA-256, in which it does not stand."""
    token = new_token(lambda count: b"\x5a" * count)

    assert key_of(token.encode()) == f"sha256:{sha256(token.encode()).hexdigest()}"
    assert token not in key_of(token.encode())


def test_a_token_is_taken_out_of_any_text() -> None:
    """Whatever chance brings, logs and answers do not have it; nothing of the 256 bits is lost."""
    numbers = count(1)

    def chance(size: int) -> bytes:
        return sha256(b"%d" % next(numbers)).digest()[:size]

    tokens = {new_token(chance) for _ in range(1000)}

    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {len("mp_") + 43}
    assert [token for token in tokens if token[3:] in say(f"caller {token} is unknown")] == []


def test_a_token_of_few_digits_is_not_given_out() -> None:
    """One that looks like a word is thrown away, and chance is asked again."""
    asked: list[int] = []

    def chance(size: int) -> bytes:
        asked.append(size)
        return bytes(size) if len(asked) == 1 else sha256(b"x").digest()

    assert new_token(chance) != "mp_" + "0" * 43
    assert asked == [32, 32]


def test_names() -> None:
    """A name begins with a letter, so that it is never a place in `token_file`."""
    assert checked_name("site-a.1_x") == "site-a.1_x"
    for name in ("", "1", "-a", "a b", "a\n", "é", "a" * 65):
        with pytest.raises(ConfigError, match="expected a letter"):
            checked_name(name)
