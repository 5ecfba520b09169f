"""
Whether a module's version is the same everywhere: one `h1:` sum, whatever proxy, host and day.

Pure: times are the ends of windows on the collector's clock, in nanoseconds. A sum that differs and
a refusal by go.sum or the checksum database prove that the content is another; a size alone does
not, for two proxies, or one on two days, may zip the same files differently.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from modpulse.agent.batch.batch import OK
from modpulse.agent.service.units import NS

from ..intake import wire
from ..shares import Shares
from .asked import Waiting

Kind = Literal["proxy", "author", "unknown", "host", "resized"]
"""One proxy differs from others; all that were asked since do; no other was; only one host's go.sum
refuses what others take; the zip alone has another size."""

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
LATELY_NS = 600 * NS
"""A sign of trouble that is older says nothing of now."""
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


@dataclass(slots=True)
class Copy:
    """What one proxy serves as one version of a module."""

    h1: str | None = None
    """The sum that was seen last."""
    size: int | None = None
    """Bytes of the zip that was seen first."""
    other_size: int | None = None
    """Of one that came later; None while all were alike."""
    accepted_ns: int = 0
    """When somebody took it last."""
    accepted: int = 0
    """How often since the trouble began."""
    acceptor: str = ""
    """The host that did."""
    refused_ns: int = 0
    refused: int = 0
    failure: str | None = None
    """The class of the last refusal."""
    is_taken: bool = False
    """Another host took it between two refusals."""
    hosts: dict[str, None] = field(default_factory=dict)
    """Who refused it, or got another sum; MAX_REFUSING at most."""


@dataclass(slots=True)
class Content:
    """One version of a module; in trouble from `since_ns` on."""

    name: str
    h1: str | None = None
    """The first sum that was accepted."""
    copies: dict[str, Copy] = field(default_factory=dict)
    """By proxy."""
    since_ns: int = 0
    """0: nothing is wrong with it."""
    last_ns: int = 0
    """The last sign of trouble."""
    caller: str = ""
    """Whose agent told of it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFinding:
    """One version of a module that is not the same everywhere."""

    name: str
    """`module@version`, with the endpoint where that is no zip."""
    kind: Kind
    proxies: tuple[str, ...]
    """That serve another content; by `author` all that were asked."""
    hosts: tuple[str, ...]
    """Who got it."""
    refused: int = 0
    accepted: int = 0
    failure: str | None = None
    since_ns: int = 0
    is_now: bool = False
    """There was a sign of it lately."""
    is_over: bool = False
    """All these proxies were accepted again after the last sign."""
    words: str = ""


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

    def watches(self, row: wire.Asked) -> bool:
        """Whether an answer may be of use: most are not."""
        if row.endpoint == "zip" or row.outcome.startswith(CHECKSUM):
            return row.module is not None
        return bool(self._troubled) and None not in (row.module, row.endpoint)

    def findings(self, now_ns: int) -> list[ContentFinding]:
        """Return what is not the same everywhere, and forget what was long ago."""
        for name, content in list(self._troubled.items()):
            if now_ns - content.last_ns >= TROUBLED_NS:
                del self._troubled[name]
                self._places.give(content.caller, 1)
        return [_finding(content, now_ns) for content in self._troubled.values()]

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


def by_proxy(findings: list[ContentFinding]) -> Mapping[str, tuple[ContentFinding, ...]]:
    """Return the findings of each proxy."""
    found: dict[str, tuple[ContentFinding, ...]] = {}
    for finding in findings:
        for proxy in finding.proxies:
            found[proxy] = (*found.get(proxy, ()), finding)
    return found


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


def _finding(content: Content, now_ns: int) -> ContentFinding:
    differing = _differing(content)
    copies = content.copies
    fine = {
        proxy: copy
        for proxy, copy in copies.items()
        if proxy not in differing and copy.accepted_ns >= content.since_ns
    }
    theirs = [copies[proxy] for proxy in differing]
    hosts = tuple(sorted({host for copy in theirs for host in copy.hosts}))
    kind = _kind(content, differing, fine, hosts)
    if kind == "resized":
        differing = {proxy for proxy, copy in copies.items() if copy.other_size is not None}
    return ContentFinding(
        name=content.name,
        kind=kind,
        proxies=tuple(sorted(differing)),
        hosts=hosts,
        refused=sum(copy.refused for copy in theirs),
        accepted=sum(copy.accepted for copy in theirs),
        failure=next((copy.failure for copy in theirs if copy.failure), None),
        since_ns=content.since_ns,
        is_now=now_ns - content.last_ns < LATELY_NS,
        is_over=all(copy.accepted_ns > content.last_ns for copy in theirs),
        words=_words(content, kind, sorted(differing), sorted(fine), hosts),
    )


def _differing(content: Content) -> set[str]:
    """Return the proxies whose content was refused, or has another sum than that of most."""
    copies = content.copies
    refused = {proxy for proxy, copy in copies.items() if copy.refused}
    sums = Counter(copy.h1 for copy in copies.values() if copy.h1)
    if not sums or (len(sums) == 1 and content.h1 in (None, *sums)):
        return refused
    # Of as many the sum that was accepted first is the right one.
    usual = max(sums, key=lambda h1: (sums[h1], h1 == content.h1)) if len(sums) > 1 else content.h1
    return refused | {proxy for proxy, copy in copies.items() if copy.h1 not in (None, usual)}


def _kind(
    content: Content, differing: set[str], fine: Mapping[str, Copy], hosts: tuple[str, ...]
) -> Kind:
    if not differing:
        return "resized"
    theirs = [content.copies[proxy] for proxy in differing]
    if len(hosts) == 1 and any(copy.is_taken for copy in theirs):
        return "host"
    if fine:
        return "proxy"
    return "author" if len(differing) > 1 else "unknown"


def _words(
    content: Content, kind: Kind, differing: list[str], fine: list[str], hosts: tuple[str, ...]
) -> str:
    who = " and ".join(differing)
    on = f" on {', '.join(hosts)}" if hosts else ""
    if kind == "resized":
        copy = content.copies[differing[0]]
        return (
            f"the zip of {content.name} from {who} has {copy.other_size:,} bytes instead of "
            f"{copy.size:,}: it may be zipped anew, no sum is known"
        )
    if kind == "host":
        return f"{content.name} from {who} is refused{on} alone, others take the same"
    if kind == "proxy":
        return f"{who} serves {content.name} with another content than {' and '.join(fine)}{on}"
    if kind == "author":
        return (
            f"{content.name} has another content than go.sum says{on}, whichever proxy is asked "
            f"({who}): its tag was moved"
        )
    return (
        f"{who} serves {content.name} with another content than go.sum says{on}; no other "
        "proxy was asked since"
    )
