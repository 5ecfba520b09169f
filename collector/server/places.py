"""
Who may stay when too many come: strangers have a few places, those we know have all others.

A stranger is a connection that has not shown yet who it is. A new one always finds a place: it
takes that of the longest waiting stranger, of its own source first. So a flood must bring more
connections than there are places in the time that an agent needs to say who it is. Where those we
know fill all others, the caller (a token, a certificate) with most of them makes room for one with
fewer.
"""

import ipaddress
from collections.abc import Hashable
from typing import Generic, TypeVar

STRANGERS_SHARE = 8
"""One place of so many is a stranger's; the others are kept for those we know."""
SOURCE_SHARE = 2
"""One source may have one of so many of the strangers' places."""

Guest = TypeVar("Guest", bound=Hashable)


class Places(Generic[Guest]):
    """Places of one collector."""

    def __init__(self, total: int) -> None:
        """`total` is from 2: strangers and those we know together."""
        self.for_strangers = -(-total // STRANGERS_SHARE)
        self.for_known = total - self.for_strangers
        self.for_source = -(-self.for_strangers // SOURCE_SHARE)
        self._known: dict[Guest, str] = {}
        self._callers: dict[str, dict[Guest, None]] = {}
        # Dicts as ordered sets: the longest waiting comes first.
        self._strangers: dict[Guest, str] = {}
        self._sources: dict[str, dict[Guest, None]] = {}

    @property
    def known(self) -> int:
        """How many we know."""
        return len(self._known)

    @property
    def strangers(self) -> int:
        """How many we do not."""
        return len(self._strangers)

    def admit(self, guest: Guest, address: str) -> Guest | None:
        """Give a stranger a place; returns who must go for it."""
        source = source_of(address)
        same = self._sources.get(source, {})
        must_go = None
        if len(same) >= self.for_source:
            must_go = next(iter(same))
        elif len(self._strangers) >= self.for_strangers:
            must_go = self.longest_waiting()
        if must_go is not None:
            self.leave(must_go)
        self._strangers[guest] = source
        self._sources.setdefault(source, {})[guest] = None
        return must_go

    def longest_waiting(self) -> Guest | None:
        """Return the stranger that came first."""
        return next(iter(self._strangers), None)

    def crowded_out(self, guest: Guest, caller: str) -> Guest | None:
        """Return who must go for one that said who it is; None: nobody must, or nobody has more."""
        if guest in self._known or len(self._known) < self.for_known:
            return None
        most = max(self._callers.values(), key=len)
        own = self._callers.get(caller, {})
        return next(iter(most)) if len(most) > len(own) + 1 else None

    def know(self, guest: Guest, caller: str) -> bool:
        """Move one among those we know; False when all their places are taken."""
        if guest in self._known:
            self._forget(guest)
        elif guest not in self._strangers or len(self._known) >= self.for_known:
            return False
        self.leave(guest)
        self._known[guest] = caller
        self._callers.setdefault(caller, {})[guest] = None
        return True

    def _forget(self, guest: Guest) -> None:
        caller = self._known.pop(guest, None)
        if caller is not None:
            same = self._callers[caller]
            del same[guest]
            if not same:
                del self._callers[caller]

    def leave(self, guest: Guest) -> None:
        """Its place is free again; more than once is no harm."""
        self._forget(guest)
        source = self._strangers.pop(guest, None)
        if source is not None:
            same = self._sources[source]
            del same[guest]
            if not same:
                del self._sources[source]


def source_of(address: str) -> str:
    """Return what one party can call its own: an IPv4 address, an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
