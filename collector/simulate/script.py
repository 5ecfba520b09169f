"""
A script: a fleet, its proxies, what happens to them, and the truth that a collector must tell.

Pure: takes TOML. docs/simulate.md has every key.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from modpulse.agent.batch.batch import (
    MAX_NAME_BYTES,
    MAX_PROXIES,
    MAX_TEXT_BYTES,
    OLDEST_SCHEMA,
    SCHEMA,
)
from modpulse.agent.batch.proxies import proxy_name
from modpulse.agent.records.failures import CLASSES
from modpulse.agent.service import keys
from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.keys import choice, number, tables

MAX_HOST_HOURS = 1_000_000
"""Hosts times hours of one script: 30 days of 1,300 hosts."""
MAX_REQUESTS = 50_000_000
"""Of all builds of one script at its busiest: 30 days of 200 hosts in a hurry."""
MAX_HOURS = 366 * 24
_MOST_MINUTES = 60.0 * MAX_HOURS
LATENCIES_MS = (0.01, 600_000)
ENDPOINTS = ("list", "latest", "info", "mod", "zip")

KINDS = ("opened", "updated", "closed")
"""Of notices."""
OF_PROXY = (
    "fail", "slow", "drift", "slow_dns", "suspect", "missing", "certificate", "changed_zip",
)  # fmt: skip
"""Kinds that happen to requests."""
OF_AGENT = ("silent", "cut", "lossy", "skew", "busy", "unheard", "agent_restart")
"""Kinds that happen to agents: they know of no proxy."""
OF_COLLECTOR = ("restart",)
SCOPES = ("all", "host", "resolver", "site", "pool", "address", "endpoint", "module")
"""For whom or what a proxy may be sick."""
NEEDS = {
    "fail": "failure", "slow": "factor", "drift": "factor", "slow_dns": "factor",
    "busy": "factor", "unheard": "factor", "changed_zip": "module", "skew": "seconds",
}  # fmt: skip
"""A kind, and the key without which it would do nothing."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts of one site that are alike."""

    site: str = ""
    """Hosts are called `SITE-1`, `SITE-2` …"""
    count: int = number(10, 1, 10_000)
    resolver: str = "192.0.2.53"
    pools: tuple[str, ...] = ()
    """Labels `pool`, one for each host in turn; none without."""
    agent_version: str = "0.1.0"
    kernel: str = "6.12.0"
    """Release of theirs."""
    links: str = choice("uprobe-multi", "perf")
    """How their probes are attached."""
    schema: int = number(SCHEMA, OLDEST_SCHEMA, SCHEMA)
    """Of their batches."""
    skew_seconds: float = number(0.0, -3e8, 3e8)
    """How far their clocks are ahead."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One entry of GOPROXY, in its place; times are medians."""

    name: str = ""
    fallback: str = choice("|", ",")
    """What stands between it and the next: `|` goes on after any failure, `,` after misses."""
    addresses: tuple[str, ...] = ("192.0.2.10",)
    resolve_ms: float = number(1.0, *LATENCIES_MS)
    connect_ms: float = number(2.0, *LATENCIES_MS)
    tls_ms: float = number(5.0, *LATENCIES_MS)
    first_byte_ms: float = number(40.0, *LATENCIES_MS)
    transfer_ms: float = number(5.0, *LATENCIES_MS)
    spread: float = number(0.5, 0, 3)
    """Of the logarithms of these times: 0.5 puts their p95 at 2.3 times the median."""
    certificate_days: float = number(60.0, -3660, 3660)
    """Left at the beginning."""
    certificate_lifetime_days: float = number(90.0, 0.1, 3660)
    miss_share: float = number(0.05, 0, 1)
    """Of the modules that it does not have."""
    failure_share: float = number(0.0, 0, 1)
    """Of its requests that fail with 5xx on any day."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What goes wrong from when to when, and for whom; what is empty is everybody."""

    name: str = ""
    kind: str = choice("", *OF_PROXY, *OF_AGENT, *OF_COLLECTOR)
    begin_minutes: float = number(0.0, 0, _MOST_MINUTES)
    end_minutes: float = number(0.0, 0, _MOST_MINUTES)
    """0: as long as the script."""
    proxy: str = ""
    site: str = ""
    host: str = ""
    resolver: str = ""
    pool: str = ""
    address: str = ""
    endpoint: str = choice("", *ENDPOINTS)
    module: str = ""
    share: float = number(1.0, 0, 1)
    """Of the requests (or windows) that are hit."""
    failure: str = choice("", *CLASSES)
    """`fail`: how requests fail."""
    factor: float = number(1.0, 0, 10_000)
    """`slow`, `slow_dns`: of the times; `drift`: of the times at its end; `busy`: of the builds;
    `unheard`: so many names that no proxy has are asked for beside each other one."""
    days: float = number(0.0, -3660, 3660)
    """`certificate`: left when it begins."""
    seconds: float = number(0.0, -3e8, 3e8)
    """`skew`: by how much clocks are set."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the collector must say of one proxy while something happens."""

    happening: str = ""
    proxy: str = ""
    state: str = choice("", "unknown", "healthy", "degraded", "down")
    scope: str = choice("", *SCOPES)
    """Empty: whatever it says."""
    who: str = ""
    """Which host, address, site …; empty: whatever it says."""
    failure: str = choice("", *CLASSES)
    """The top cause; empty: whatever it says."""
    words: str = ""
    """That must be in the evidence, of the state or of the scope."""
    within_seconds: float = number(60.0, 0, 86_400)
    """From the beginning until it is said; then it must last as long as it happens."""
    over_seconds: float = number(90.0, 0, 86_400)
    """From the end until it is said no more."""
    fades_seconds: float = number(720.0, 0, 86_400)
    """From the end until nothing bad is said: what is left of the evidence."""


