"""The chains that a proxy is part of, each as a picture's values. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modpulse.agent.service.foreign import say

from ..health.chains import ChainReport, Link
from ..health.gates import State
from ..insight.history import Point
from .links import proxy_page

MOST_SHOWN = 3
"""Chains of one page, those used most."""
MOST_ENTRIES = 8
"""Of one chain, from its first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEntry:
    """One entry of a chain."""

    proxy: str
    name: str
    is_here: bool
    page: str | None
    """None where nobody has asked it lately."""
    state: State
    requests: int | None
    """None where nothing is known of it."""
    passed: int | None
    """After which the next entry was asked, of whatever chain: failures, and each miss."""
    fall: float | None
    """Share of its requests."""
    separator: str
    """`,` or `|`; empty: it is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One chain."""

    entries: tuple[FlowEntry, ...]
    more: int
    """Entries that are left out."""
    commands: int

    @property
    def names(self) -> str:
        """Its entries in a line."""
        return " → ".join(entry.name for entry in self.entries)


def chains_of(proxy: str, reports: Sequence[ChainReport]) -> list[ChainReport]:
    """Return the chains that a proxy is an entry of, those used most."""
    found = [one for one in reports if any(link.proxy == proxy for link in one.links)]
    return found[:MOST_SHOWN]


def entries_of(chains: Sequence[ChainReport]) -> list[str]:
    """Return each proxy of these chains once, as far as it is shown."""
    links = (link for chain in chains for link in chain.links[:MOST_ENTRIES])
    return list(dict.fromkeys(link.proxy for link in links))


def flows(
    proxy: str,
    chains: Sequence[ChainReport],
    states: Mapping[str, State],
    totals: Mapping[str, Point],
) -> list[Flow]:
    """
    Return each chain with what fell through at each of its entries.

    Args:
        proxy: The one that is looked at.
        chains: Of `chains_of`.
        states: Of the proxies that were asked lately.
        totals: What each entry did in the time that is shown.
    """
    return [
        Flow(
            entries=tuple(
                _entry(link, proxy, states, totals.get(link.proxy))
                for link in chain.links[:MOST_ENTRIES]
            ),
            more=max(0, len(chain.links) - MOST_ENTRIES),
            commands=chain.commands,
        )
        for chain in chains
    ]


def _entry(link: Link, here: str, states: Mapping[str, State], total: Point | None) -> FlowEntry:
    asked = total.requests if total else 0
    # After a miss `go` asks the next entry whatever stands between; of the last one there is none.
    passed = total.fallbacks + total.misses * bool(link.separator) if total else None
    return FlowEntry(
        proxy=link.proxy,
        name=say(link.proxy).removeprefix("https://"),
        is_here=link.proxy == here,
        page=proxy_page(link.proxy) if link.proxy in states else None,
        state=states.get(link.proxy, "unknown"),
        requests=total.requests if total else None,
        passed=passed,
        fall=min(1.0, passed / asked) if passed is not None and asked else None,
        separator=link.separator,
    )
