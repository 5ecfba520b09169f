"""
What a proxy is held responsible for, slot by slot, once a slot is complete.

Beside what attribution takes away for a host, a resolver or a module, a host's own trouble that is
too short for it: a slot in which it was served nothing at all, while nearly all others were well.
Where no others asked, those count who did just before and after; where none did, it is one failure.
What many hosts see at once is the proxy's, be it for one site only. Of the only host that asks
nothing counts while no proxy answers it.
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
"""Before and after: where others asked then, and not in the slot, theirs says whose it was."""
MOST_OWN = 0.1
"""Of the hosts that asked in a slot; where more were served nothing it is no host's own."""
CHANCE = 0.01
"""That a host is served nothing, as others fail, by chance; where it is likelier, so it was."""
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
    own = [
        (timeline, held)
        for timeline in troubled
        if (held := timeline.slots.at(slot)) and not held.served and held.failed >= LEAST_OWN
    ]
    failed = counts.failed - sum(held.failed for _, held in own)
    if not own or not (counts.served or (failed <= 0 and len(own) == 1)):
        return counts  # nobody was served
    failures = Counter(counts.failures)
    if counts.served:
        hosts = max(counts.windows, len(own) + 1)
        share = max(0, failed) / (counts.served + max(0, failed))
        by_chance = hosts * share ** min(held.failed for _, held in own)
        if len(own) > max(1, MOST_OWN * hosts) or by_chance > CHANCE:
            return counts
        for _, held in own:
            failures.subtract(held.failures)
    else:
        ((timeline, held),) = own
        beside = _beside(slot, judged, timeline)
        if False in beside:
            return counts
        failures.subtract(held.failures)
        if True not in beside:
            # Nobody can say: it is one failure of one host.
            failures[max(held.failures, key=held.failures.__getitem__)] += 1
    return replace(counts, failures={name: n for name, n in failures.items() if n > 0})


def _beside(slot: int, judged: Timeline, timeline: Timeline) -> tuple[bool | None, bool | None]:
    """Return whether others were served when they asked next before and after; None: none did."""
    before = range(slot - 1, slot - BESIDE_SLOTS - 1, -1)
    after = range(slot + 1, slot + BESIDE_SLOTS + 1)
    served_before, served_after = (
        next(filter(_is_known, (_others_served(judged, timeline, at) for at in slots)), None)
        for slots in (before, after)
    )
    return served_before, served_after


def _is_known(served: bool | None) -> bool:
    return served is not None


def _others_served(judged: Timeline, timeline: Timeline, slot: int) -> bool | None:
    counts, own = judged.slots.at(slot), timeline.slots.at(slot) or Counts()
    if counts is None or counts.requests <= own.requests:
        return None
    return counts.served > own.served
