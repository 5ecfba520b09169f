"""
Which agents there are and what each asks, so that a flood meets its own bounds first.

An agent is what one caller (a token, a certificate) ships for: whoever invents agents shares the
room of its token with them, and whoever ships for another's agent takes none of its. Pure: times
are the collector's, in nanoseconds. Whoever has been heard for a while is known, and what is known
is never let go for what is new; strangers are soon forgotten.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from modpulse.agent.service.units import NS

from ..intake.arrival import Sighting
from ..shares import Shares

MAX_AGENTS = 20_000
"""Twice the fleet that one collector is made for: one caller has half of it at most."""
MAX_PROXIES_PER_AGENT = 64
"""Within an hour; a window has 32 at most, and a GOPROXY list two to four."""
MAX_WITNESSES = 200_000
"""Agents times the proxies that each asks."""
STRANGERS_PART = 2
"""Strangers may use one of so many parts of what is left of these."""
KNOWN_AFTER_NS = 30 * NS
"""Three windows: who invents names comes once."""
STRANGER_KEPT_NS = 60 * NS
"""A stranger that is silent for so long is forgotten."""
STEP_AGENTS = 512
"""Looked at at once: 1 ms."""
BEFORE = ""
"""The caller of all that was kept over a restart, until it is heard again."""


class Who(NamedTuple):
    """Who shipped."""

    caller: str
    """Which token or certificate; `BEFORE` where nobody is asked."""
    agent_id: str


@dataclass(slots=True)
class Agent:
    """One agent that was heard lately."""

    first_ns: int
    last_ns: int
    site: str = ""
    """Its label; empty: it has none."""
    asked_ns: dict[str, int] = field(default_factory=dict)
    """By proxy: when it was asked last."""

    @property
    def is_known(self) -> bool:
        """Whether it has been heard for a while."""
        return self.last_ns - self.first_ns >= KNOWN_AFTER_NS


class Roster:
    """Agents by their callers and ids."""

    def __init__(self) -> None:
        self.agents: dict[Who, Agent] = {}
        self._places = Shares(MAX_AGENTS)
        self._witnesses = Shares(MAX_WITNESSES)

    def __contains__(self, who: Who) -> bool:
        """Whether the agent is remembered."""
        return self._find(who) is not None

    def is_known(self, who: Who, at_ns: int) -> bool:
        """Whether the agent, heard at this moment, has been heard for a while."""
        agent = self._find(who)
        return agent is not None and at_ns - agent.first_ns >= KNOWN_AFTER_NS

    def asks(self, who: Who, sightings: Iterable[Sighting]) -> bool:
        """Whether an agent asked all of these lately."""
        agent = self.agents.get(who)
        return agent is not None and all(s.proxy in agent.asked_ns for s in sightings)

    def barred(self, who: Who, proxy: str, new: int, is_known: bool) -> str | None:
        """
        Return the bound that keeps an agent from asking a proxy; None: it may.

        Args:
            who: Asks.
            proxy: What it asks.
            new: Proxies that the same batch has added already.
            is_known: Of `is_known`.
        """
        agent = self._find(who)
        if agent is None and not self._places.has_room(who.caller, 1):
            return "MAX_AGENTS"
        asked = agent.asked_ns if agent else {}
        if proxy in asked:
            return None
        if len(asked) + new >= MAX_PROXIES_PER_AGENT:
            return "MAX_PROXIES_PER_AGENT"
        part = 1 if is_known else STRANGERS_PART
        has_room = self._witnesses.has_room(who.caller, new + 1, part)
        return None if has_room else "MAX_WITNESSES"

    def heard_ns(self) -> dict[str, int]:
        """Return when each agent that is known was heard last, by its id."""
        heard: dict[str, int] = {}
        for who, agent in self.agents.items():
            if agent.is_known:
                heard[who.agent_id] = max(agent.last_ns, heard.get(who.agent_id, 0))
        return heard

    def sites(self) -> dict[str, str]:
        """Return the label `site` of each agent that is known and has one, by its id."""
        held = self.agents.items()
        return {who.agent_id: agent.site for who, agent in held if agent.site and agent.is_known}

    def note(self, who: Who, proxies: Iterable[str], at_ns: int, site: str = "") -> None:
        """Remember that an agent was heard, and what it asked; bounds are the caller's."""
        agent = self.agents.get(who) or self._adopted(who)
        if agent is None:
            is_kept = who.caller == BEFORE and self._places.held < self._places.total
            if not (is_kept or self._places.has_room(who.caller, 1)):
                return
            self._places.take(who.caller, 1)
            agent = self.agents[who] = Agent(at_ns, at_ns)
        agent.first_ns, agent.last_ns = min(agent.first_ns, at_ns), max(agent.last_ns, at_ns)
        agent.site = site
        for proxy in proxies:
            self._witnesses.take(who.caller, proxy not in agent.asked_ns)
            agent.asked_ns[proxy] = max(at_ns, agent.asked_ns.get(proxy, 0))

    def expire(self, now_ns: int, kept_ns: int) -> Iterator[None]:
        """
        Forget what was not asked for so long, agents that are silent, and strangers sooner.

        Goes in steps of STEP_AGENTS, between which others may use it.
        """
        held = list(self.agents.items())
        for first in range(0, len(held), STEP_AGENTS):
            for who, agent in held[first : first + STEP_AGENTS]:
                if self.agents.get(who) is agent:
                    self._expire(who, agent, now_ns, kept_ns)
            yield None

    def _expire(self, who: Who, agent: Agent, now_ns: int, kept_ns: int) -> None:
        oldest_ns = now_ns - (kept_ns if agent.is_known else min(kept_ns, STRANGER_KEPT_NS))
        if agent.last_ns <= oldest_ns:
            self._remove(who)
            return
        old = [proxy for proxy, at_ns in agent.asked_ns.items() if at_ns <= now_ns - kept_ns]
        for proxy in old:
            del agent.asked_ns[proxy]
        self._witnesses.give(who.caller, len(old))

    def _find(self, who: Who) -> Agent | None:
        return self.agents.get(who) or self.agents.get(Who(BEFORE, who.agent_id))

    def _adopted(self, who: Who) -> Agent | None:
        """Hand what was kept over a restart to the caller that ships for it now."""
        before = Who(BEFORE, who.agent_id)
        if before not in self.agents:
            return None
        agent = self.agents[who] = self._remove(before)
        self._places.take(who.caller, 1)
        self._witnesses.take(who.caller, len(agent.asked_ns))
        return agent

    def _remove(self, who: Who) -> Agent:
        agent = self.agents.pop(who)
        self._places.give(who.caller, 1)
        self._witnesses.give(who.caller, len(agent.asked_ns))
        return agent
