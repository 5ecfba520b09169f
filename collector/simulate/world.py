"""
The world of a script: what each agent ships in each window, as the bytes that it would ship.

Pure, and the same bytes for the same script. An agent's windows are asked for in their order; they
begin where its host happens to have started, not where the collector judges.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modpulse.agent.batch.batch import (
    MAX_ASKED,
    MISS,
    OK,
    SCHEMA,
    SUSPECT,
    Batch,
    Chain,
    ProxyWindow,
    encode,
)
from modpulse.agent.service.units import NS

from .answers import EPOCH_S, Answer, Place, Setup, answer, set_up
from .chance import GOLDEN, Chance
from .script import Happening, Hosts, Script, host_name, pool_of
from .tally import Commands, Ended, Tally
from .traffic import HOUR_S, Ask, Build, builds

TROUBLE = "dns.timeout"
"""What a host sees whose network is gone."""
LOST_EVENTS = 40
"""Of a window in which an agent lost some."""
SHIP_S = 0.3
"""From the end of a window until the collector has it, at most."""
AT_ONCE = 1.0
"""Seconds that are asked within when a build was told to stop: requests run beside each other."""
DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Post:
    """One batch on its way."""

    at_ns: int
    """When it arrives, ns since the beginning."""
    wall_ns: int
    """The agent's wall clock, less the time since the beginning."""
    body: bytes
    held_until_ns: int = 0
    """The agent cannot reach the collector before, and keeps it."""


@dataclass(slots=True)
class _Agent:
    number: int
    hosts: Hosts
    agent_id: str
    labels: dict[str, str]
    happenings: tuple[Happening, ...]
    """Those that may hit it."""
    offset_ns: int
    """When its windows end, after those of the collector."""
    ship_ns: int
    run: int = 0
    seq: int = 0
    window: int = 0
    """Its next."""
    lost: int = 0
    planned_hours: int = 0
    tallies: dict[int, dict[int, Tally]] = field(default_factory=lambda: defaultdict(dict))
    """By window and the proxy's place."""
    commands: dict[int, Commands] = field(default_factory=lambda: defaultdict(Commands))
    """By window."""
    troubles_s: list[float] = field(default_factory=list)

    @property
    def tells_shares(self) -> bool:
        """Its batches have what schema 2 appended."""
        return self.hosts.schema >= SCHEMA


