"""
Which proxy has what another has not: versions that it served first, modules that it alone serves.

Only what some proxy says it has not is watched: all others are no news, and cost one look-up. A
memory, which may have gaps and begins with this process: never evidence against a proxy. Pure:
times are the ends of windows on the collector's clock, in nanoseconds.
"""

from collections import Counter
from dataclasses import dataclass, field

from modpulse.agent.batch.batch import MISS, OK, SUSPECT
from modpulse.agent.service.units import NS

from ..intake import wire
from ..shares import Shares
from .asked import Waiting

MAX_LACKED = 4_000
"""Modules that some proxy said it has not: 8 MB."""
MAX_LACKED_VERSIONS = 16
"""Of one of them, those that were asked for last."""
MAX_LACKING = 8
"""Proxies of one version."""
WITHIN_NS = 600 * NS
"""What one proxy served so soon after another had it not, it had by then."""


@dataclass(slots=True)
class _Stand:
    """Of one proxy and version."""

    missed_ns: int | None = None
    """When it last said that it has it not, before it served it."""
    served_ns: int | None = None
    """When it first served it."""


@dataclass(slots=True)
class _Module:
    served: set[str] = field(default_factory=set)
    """Proxies that served anything of it since it is watched."""
    versions: dict[str, dict[str, _Stand]] = field(default_factory=dict)
    """By version, then by proxy; the empty one: what names none, as a list."""


@dataclass(frozen=True, slots=True)
class Firsts:
    """Of two proxies; one who asks both is needed to see it."""

    versions_a: int
    """That A served when B had them not yet, and served later."""
    versions_b: int
    modules_a: int
    """Of which A served something and B said that it has not, and served nothing."""
    modules_b: int
    since_ns: int
    """From when on this was watched."""


class Versions:
    """Of one fleet."""

    def __init__(self, overflow: Counter[str]) -> None:
        """
        Args:
            overflow: Where what a bound cost is counted.
        """
        self._overflow = overflow
        self.held: dict[str, _Module] = {}
        """By name: an answer for another one is of use only where it is a miss."""
        self._of: dict[str, dict[str, None]] = {}
        """Their names by who told of each, the one that was missed longest ago first."""
        self._room = Shares(MAX_LACKED)
        self._since_ns: int | None = None

    def note(self, one: Waiting, row: wire.Asked) -> None:
        """Take an answer."""
        if self._since_ns is None:
            self._since_ns = one.end_ns
        if row.module is None or row.outcome not in (OK, MISS, SUSPECT):
            return
        has_missed = row.outcome != OK
        module = self.held.get(row.module)
        if module is None:
            module = self._hold(row.module, one.caller) if has_missed else None
            if module is None:
                return
        stand = _stand(module, row.version or "", one.proxy, has_missed)
        if not has_missed:
            if one.proxy in module.served or len(module.served) < MAX_LACKING:
                module.served.add(one.proxy)
            if stand is not None:
                known = stand.served_ns
                stand.served_ns = one.end_ns if known is None else min(known, one.end_ns)
        elif stand is not None and stand.served_ns is None:
            stand.missed_ns = max(stand.missed_ns or 0, one.end_ns)

    def between(self, a: str, b: str) -> Firsts | None:
        """Return what one of two has, and the other has not; None before anything was read."""
        if self._since_ns is None:
            return None
        versions, modules = Counter[str](), Counter[str]()
        for module in self.held.values():
            for one, other in ((a, b), (b, a)):
                is_alone = False
                for version, stands in module.versions.items():
                    has, lacks = stands.get(one), stands.get(other)
                    if has is None or lacks is None or not _had_it_first(has, lacks):
                        continue
                    is_alone |= other not in module.served
                    versions[one] += bool(version) and lacks.served_ns is not None
                modules[one] += is_alone
        return Firsts(versions[a], versions[b], modules[a], modules[b], self._since_ns)

    def _hold(self, name: str, caller: str) -> _Module | None:
        names = self._of.setdefault(caller, {})
        if not self._room.has_room(caller, 1):
            self._overflow["MAX_LACKED"] += 1
            if not names:
                del self._of[caller]
                return None
            oldest = next(iter(names))
            del names[oldest], self.held[oldest]
            self._room.give(caller, 1)
        self._room.take(caller, 1)
        names[name] = None
        self.held[name] = module = _Module()
        return module


def _stand(module: _Module, version: str, proxy: str, is_new: bool) -> _Stand | None:
    """Return what is known of a version at a proxy; of one that nobody missed, nothing is."""
    stands = module.versions.get(version)
    if stands is None:
        if not is_new:
            return None
        if len(module.versions) >= MAX_LACKED_VERSIONS:
            del module.versions[next(iter(module.versions))]
        stands = module.versions[version] = {}
    stand = stands.get(proxy)
    if stand is None and len(stands) < MAX_LACKING:
        stand = stands[proxy] = _Stand()
    return stand


def _had_it_first(has: _Stand, lacks: _Stand) -> bool:
    if has.served_ns is None or lacks.missed_ns is None:
        return False
    return lacks.missed_ns >= has.served_ns - WITHIN_NS
