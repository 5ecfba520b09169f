"""A fleet of agents with labels whose requests have endpoints, addresses and modules, in memory."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sightings import GOOD, SICK, T0_NS, S, arrival, sighting

from modpulse.collector.health.fleet import Fleet
from modpulse.collector.health.gates import Rules
from modpulse.collector.health.report import Report
from modpulse.collector.health.score import Formula
from modpulse.collector.intake.arrival import Arrival, Counts, Part

SLOT_NS = 10 * S
ADDRESSES = ("192.0.2.6", "192.0.2.7", "192.0.2.8")
ENDPOINTS = ("list", "info", "mod", "zip")
WORST = 5


@dataclass(frozen=True)
class Agent:
    """One host of the fleet."""

    name: str
    labels: dict[str, str]
    resolver: str = "10.0.0.53"
    requests: int = 4
    """In each window."""


@dataclass(frozen=True)
class Asked:
    """One request, with what it has in common with others."""

    agent: Agent
    window: int
    address: str
    endpoint: str
    module: str
    luck: float

    @property
    def site(self) -> str:
        """Of its agent."""
        return self.agent.labels["site"]


Fails = Callable[[Asked], str | None]
"""Returns the class with which a request fails, or `suspect`; None: it is answered."""


def agents(
    *sites: tuple[str, int], resolvers: Sequence[str] = (), requests: int = 4
) -> list[Agent]:
    """Make so many agents at each site; every third one is of the pool `ci`."""
    made = []
    for place, (site, count) in enumerate(sites):
        resolver = resolvers[place] if resolvers else "10.0.0.53"
        for number in range(count):
            labels = {"site": site, "pool": "ci" if number % 3 == 0 else "dev"}
            made.append(Agent(f"{site}-{number + 1}", labels, resolver, requests))
    return made


@dataclass
class Play:
    """Windows that are played to a fleet, from 0 on."""

    hosts: Sequence[Agent]
    fails: Fails
    addresses: Sequence[str] = ADDRESSES
    modules: int = 50
    seed: int = 1
    has_parts: bool = True
    """Whether the agents ship what schema 2 appended."""
    fleet: Fleet = field(
        default_factory=lambda: Fleet(Formula(), Rules(), lambda bucket: 10.0 * bucket)
    )
    window: int = 0

    def run(self, windows: int) -> Report:
        """Play so many windows; returns what is said at the end of the last."""
        return self.reports(windows)[-1]

    def reports(self, windows: int) -> list[Report]:
        """Play so many windows, and return what is said of the proxy after each."""
        return list(self._reports(windows))

    def _reports(self, windows: int) -> Iterator[Report]:
        for _ in range(windows):
            for host in self.hosts:
                self.fleet.merge(self._arrival(host))
            self.window += 1
            found = self.fleet.evaluate(T0_NS + self.window * SLOT_NS)
            yield next(report for report in found if report.proxy == SICK)

    def _arrival(self, host: Agent) -> Arrival:
        chance = random.Random(f"{self.seed} {host.name} {self.window}")
        asked = [self._ask(host, chance) for _ in range(host.requests)]
        ended = [(one, self.fails(one)) for one in asked]
        seen = replace(
            sighting(resolvers=frozenset({host.resolver})),
            counts=replace(counts_of([how for _, how in ended]), windows=1),
        )
        if self.has_parts:
            seen = replace(
                seen,
                by_endpoint=parts((one.endpoint, how) for one, how in ended),
                by_address=parts(
                    (one.address, how) for one, how in ended if not (how or "").startswith("dns.")
                ),
                # The first of a build looks the name up, and who finds none does so again.
                by_resolver=parts(
                    (host.resolver, how)
                    for place, (_, how) in enumerate(ended)
                    if not place or (how or "").startswith("dns.")
                ),
                by_module=parts([(one.module, how) for one, how in ended if how][:WORST]),
            )
        end_ns = T0_NS + self.window * SLOT_NS + 5 * S
        made = arrival(seen, sighting(GOOD, ok=1), end_ns=end_ns, agent_id=host.name)
        return replace(made, labels=host.labels)

    def _ask(self, host: Agent, chance: random.Random) -> Asked:
        return Asked(
            host,
            self.window,
            chance.choice(self.addresses),
            chance.choice(ENDPOINTS),
            f"mod.example/m{chance.randrange(self.modules)}",
            chance.random(),
        )


def counts_of(outcomes: Sequence[str | None]) -> Counts:
    """Add outcomes up."""
    failures = Counter(how for how in outcomes if how and how != "suspect")
    ok, suspects = sum(how is None for how in outcomes), outcomes.count("suspect")
    return Counts(ok=ok, suspects=suspects, failures=dict(failures))


def parts(
    named: Iterator[tuple[str, str | None]] | list[tuple[str, str | None]],
) -> tuple[Part, ...]:
    """Add outcomes up by what they have in common."""
    found: dict[str, list[str | None]] = {}
    for name, how in named:
        found.setdefault(name, []).append(how)
    return tuple(Part(name, counts_of(outcomes)) for name, outcomes in sorted(found.items()))
