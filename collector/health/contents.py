"""
Whether a module's version is the same everywhere: one `h1:` sum, whatever proxy, host and day.

Pure: times are the ends of windows on the collector's clock, in nanoseconds. A sum that differs and
a refusal by go.sum or the checksum database prove that the content is another; a size alone does
not, for two proxies, or one on two days, may zip the same files differently.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from modpulse.agent.batch.batch import OK
from modpulse.agent.service.units import NS

from ..intake import wire
from ..shares import Shares
from .asked import Waiting
from .consistency import Content, ContentFinding, Copy, finding_of

MAX_CONTENTS = 20_000
"""Versions of modules whose zips are remembered: 10 MB."""
MAX_COPIES = 8
"""Proxies of one of them."""
MAX_TROUBLED = 1_000
"""Of these, versions with which something is wrong: one that changes all it has is told by some."""
MAX_REFUSING = 8
"""Hosts that are named; the others are counted up to it."""
TROUBLED_NS = 86_400 * NS
"""From the last sign of it until it is forgotten."""
CHECKSUM = "checksum."
"""How failure classes begin with which `go` refuses a content."""


class Sight(NamedTuple):
    """One answer, as an agent tells it."""

    at_ns: int
    """End of its window."""
    caller: str
    agent_id: str
    proxy: str
    module: str
    version: str | None
    """None where names are hashed together."""
    endpoint: str
    outcome: str
    body_bytes: int | None
    h1: str | None


class Contents:
    """Of one fleet."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        self._overflow = overflow
        self._held: dict[str, Content] = {}
        """The one that was seen longest ago first."""
        self._troubled: dict[str, Content] = {}
        self._places = Shares(MAX_TROUBLED)

    def note(self, sight: Sight) -> None:
        """Take an answer for a version of a module."""
        is_refused = sight.outcome.startswith(CHECKSUM)
        if not is_refused and sight.outcome != OK:
            return
        name = _name(sight)
        content = self._troubled.get(name)
        if content is None:
            if sight.endpoint != "zip" and not is_refused:
                return
            content = self._hold(name)
        copy = content.copies.get(sight.proxy)
        if copy is None:
            if len(content.copies) >= MAX_COPIES:
                self._overflow["MAX_COPIES"] += 1
                return
            copy = content.copies[sight.proxy] = Copy()
        if _take(content, copy, sight, is_refused) and self._is_told(content, sight):
            content.since_ns = content.since_ns or sight.at_ns
            content.last_ns = max(content.last_ns, sight.at_ns)

    def watched(self, rows: Iterable[wire.Asked]) -> list[wire.Asked]:
        """Return the answers that may be of use: most are not."""
        is_any = bool(self._troubled)
        return [
            row
            for row in rows
            if (row.endpoint == "zip" or row.outcome != OK or is_any) and _is_content(row, is_any)
        ]

    def finding(self, now_ns: int) -> Iterator[ContentFinding]:
        """Return what is not the same everywhere, and forget what was long ago."""
        for name, content in list(self._troubled.items()):
            if now_ns - content.last_ns < TROUBLED_NS:
                yield finding_of(content, now_ns)
            else:
                del self._troubled[name]
                self._places.give(content.caller, 1)

    def _hold(self, name: str) -> Content:
        content = self._held.pop(name, None) or Content(name)
        self._held[name] = content
        if len(self._held) > MAX_CONTENTS:
            self._overflow["MAX_CONTENTS"] += 1
            del self._held[next(iter(self._held))]
        return content

    def _is_told(self, content: Content, sight: Sight) -> bool:
        """Return whether there is room to tell of one that is in trouble."""
        if content.name in self._troubled:
            return True
        if not self._places.has_room(sight.caller, 1):
            self._overflow["MAX_TROUBLED"] += 1
            return False
        self._places.take(sight.caller, 1)
        content.caller = sight.caller
        self._troubled[content.name] = self._held.pop(content.name)
        return True


def _is_content(row: wire.Asked, is_any: bool) -> bool:
    if row.module is None:
        return False
    is_own = row.endpoint == "zip" or row.outcome.startswith(CHECKSUM)
    return is_own or (is_any and row.endpoint is not None)


def sight_of(one: Waiting, row: wire.Asked) -> Sight:
    """Return an answer that is watched."""
    return Sight(
        one.end_ns,
        one.caller,
        one.agent_id,
        one.proxy,
        row.module or "",
        row.version,
        row.endpoint or "",
        row.outcome,
        row.body_bytes,
        row.h1,
    )


def _name(sight: Sight) -> str:
    version = "" if sight.version is None else f"@{sight.version}"
    return f"{sight.module}{version}{'' if sight.endpoint == 'zip' else f' ({sight.endpoint})'}"


def _take(content: Content, copy: Copy, sight: Sight, is_refused: bool) -> bool:
    """Add an answer to the copy; return whether it is a sign of trouble."""
    if is_refused:
        is_between = content.since_ns and copy.accepted_ns >= content.since_ns
        copy.is_taken |= bool(is_between) and copy.acceptor != sight.agent_id
        copy.refused_ns, copy.failure = max(copy.refused_ns, sight.at_ns), sight.outcome
        copy.refused += 1
    else:
        copy.accepted_ns, copy.acceptor = max(copy.accepted_ns, sight.at_ns), sight.agent_id
        copy.accepted += content.since_ns > 0
        content.h1 = content.h1 or sight.h1
    copy.h1 = sight.h1 or copy.h1
    is_other = None not in (sight.h1, content.h1) and sight.h1 != content.h1
    if (is_refused or is_other) and len(copy.hosts) < MAX_REFUSING:
        copy.hosts[sight.agent_id] = None
    is_resized = False
    if sight.body_bytes is not None and not is_refused:
        copy.size = sight.body_bytes if copy.size is None else copy.size
        # Where the sum is known it says all that a size could.
        is_resized = sight.h1 is None and copy.size != sight.body_bytes
        if is_resized:
            copy.other_size = sight.body_bytes
    return is_refused or is_other or is_resized
