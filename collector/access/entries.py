"""
Lines of `access_file`: who has which role, by the hash of a token or a name. Pure.

`NAME ROLES KEY [NOT_AFTER]`: roles joined by commas; the key is `sha256:HEX` of a token,
`cert:NAME` of a certificate, or `user:NAME` as a trusted reverse proxy says it; after the time, RFC
3339, it is worth nothing. Two lines of one name are one caller with two keys: so a token is
exchanged without a moment in which none works.

A token is 256 bits of chance. SHA-256 alone hides it: there is nothing to guess, so a slow or
salted hash, which is for passwords, would only cost time at each batch.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal, cast

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

Role = Literal["ship", "read", "admin"]
ROLES: tuple[Role, ...] = ("ship", "read", "admin")
MAX_ENTRY_CHARS = 64
"""Of who is named in a line, as in the audit log."""
MAX_CERTIFICATE_CHARS = 255
"""Of a name in a certificate, a DNS name at most."""
PREFIX = "mp_"
"""Begins each token, so that people and scanners know what they have found."""
TOKEN_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN_CHARS = 43
"""What 256 bits take in 62 letters."""
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9._-]{{0,{MAX_ENTRY_CHARS - 1}}}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_NAMED = re.compile(rf"(?:cert|user):([\x21-\x7e]{{1,{MAX_CERTIFICATE_CHARS}}})")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    name: str
    roles: frozenset[Role]
    key: str
    """`sha256:HEX`, `cert:NAME` or `user:NAME`."""
    not_after_ns: int | None = None
    """Of the wall clock; None: for ever."""

    @property
    def id(self) -> str:
        """Tells two tokens of one name apart; a certificate or a user by its name."""
        return self.key[7:15] if self.key.startswith("sha256:") else self.key

    def is_over(self, wall_ns: int) -> bool:
        """Whether its time has passed."""
        return self.not_after_ns is not None and wall_ns > self.not_after_ns


def key_of(token: bytes) -> str:
    """Return the key of a token."""
    return f"sha256:{sha256(token).hexdigest()}"


def new_token(chance: Callable[[int], bytes]) -> str:
    """
    Return a token, in a form that is taken out of any log and answer.

    Args:
        chance: Returns so many random bytes.
    """
    while True:
        value = int.from_bytes(chance(TOKEN_BYTES), "big")
        letters = []
        for _ in range(_TOKEN_CHARS):
            value, place = divmod(value, len(_ALPHABET))
            letters.append(_ALPHABET[place])
        token = PREFIX + "".join(letters)
        # One in a hundred has too few digits to be told from a word.
        if "".join(letters) not in say(token):
            return token


def checked_name(name: str) -> str:
    """Return the name, or raise ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"name {name[:MAX_ENTRY_CHARS]!r}: expected a letter, then letters, digits and "
            f"`. _ -`, {MAX_ENTRY_CHARS} at most"
        )
    return name


def line_of(entry: Entry) -> str:
    """Return the line of an entry, without its end."""
    words = [entry.name, ",".join(role for role in ROLES if role in entry.roles), entry.key]
    if entry.not_after_ns is not None:
        moment = datetime.fromtimestamp(entry.not_after_ns // NS, UTC)
        words.append(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    return " ".join(words)


def entries_of(data: bytes) -> tuple[Entry, ...]:
    """
    Return what the lines say; those that are empty or begin with # are skipped.

    Raises:
        ConfigError: names the line, and never says what stands in it: it may be a token.
    """
    found: dict[str, int] = {}
    entries = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip() or line.strip().startswith(b"#"):
            continue
        try:
            entry = _entry(line.decode("ascii").split())
        except UnicodeDecodeError:
            raise ConfigError(f"line {number} is no ASCII") from None
        except ValueError as error:
            raise ConfigError(f"line {number}: {error}") from None
        if entry.key in found:
            raise ConfigError(f"line {number} has the key of line {found[entry.key]}")
        found[entry.key] = number
        entries.append(entry)
    return tuple(entries)


def entry_of_line(line: str) -> Entry | None:
    """Return what a line says; None where it is none."""
    try:
        (entry,) = entries_of(line.encode())
    except (ConfigError, ValueError):
        return None
    return entry


def _entry(words: list[str]) -> Entry:
    if len(words) == 1:
        raise ValueError(
            "a token in the clear; make its line with `modpulse-collector token new NAME`"
        )
    if len(words) not in (3, 4):
        raise ValueError("expected NAME ROLES KEY [NOT_AFTER]")
    name, roles, key = words[:3]
    if not _NAME.fullmatch(name):
        raise ValueError("the name is none")
    if not set(roles.split(",")) <= set(ROLES):
        raise ValueError(f"roles are {', '.join(ROLES)}, with commas between them")
    if not (_DIGEST.fullmatch(key) or _NAMED.fullmatch(key)):
        raise ValueError("the key is neither sha256: and 64 digits nor cert: or user: and a name")
    until_ns = _moment_ns(words[3]) if len(words) > 3 else None
    return Entry(name, frozenset(cast(list[Role], roles.split(","))), key, until_ns)


def _moment_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return round(moment.timestamp()) * NS
    except (ValueError, OverflowError):
        raise ValueError("the time is none such as 2027-01-15T08:00:00Z") from None
