"""
Who calls, and whether that may be: each route wants one role. Pure.

What is presented is hashed before it is looked up: how long that takes depends on the hash of a
guess, of which nobody learns anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import RejectedError
from ..intake.ingest import Identity
from .entries import Entry, Role, key_of

MAX_SHOWN_CHARS = 100
"""Of a certificate's name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A token, a certificate, or everybody where nobody is asked: what all bounds are shared by."""

    name: str
    """`token NAME`, `certificate NAME`; empty where nobody is asked."""
    identity: Identity
    """Names of the certificate, one of which is the agent's; None: any agent may be shipped for."""
    roles: frozenset[Role]

    def may(self, role: Role) -> bool:
        """Whether it has the role; an admin reads, and ships nothing."""
        return role in self.roles or (role == "read" and "admin" in self.roles)


OPEN = frozenset[Role]({"ship", "read"})
"""What anybody may where nobody is asked, and what a token of `token_file` may: never an admin."""
SHIPS = frozenset[Role]({"ship"})
"""What a certificate may without a line of its own."""


READS = frozenset[Role]({"read"})
"""What a name of a trusted reverse proxy may without a line of its own."""


def certificate_name(names: frozenset[str]) -> str:
    """Return what who has a certificate with these names, one at least, is called."""
    return f"certificate {min(names)[:MAX_SHOWN_CHARS]}"


def in_the_clear(tokens: Iterable[bytes]) -> tuple[Entry, ...]:
    """Return the tokens of `token_file`, named by their places from 1."""
    return tuple(Entry(str(n), OPEN, key_of(token)) for n, token in enumerate(tokens, 1))


class Guard:
    """Knows the entries of now; they may be exchanged at any time."""

    def __init__(self, entries: Iterable[Entry], is_open: bool) -> None:
        """
        Args:
            entries: Of the file.
            is_open: Nobody is asked.
        """
        self._is_open = is_open
        self._entries: dict[str, Entry] = {}
        self.trouble: str | None = None
        """Why the file as it is now is not what counts; None: it is."""
        self.exchange(entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Those that count."""
        return tuple(self._entries.values())

    def exchange(self, entries: Iterable[Entry]) -> None:
        """Let these count from now on."""
        self._entries = {}
        for entry in entries:
            self._entries.setdefault(entry.key, entry)
        self.trouble = None

    def caller(
        self, presented: Iterable[bytes], peer_names: frozenset[str], wall_ns: int
    ) -> Caller:
        """
        Return who calls.

        Args:
            presented: Each Authorization header.
            peer_names: Of the certificate that TLS has verified; empty: none.
            wall_ns: Now.

        Raises:
            RejectedError: 401.
        """
        if self._is_open:
            return Caller("", None, OPEN)
        headers = tuple(presented)
        if len(headers) > 1:
            raise RejectedError(401, "more than one Authorization header")
        scheme, _, token = headers[0].partition(b" ") if headers else (b"", b"", b"")
        if scheme.lower() == b"bearer":
            return self._of_token(token.strip(), wall_ns)
        if peer_names:
            return self._of_certificate(peer_names, wall_ns)
        raise RejectedError(401, "a token or a client certificate is needed")

    def _of_token(self, token: bytes, wall_ns: int) -> Caller:
        return self.of_key(key_of(token), wall_ns)

    def of_key(self, key: str, wall_ns: int) -> Caller:
        """
        Return who has the token of a key.

        Raises:
            RejectedError: 401: nobody has it any more.
        """
        entry = self._entries.get(key)
        if entry is None:
            raise RejectedError(401, "unknown token")
        if entry.is_over(wall_ns):
            raise RejectedError(401, "the time of this token is over")
        return Caller(f"token {entry.name}", None, entry.roles)

    def named(self, name: str, wall_ns: int) -> Caller:
        """
        Return who a reverse proxy says it is: who has no line of its own reads.

        Raises:
            RejectedError: 401: the time of its line is over.
        """
        entry = self._entries.get(f"user:{name}")
        if entry and entry.is_over(wall_ns):
            raise RejectedError(401, "the time of this user is over")
        return Caller(f"user {name}", None, entry.roles if entry else READS)

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked."""
        return self._is_open

    def _of_certificate(self, names: frozenset[str], wall_ns: int) -> Caller:
        found = [e for n in sorted(names) if (e := self._entries.get(f"cert:{n}"))]
        roles = frozenset(r for e in found if not e.is_over(wall_ns) for r in e.roles)
        if not found:
            roles = SHIPS
        elif not roles:
            raise RejectedError(401, "the time of this certificate is over")
        return Caller(certificate_name(names), names, roles)