class World:
    """Everything that agents of a script ship."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._window_ns = round(script.window_seconds * NS)
        self._heartbeats = max(1, round(script.heartbeat_seconds / script.window_seconds))
        places = ((hosts, place) for hosts in script.hosts for place in range(hosts.count))
        self._agents = [self._agent(n, *place) for n, place in enumerate(places)]
        self._chain = "".join(p.name + p.fallback for p in script.proxy)[:-1]
        self._factors = [h.factor for h in script.happening if h.kind == "busy"]

    def posts(self, until_ns: int) -> list[Post]:
        """Return what arrives up to a time, ns since the beginning, since this was asked last."""
        found = [post for agent in self._agents for post in self._of(agent, until_ns)]
        return sorted(found, key=lambda post: post.at_ns)

    def _agent(self, number: int, hosts: Hosts, place: int) -> _Agent:
        chance = Chance(self._script.seed, 5, number)
        agent_id, pool = host_name(hosts, place), pool_of(hosts, place)
        hits = (one for one in self._script.happening if _may_hit(one, hosts, agent_id, pool))
        return _Agent(
            number,
            hosts,
            agent_id,
            {"site": hosts.site} | ({"pool": pool} if pool else {}),
            tuple(hits),
            offset_ns=chance.below(self._window_ns),
            ship_ns=round(chance.unit() * SHIP_S * NS),
        )

    def _of(self, agent: _Agent, until_ns: int) -> Iterator[Post]:
        while True:
            end_ns = agent.offset_ns + (agent.window + 1) * self._window_ns
            at_ns = end_ns + agent.ship_ns
            if at_ns > until_ns:
                return
            self._plan(agent, end_ns / NS)
            seen = agent.tallies.pop(agent.window, {})
            commands = agent.commands.pop(agent.window, Commands())
            is_due = (agent.window + agent.number) % self._heartbeats == 0 or agent.window < 4
            agent.window += 1
            if seen or is_due:
                yield from self._post(agent, seen, commands, end_ns, at_ns)

    def _post(
        self,
        agent: _Agent,
        seen: dict[int, Tally],
        commands: Commands,
        end_ns: int,
        at_ns: int,
    ) -> Iterator[Post]:
        end_s = end_ns / NS
        if self._now(agent, "silent", end_s):
            return
        restarts = sum(
            self._script.begin_s(one) <= end_s
            for one in agent.happenings
            if one.kind == "agent_restart"
        )
        if restarts != agent.run:
            agent.run, agent.seq, agent.lost = restarts, 0, 0
        wall_ns = self._wall_offset_ns(agent, end_s)
        batch = self._batch(agent, seen, end_ns, wall_ns)
        if agent.tells_shares:
            batch = replace(batch, **self._appended(agent, commands))
        body = encode(batch)
        agent.seq += 1
        cut = self._now(agent, "cut", end_s)
        yield Post(at_ns, wall_ns, body, round(self._script.over_s(cut) * NS) if cut else 0)

    def _batch(self, agent: _Agent, seen: dict[int, Tally], end_ns: int, wall_ns: int) -> Batch:
        lossy = self._now(agent, "lossy", end_ns / NS)
        is_lossy = lossy is not None and self._draw(agent, 6) < lossy.share
        agent.lost += is_lossy * LOST_EVENTS
        return Batch(
            schema=agent.hosts.schema,
            agent_id=agent.agent_id,
            run_id=Chance(self._script.seed, 7, agent.number, agent.run).bits().to_bytes(8, "big"),
            seq=agent.seq,
            window_start_ns=end_ns - self._window_ns + wall_ns,
            window_end_ns=end_ns + wall_ns,
            labels=agent.labels,
            losses={"ring_full": agent.lost},
            lost=is_lossy * LOST_EVENTS,
            proxies=_parts([seen[place] for place in sorted(seen)], wall_ns),
            agent_version=agent.hosts.agent_version,
        )

    def _appended(self, agent: _Agent, commands: Commands) -> dict[str, Any]:
        """Return the fields of schema 2."""
        return {
            "kernel": agent.hosts.kernel,
            "links": agent.hosts.links,
            "commands": commands.ended,
            "commands_failed": commands.failed,
            "chains": (Chain(entries=self._chain, commands=commands.ended),) * bool(commands.ended),
        }

    def _draw(self, agent: _Agent, purpose: int) -> float:
        return Chance(self._script.seed, purpose, agent.number, agent.window).unit()

    def _wall_offset_ns(self, agent: _Agent, at_s: float) -> int:
        """Return what is added to the time since the beginning to get the agent's wall clock."""
        set_s = sum(
            one.seconds for one in agent.happenings if one.kind == "skew" and self._is(one, at_s)
        )
        begin_s = EPOCH_S + self._script.start_hour * HOUR_S
        return round((begin_s + agent.hosts.skew_seconds + set_s) * NS)

    def _now(self, agent: _Agent, kind: str, at_s: float) -> Happening | None:
        return next((h for h in agent.happenings if h.kind == kind and self._is(h, at_s)), None)

    def _is(self, one: Happening, at_s: float) -> bool:
        return self._script.begin_s(one) <= at_s < self._script.over_s(one)

    def _plan(self, agent: _Agent, until_s: float) -> None:
        """Let the builds begin that may be seen in windows up to a time."""
        while agent.planned_hours * HOUR_S < until_s:
            hour = agent.planned_hours
            agent.planned_hours += 1
            if hour % DAY_HOURS == 0:
                agent.troubles_s = self._troubles(agent, hour)
            most = max([1.0, *self._factors])
            for build, threshold in builds(self._script, agent.number, hour, most):
                busy = self._now(agent, "busy", build.start_s)
                if threshold < (busy.factor if busy else 1.0):
                    self._build(agent, build)

    def _troubles(self, agent: _Agent, hour: int) -> list[float]:
        chance = Chance(self._script.seed, 8, agent.number, hour)
        count = chance.poisson(self._script.trouble_per_day)
        return [(hour + DAY_HOURS * chance.unit()) * HOUR_S for _ in range(count)]

    def _is_troubled(self, agent: _Agent, at_s: float) -> bool:
        length_s = self._script.trouble_seconds
        return any(start_s <= at_s < start_s + length_s for start_s in agent.troubles_s)

    def _build(self, agent: _Agent, build: Build) -> None:
        chance = Chance(9, *build.key)
        addresses = [p.addresses[chance.below(len(p.addresses))] for p in self._script.proxy]
        connected: set[int] = set()
        stops_s, ends_s = self._script.end_s, build.start_s
        stopped_by: tuple[float, int] | None = None
        for ask in self._asks(agent, build):
            if ask.at_s > stops_s:
                break
            at_s, stopping = self._walk(agent, ask, addresses, connected, chance)
            ends_s = max(ends_s, at_s)
            if stopping is not None:
                stops_s = min(stops_s, at_s + AT_ONCE)
                stopped_by = max(stopped_by or (at_s, stopping), (at_s, stopping))
        self._end(agent, ends_s, stopped_by)

    def _end(self, agent: _Agent, at_s: float, stopped_by: tuple[float, int] | None) -> None:
        """A build ended; where it was stopped, by which entry's last failure."""
        commands = agent.commands[self._window_of(agent, at_s)]
        commands.ended += 1
        if stopped_by is not None:
            commands.failed += 1
            self._tally(agent, stopped_by[1], at_s).commands_stopped += 1

    def _asks(self, agent: _Agent, build: Build) -> Iterator[Ask]:
        """Yield what a build asks for, with names that no proxy has before each."""
        modules = self._script.modules
        for ask in build.asks:
            unheard = self._now(agent, "unheard", ask.at_s)
            for number in range(round(unheard.factor) if unheard else 0):
                luck = (ask.luck + GOLDEN * (number + 1)) % 1
                yield replace(ask, module=modules * (number + 1) + ask.module, luck=luck)
            yield ask

    def _walk(
        self,
        agent: _Agent,
        ask: Ask,
        addresses: Sequence[str],
        connected: set[int],
        chance: Chance,
    ) -> tuple[float, int | None]:
        """
        Ask the chain's entries one after the other.

        Returns:
            When that was over, and the place of the entry whose failure stops the build, if any.
        """
        at_s = ask.at_s
        for number, proxy in enumerate(self._script.proxy):
            place = Place(self._script, proxy, number, addresses[number], ask, at_s)
            got, setup = self._ask(agent, place, number in connected, chance)
            setup_ns = 0
            if setup is not None:
                setup_ns = (setup.resolve_ns or 0) + (setup.connect_ns or 0) + (setup.tls_ns or 0)
                self._tally(agent, number, at_s).set_up(setup, addresses[number])
                if setup.failure is None:
                    connected.add(number)
            at_s += (setup_ns + got.elapsed_ns) / NS
            has_missed = got.outcome in (MISS, SUSPECT)
            is_last = number == len(self._script.proxy) - 1
            has_fallen = got.outcome != OK and not is_last and (has_missed or proxy.fallback == "|")
            got_none = got.outcome.startswith("dns.")
            self._tally(agent, number, at_s).end(
                Ended(
                    at_ns=round(at_s * NS),
                    ask=ask,
                    answer=got,
                    has_fallen=has_fallen,
                    address=None if got_none else addresses[number],
                    has_looked_up=setup is not None,
                )
            )
            if not has_fallen:
                return at_s, None if got.outcome == OK or has_missed else number
        raise AssertionError("the last entry is followed by none")

    def _ask(
        self, agent: _Agent, place: Place, is_connected: bool, chance: Chance
    ) -> tuple[Answer, Setup | None]:
        if agent.troubles_s and self._is_troubled(agent, place.at_s):
            trouble = Happening(name=TROUBLE, kind="fail", failure=TROUBLE)
            happenings: tuple[Happening, ...] = (trouble,)
        else:
            happenings = agent.happenings
        got = answer(place, happenings, chance)
        failed = got.outcome if got.outcome not in (OK, MISS, SUSPECT) else None
        # What fails before a request is sent has had no connection, whatever was there before.
        needs_setup = not is_connected or (failed or "").partition(".")[0] in ("dns", "tcp", "tls")
        return got, set_up(place, happenings, chance, failed) if needs_setup else None

    def _window_of(self, agent: _Agent, at_s: float) -> int:
        # A host's first window is shorter: it began before the script.
        return max((round(at_s * NS) - agent.offset_ns) // self._window_ns, agent.window)

    def _tally(self, agent: _Agent, number: int, at_s: float) -> Tally:
        tallies = agent.tallies[self._window_of(agent, at_s)]
        if number not in tallies:
            resolver = agent.hosts.resolver
            tallies[number] = Tally(self._script.proxy[number], resolver, agent.tells_shares)
        return tallies[number]


def _parts(tallies: Sequence[Tally], wall_ns: int) -> tuple[ProxyWindow, ...]:
    parts, room = [], MAX_ASKED
    for tally in tallies:
        parts.append(tally.part(lambda at_ns: at_ns + wall_ns, room))
        room -= len(parts[-1].asked)
    return tuple(parts)


def _may_hit(one: Happening, hosts: Hosts, agent_id: str, pool: str) -> bool:
    return (
        one.site in ("", hosts.site)
        and one.pool in ("", pool)
        and one.host in ("", agent_id)
        and one.resolver in ("", hosts.resolver)
    )
