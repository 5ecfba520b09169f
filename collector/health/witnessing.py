"""
Who asked a proxy, and what each of them is worth as a witness of it. Pure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from modpulse.agent.service.units import NS

from .attribution import NETWORK
from .evidence import weigh
from .held import Proxy, Witness
from .parts import Value
from .scope import Run, Vantage

STEP_WITNESSES = 64
"""Judged at once: 2 ms where all of them see failures."""
MAX_WEIGHED = 100
"""Agents of one proxy whose own evidence is weighed in a window, of those that saw trouble."""


class Moment(NamedTuple):
    """When, and what is known beside the proxy."""

    now_ns: int
    """Of the collector's clock."""
    wall_offset_ns: int
    """From it to the wall clock, by which certificates end."""
    served_ns: Mapping[str, int]
    """Agents that some proxy has answered lately, and when it did last."""
    asks_another: Callable[[str, str], bool]
    """Whether an agent asked another proxy than this one within the horizon."""


def vantage_of(
    agent_id: str, proxy: Proxy, moment: Moment, is_lost: bool, own: tuple[bool | None, int]
) -> Vantage:
    """
    Return an agent as a witness.

    Args:
        agent_id: Of it.
        proxy: That it asked.
        moment: Of the judgement.
        is_lost: Nothing answers it since this proxy does not.
        own: Whether a failure gate fires on its own evidence, and of how many failures.
    """
    witness, now_ns = proxy.witnesses[agent_id], moment.now_ns
    timeline, (sees, failed) = witness.timeline, own
    return Vantage(
        agent_id,
        sees=sees,
        failed=failed,
        asked=bool(timeline.slots),
        served=agent_id in moment.served_ns and not is_lost,
        resolvers=witness.resolvers,
        failing_ns=now_ns - timeline.failing_since_ns if timeline.failing_since_ns else 0,
        answered_ns=now_ns - timeline.served_at_ns if timeline.served_at_ns else None,
    )


def is_lost(name: str, proxy: Proxy, moment: Moment, grace_ns: int) -> bool:
    """Return whether the only agent that asks is answered by nothing, see `lacks_all`."""
    only = next(iter(proxy.witnesses), "")
    return len(proxy.witnesses) == 1 and lacks_all(only, name, proxy, moment, grace_ns)


def lacks_all(agent_id: str, name: str, proxy: Proxy, moment: Moment, grace_ns: int) -> bool:
    """
    Return whether nothing answers an agent since this proxy does not: it may be the agent.

    Args:
        agent_id: Which.
        name: Of the proxy.
        proxy: That it asked.
        moment: Of the judgement.
        grace_ns: After so long an answer of another proxy tells this one from all.
    """
    witness = proxy.witnesses[agent_id]
    # What answers it by now proves nothing of the time when nothing did.
    if witness.lacked_all(moment.now_ns, grace_ns):
        return True
    since_ns = witness.timeline.failing_since_ns
    if len(proxy.witnesses) > 1 or not since_ns:
        return False
    # A build may wait long before it asks the next one, or end with the first.
    cause = weigh(witness.timeline, moment.now_ns, half_life_ns=NS, recent_ns=NS).cause or ""
    is_silent = moment.served_ns.get(agent_id, 0) <= since_ns
    return cause.startswith(NETWORK) and is_silent and moment.asks_another(agent_id, name)


def run_of(agent_id: str, witness: Witness) -> Run:
    """Return what an agent was last told."""
    timeline = witness.timeline
    resolvers = (Value("resolver", name) for name in witness.resolvers)
    return Run(
        agent_id,
        timeline.served_at_ns,
        timeline.failing_since_ns,
        len(timeline.failed_at_ns),
        timeline.troubles > 0,
        frozenset((*witness.labels, *resolvers)),
    )


def steps(agent_ids: Iterable[str]) -> Iterator[list[str]]:
    """Part what may be many."""
    held = list(agent_ids)
    for start in range(0, len(held), STEP_WITNESSES):
        yield held[start : start + STEP_WITNESSES]


def sample(troubles: Mapping[str, int]) -> frozenset[str]:
    """Return whose own evidence is weighed: those with most troubles, and some from everywhere."""
    troubled = [agent_id for agent_id, count in troubles.items() if count]
    if len(troubled) <= MAX_WEIGHED:
        return frozenset(troubled)
    troubled.sort(key=lambda agent_id: -troubles[agent_id])
    half = MAX_WEIGHED // 2
    rest = troubled[half:]
    return frozenset((*troubled[:half], *rest[:: -(-len(rest) // half)]))
