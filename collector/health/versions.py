"""
Which proxy has what another has not: versions that it served first, modules that it alone serves.

Only what some proxy says it has not is watched: all others are no news, and cost one look-up. A
memory, which may have gaps: never evidence against a proxy. Pure: times are the ends of windows on
the collector's clock, in nanoseconds.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

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


LACKED_KEPT_NS = 90 * 86_400 * NS
"""From the last answer about a module until it is forgotten."""


class Stand(NamedTuple):
    """What is known of one version at one proxy, as a value."""

    version: str
    """Empty: what names none, as a list."""
    proxy: str
    missed_ns: int | None
    served_ns: int | None


@dataclass(frozen=True, slots=True)
class Lacked:
    """What is known of one module, as a value."""

    module: str
    caller: str
    """Whose agents said that it is not there."""
    noted_ns: int
    """When it was told of last."""
    served: tuple[str, ...]
    """Proxies that served anything of it since it is watched."""
    stands: tuple[Stand, ...]


@dataclass(slots=True)
class _Stand:
    """Of one proxy and version."""

    missed_ns: int | None = None
    """When it last said that it has it not, before it served it."""
    served_ns: int | None = None
    """When it first served it."""


@dataclass(slots=True)
class _Module:
    caller: str
    noted_ns: int = 0
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
        self._unwritten: dict[str, None] = {}
        """Modules of which something changed, or that went, since they were written."""

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
        module.noted_ns = max(module.noted_ns, one.end_ns)
        self._unwritten[row.module] = None
        stand = _stand(module, row.version or "", one.proxy, has_missed)
        if not has_missed:
            if one.proxy in module.served or len(module.served) < MAX_LACKING:
                module.served.add(one.proxy)
            if stand is not None:
                known = stand.served_ns
                stand.served_ns = one.end_ns if known is None else min(known, one.end_ns)
        elif stand is not None and stand.served_ns is None:
            stand.missed_ns = max(stand.missed_ns or 0, one.end_ns)

    def due(self, most: int) -> list[Lacked | str]:
        """Return some of what is to be written: modules, and the names of those that went."""
        names = list(islice(self._unwritten, most))
        return [_lacked(name, self.held[name]) if name in self.held else name for name in names]

    def written(self, rows: Iterable[Lacked | str]) -> None:
        """Let go of rows that are on disk, but for what changed meanwhile."""
        for row in rows:
            name = row if isinstance(row, str) else row.module
            module = self.held.get(name)
            now = name if module is None else _lacked(name, module)
            if now == row:
                self._unwritten.pop(name, None)

    def recall(self, row: Lacked) -> None:
        """Take back what was kept of a module; one that is known again by now stays as it is."""
        if row.module in self.held or not self._room.has_room(row.caller, 1):
            return
        module = self._hold(row.module, row.caller)
        if module is None:
            return
        module.noted_ns, module.served = row.noted_ns, set(row.served[:MAX_LACKING])
        for known in row.stands:
            stand = _stand(module, known.version, known.proxy, is_new=True)
            if stand is not None:
                stand.missed_ns, stand.served_ns = known.missed_ns, known.served_ns
        times = [at_ns for one in row.stands for at_ns in one[2:] if at_ns is not None]
        self._since_ns = min([*times, row.noted_ns, *filter(None, [self._since_ns])])
        self._unwritten.pop(row.module, None)

    def forget(self, until_ns: int) -> None:
        """Forget modules of which nobody told since then."""
        for name in [name for name, one in self.held.items() if one.noted_ns < until_ns]:
            self._let_go(name)

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
            self._let_go(next(iter(names)))
            names = self._of.setdefault(caller, {})
        self._room.take(caller, 1)
        names[name] = None
        self._unwritten[name] = None
        self.held[name] = module = _Module(caller)
        return module

    def _let_go(self, name: str) -> None:
        caller = self.held.pop(name).caller
        names = self._of[caller]
        del names[name]
        if not names:
            del self._of[caller]
        self._room.give(caller, 1)
        self._unwritten[name] = None


def _lacked(name: str, module: _Module) -> Lacked:
    stands = tuple(
        Stand(version, proxy, stand.missed_ns, stand.served_ns)
        for version, by_proxy in module.versions.items()
        for proxy, stand in by_proxy.items()
    )
    return Lacked(name, module.caller, module.noted_ns, tuple(sorted(module.served)), stands)


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
