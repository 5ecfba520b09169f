"""
What the copies of one version of a module come to: whose doing it is that they are not the same.

Pure: times are the ends of windows on the collector's clock, in nanoseconds.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from modpulse.agent.service.units import NS

Kind = Literal["proxy", "author", "unknown", "host", "resized"]
"""One proxy differs from others; all that were asked since do; no other was; only one host's go.sum
refuses what others take; the zip alone has another size."""

LATELY_NS = 600 * NS
"""A sign of trouble that is older says nothing of now."""


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


def finding_of(content: Content, now_ns: int) -> ContentFinding:
    """Return what is to be said of a version that is in trouble."""
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