@dataclass(frozen=True, slots=True)
class Told:
    """One incident that must be made of a happening; any other is a false one."""

    happening: str = ""
    topic: str = choice("proxy", "certificate", "agent", "content")
    severity: str = choice("", "P0", "P1", "P2")
    """The gravest that it has."""
    proxies: tuple[str, ...] = ()
    """All that it names, in any order."""
    within_seconds: float = number(90.0, 0, 86_400)
    """From the beginning until it is opened."""
    closed_within_seconds: float = number(900.0, 0, 86_400)
    """From the end until it is closed; 0: it must not be, as long as the script lasts."""
    p0: tuple[str, ...] = ()
    """What arrives, in order, where only P0 is told: `opened`, `updated`, `closed`."""
    p1: tuple[str, ...] = ()
    p2: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """All of it; times in minutes since the beginning, which is a Monday."""

    title: str = ""
    not_told: str = ""
    """What there is to be known beyond the truths, and a collector cannot tell yet."""
    seed: int = number(1, 0, (1 << 63) - 1)
    hours: float = number(1.0, 0.05, MAX_HOURS)
    start_hour: float = number(9.0, 0, 24)
    """Of the day."""
    window_seconds: float = number(10.0, 1, 600)
    """Of the agents."""
    heartbeat_seconds: float = number(10.0, 1, 600)
    """How often an idle agent ships. A real one does in each window; less often makes days
    shorter."""
    builds_per_hour: float = number(6.0, 0, 3600)
    """Of each host, when most are."""
    build_seconds: float = number(30.0, 1, 3600)
    requests_per_build: int = number(40, 1, 2000)
    modules: int = number(300, 1, 100_000)
    night_share: float = number(1.0, 0, 1)
    """Builds from 20 to 6 o'clock, as a share of those at noon; in between it rises and falls."""
    weekend_share: float = number(1.0, 0, 1)
    trouble_per_day: float = number(0.0, 0, 1000)
    """Of each host: times at which its own network is gone, and all that it asks fails."""
    trouble_seconds: float = number(60.0, 1, 86_400)
    hosts: tuple[Hosts, ...] = tables(Hosts)
    proxy: tuple[Proxy, ...] = tables(Proxy)
    happening: tuple[Happening, ...] = tables(Happening)
    truth: tuple[Truth, ...] = tables(Truth)
    incident: tuple[Told, ...] = tables(Told)

    @property
    def end_s(self) -> float:
        """Seconds from the beginning to the end."""
        return self.hours * 3600

    def begin_s(self, happening: Happening) -> float:
        """When it begins, in seconds."""
        return happening.begin_minutes * 60

    def over_s(self, happening: Happening) -> float:
        """When it ends, in seconds."""
        return happening.end_minutes * 60 or self.end_s

    def happening_of(self, truth: Truth | Told) -> Happening:
        """What a truth or an incident is about."""
        return next(one for one in self.happening if one.name == truth.happening)


