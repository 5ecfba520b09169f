"""What one agent sees of each proxy that it asks, as a value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from modpulse.agent.service.units import NS

from ..intake.arrival import Counts
from .evidence import weigh
from .held import Proxy


@dataclass(frozen=True, slots=True)
class AgentAsk:
    """Of one proxy; times in ns of the collector's clock."""

    proxy: str
    asked_ns: int
    """When it asked last."""
    seen: Counts
    """What it saw in the last ten minutes."""
    cause: str | None
    """The most frequent failure class of these; None without failures."""
    resolvers: tuple[str, ...]
    """That it asked for the proxy's name, in order."""


def asks_of(proxies: Mapping[str, Proxy], agent_id: str, now_ns: int) -> tuple[AgentAsk, ...]:
    """Return what an agent asked within the hour, what it asked last first."""
    found = []
    for name, proxy in proxies.items():
        witness = proxy.witnesses.get(agent_id)
        if witness is not None:
            seen = weigh(witness.timeline, now_ns, half_life_ns=NS, recent_ns=NS)
            resolvers = tuple(sorted(witness.resolvers))
            found.append(AgentAsk(name, witness.asked_ns, seen.total, seen.cause, resolvers))
    return tuple(sorted(found, key=lambda one: (-one.asked_ns, one.proxy)))
