"""
What a proxy is held responsible for, slot by slot, once a slot is complete.

Beside what attribution takes away for a host, a resolver or a module, a host's own trouble that is
too short for it: a slot in which one host was served nothing at all, while others were served;
where no others asked, it counts as one failure. Of the only host that asks nothing counts while no
proxy answers it.
Pure but for the proxy's own mark.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from modpulse.agent.service.units import NS

from ..intake.arrival import Counts
from .attribution import root_of
from .evidence import SLOT_NS, Timeline
from .held import Proxy

SETTLED_NS = 30 * NS
"""So long after its end a slot is complete: agents ship a window as soon as it is over."""
BESIDE_SLOTS = 6
"""Before and after: that others were served then says that it was the host."""
LEAST_OWN = 2
"""Failures of a host in a slot: of a single one nobody can say whose it was."""
MAX_DOUBTED = 100
"""Hosts in trouble of which this is asked; where there are more it is no host's own."""


def settled(
    proxy: Proxy, judged: Timeline, excluded: frozenset[str], is_lost: bool, now_ns: int
) -> tuple[tuple[int, Counts], ...]:
    """
    Return slots that have become complete since the last time, oldest first.

    Args:
        proxy: Remembers the last.
        judged: What attribution has left of its evidence.
        excluded: Agents that are not in it.
        is_lost: The only agent that asks is answered by nothing.
        now_ns: The collector's time.
    """
    last = (now_ns - SETTLED_NS) // SLOT_NS - 1
    since = _since(judged, proxy.settled_slot)
    found = [(slot, _without_contents(c)) for slot, c in since if slot <= last]
    proxy.settled_slot = max(proxy.settled_slot, last)
    if not any(counts.failures for _, counts in found):
        return tuple(reversed(found))
    if is_lost:
        return tuple((slot, replace(c, failures={})) for slot, c in reversed(found))
    troubled = [
        witness.timeline
        for agent_id, witness in proxy.witnesses.items()
        if witness.timeline.troubles and agent_id not in excluded
    ]
    if len(proxy.witnesses) - len(excluded) < 2 or len(troubled) > MAX_DOUBTED:
        return tuple(reversed(found))
    return tuple((slot, _without_own(slot, c, judged, troubled)) for slot, c in reversed(found))


def _since(timeline: Timeline, after: int) -> Iterator[tuple[int, Counts]]:
    for slot, counts in timeline.slots.newest_first():
        if slot <= after:
            return
        yield slot, counts


def _without_contents(counts: Counts) -> Counts:
    """What go.sum refuses is told as what it is, see consistency.py: it spends no budget."""
    if not any(root_of(name) == "checksum" for name in counts.failures):
        return counts
    kept = {name: n for name, n in counts.failures.items() if root_of(name) != "checksum"}
    return replace(counts, failures=kept)


def _without_own(
    slot: int, counts: Counts, judged: Timeline, troubled: Iterable[Timeline]
) -> Counts:
    """Return the counts without what single hosts had of their own."""
    failures = Counter(counts.failures)
    for timeline in troubled:
        own = timeline.slots.at(slot)
        if own is None or own.served or sum(own.failures.values()) < LEAST_OWN:
            continue
        beside = range(slot - BESIDE_SLOTS, slot + BESIDE_SLOTS + 1)
        failures.subtract(own.failures)
        if not any(_served(judged, at) > _served(timeline, at) for at in beside):
            # Nobody can say: it is one failure of one host.
            failures[max(own.failures, key=own.failures.__getitem__)] += 1
    return replace(counts, failures={name: n for name, n in failures.items() if n > 0})


def _served(timeline: Timeline, slot: int) -> int:
    counts = timeline.slots.at(slot)
    return counts.ok + counts.misses if counts else 0