@dataclass(frozen=True, slots=True)
class _Names:
    """What may be hit."""

    proxy: frozenset[str]
    site: frozenset[str]
    host: frozenset[str]
    resolver: frozenset[str]
    pool: frozenset[str]
    address: frozenset[str]
    module: frozenset[str]


_TARGETS = tuple(_Names.__slots__)
_AGENT_TARGETS = ("site", "host", "resolver", "pool")


def parse(text: str) -> Script:
    """
    Read a script.

    Raises:
        ConfigError: see `keys.parse`; or it contradicts itself.
    """
    script = keys.parse(Script, text, "", {})
    _check_size(script)
    names = _names(script)
    for place, happening in enumerate(script.happening):
        _check_happening(script, happening, names, f"happening[{place}]")
    for place, truth in enumerate(script.truth):
        _check_truth(script, truth, names, f"truth[{place}]")
    for place, told in enumerate(script.incident):
        _check_told(script, told, names, f"incident[{place}]")
    return script


def module_name(place: int) -> str:
    """Return the name of a module."""
    return f"mod.example/m{place}"


def host_name(hosts: Hosts, place: int) -> str:
    """Return the name of the agent on a host, from 0 on."""
    return f"{hosts.site}-{place + 1}"


def pool_of(hosts: Hosts, place: int) -> str:
    """Return the pool of a host, from 0 on; empty: it has none."""
    return hosts.pools[place % len(hosts.pools)] if hosts.pools else ""


def _check_size(script: Script) -> None:
    if not script.title:
        raise ConfigError("title: it is missing")
    for name, given, most in (
        ("hosts", script.hosts, None),
        ("proxy", script.proxy, MAX_PROXIES),
    ):
        if not given or (most and len(given) > most):
            raise ConfigError(f"{name}: {len(given)} tables, 1 to {most or 'many'} are needed")
    count = sum(hosts.count for hosts in script.hosts)
    if count * script.hours > MAX_HOST_HOURS:
        raise ConfigError(f"hours: {count} hosts for so long are more than {MAX_HOST_HOURS} hours")
    busy = [h.factor for h in script.happening if h.kind == "busy"]
    builds = count * script.hours * script.builds_per_hour * max([1.0, *busy])
    if builds * script.requests_per_build > MAX_REQUESTS:
        raise ConfigError(f"builds_per_hour: more than {MAX_REQUESTS} requests in all")


