"""
Who calls: what all bounds are shared by. Pure.
"""

from dataclasses import dataclass

from ..intake.ingest import Identity

MAX_NAME_CHARS = 100
"""Of a certificate's name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A token, a certificate, or everybody where nobody is asked."""

    name: str
    """`token 2` of the file, `certificate NAME`; empty where nobody is asked."""
    identity: Identity


def of_token(place: int) -> Caller:
    """Return who has a token; `place` is its number in the file, from 1."""
    return Caller(f"token {place}", None)


def of_certificate(names: frozenset[str]) -> Caller:
    """Return who has a certificate with these names, of which there is one at least."""
    return Caller(f"certificate {min(names)[:MAX_NAME_CHARS]}", names)


ANYBODY = Caller("", None)