def _names(script: Script) -> _Names:
    _check_names("hosts.site", [hosts.site for hosts in script.hosts], MAX_NAME_BYTES - 8)
    _check_names("proxy.name", [proxy.name for proxy in script.proxy], MAX_TEXT_BYTES)
    _check_names("happening.name", [one.name for one in script.happening], MAX_NAME_BYTES)
    for hosts in script.hosts:
        _check_names("hosts.resolver", [hosts.resolver], MAX_NAME_BYTES)
        _check_names("hosts.agent_version", [hosts.agent_version], MAX_NAME_BYTES)
        _check_names("hosts.kernel", [hosts.kernel], MAX_NAME_BYTES)
        _check_names("hosts.pools", hosts.pools, MAX_NAME_BYTES)
    for proxy in script.proxy:
        if proxy_name(proxy.name) != proxy.name:
            raise ConfigError(f"proxy.name = {proxy.name!r}: write {proxy_name(proxy.name)!r}")
        if not proxy.addresses:
            raise ConfigError(f"proxy.addresses: {proxy.name} has none")
        _check_names("proxy.addresses", proxy.addresses, MAX_NAME_BYTES)
    return _Names(
        proxy=frozenset(proxy.name for proxy in script.proxy),
        site=frozenset(hosts.site for hosts in script.hosts),
        host=frozenset(host_name(h, n) for h in script.hosts for n in range(h.count)),
        resolver=frozenset(hosts.resolver for hosts in script.hosts),
        pool=frozenset(pool for hosts in script.hosts for pool in hosts.pools),
        address=frozenset(a for proxy in script.proxy for a in proxy.addresses),
        module=frozenset(module_name(n) for n in range(script.modules)),
    )


def _check_names(key: str, names: Iterable[str], most_bytes: int) -> None:
    seen = set()
    for name in names:
        if not 1 <= len(name.encode()) <= most_bytes:
            raise ConfigError(f"{key} = {name[: keys.MAX_SHOWN]!r}: 1 to {most_bytes} bytes")
        if name in seen:
            raise ConfigError(f"{key} = {name!r}: it is there twice")
        seen.add(name)


def _check_happening(script: Script, happening: Happening, names: _Names, where: str) -> None:
    kind = happening.kind
    if not kind:
        raise ConfigError(f"{where}.kind: it is missing")
    for target in _TARGETS:
        asked, known = getattr(happening, target), getattr(names, target)
        if asked and asked not in known:
            raise ConfigError(f"{where}.{target} = {asked!r}: there is none of that name")
    allowed = _TARGETS if kind in OF_PROXY else _AGENT_TARGETS if kind in OF_AGENT else ()
    idle = [key for key in (*_TARGETS, "endpoint") if getattr(happening, key)]
    idle = [key for key in idle if key not in (*allowed, *(["endpoint"] * (kind in OF_PROXY)))]
    if idle:
        raise ConfigError(f"{where}.{idle[0]}: {kind!r} knows no such thing")
    needed = NEEDS.get(kind)
    if needed and getattr(happening, needed) == getattr(Happening(), needed):
        raise ConfigError(f"{where}.{needed}: {kind!r} does nothing without it")
    begin_s, over_s = script.begin_s(happening), script.over_s(happening)
    if not begin_s < over_s <= script.end_s:
        raise ConfigError(f"{where}.end_minutes: must lie between its beginning and the end")


def _check_truth(script: Script, truth: Truth, names: _Names, where: str) -> None:
    if truth.happening not in {one.name for one in script.happening}:
        raise ConfigError(f"{where}.happening = {truth.happening!r}: there is none of that name")
    if truth.proxy not in names.proxy:
        raise ConfigError(f"{where}.proxy = {truth.proxy!r}: there is none of that name")
    if not truth.state:
        raise ConfigError(f"{where}.state: it is missing")


def _check_told(script: Script, told: Told, names: _Names, where: str) -> None:
    # The page shows it beside a truth.
    if told.happening not in {truth.happening for truth in script.truth}:
        raise ConfigError(f"{where}.happening = {told.happening!r}: no truth is of that name")
    for proxy in told.proxies:
        if proxy not in names.proxy:
            raise ConfigError(f"{where}.proxies = {proxy!r}: there is none of that name")
    if not told.severity:
        raise ConfigError(f"{where}.severity: it is missing")
    for kind in (*told.p0, *told.p1, *told.p2):
        if kind not in KINDS:
            raise ConfigError(f"{where}: {kind!r} is no notice: expected {', '.join(KINDS)}")
