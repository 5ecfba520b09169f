"""
Commands that ended in one window, and the chains that were in force for them.

Pure. Takes nothing of a process but its end and its GOPROXY: argv, paths and job labels never get
into a batch.
"""

from collections import Counter
from functools import lru_cache

from ..batch.batch import MAX_CHAIN_BYTES, MAX_CHAINS, Chain
from ..batch.proxies import proxy_name
from ..records.records import ChainEntry, Process
from ..wire.goproxy import public_name

_MAX_NAMES = 256
"""Spellings of proxies, and of chains, remembered; as many are rarely asked in a day."""


@lru_cache(maxsize=_MAX_NAMES)
def sent_name(entry: str) -> str:
    """Return how a batch names an entry of GOPROXY; a host has few, and spelling one takes long."""
    return proxy_name(public_name(entry))


@lru_cache(maxsize=_MAX_NAMES)
def chain_name(entries: tuple[ChainEntry, ...]) -> str:
    """Return a GOPROXY as a batch has it: its entries as sent, with their separators."""
    return "".join(sent_name(entry.url) + (entry.fallback or "") for entry in entries)


class Commands:
    """Of one window."""

    def __init__(self) -> None:
        self.ended = 0
        self.failed = 0
        """Of these, with an exit code that is not 0 or by a signal."""
        self.chains_dropped = 0
        """Of these, whose chain found no room."""
        self._chains: Counter[str] = Counter()

    def end(self, process: Process) -> bool:
        """
        Count a process that is over; what becomes another program, as a toolchain does, is not.

        Returns:
            Whether a command has ended with an error.
        """
        if process.role != "go" or process.ended_by is None:
            return False
        self.ended += 1
        self._count_chain(process.goproxy)
        has_failed = process.ended_by != "exit" or process.exit_code not in (0, None)
        self.failed += has_failed
        return has_failed

    def _count_chain(self, entries: tuple[ChainEntry, ...] | None) -> None:
        name = chain_name(entries) if entries else ""
        if not name:
            return
        is_room = name in self._chains or len(self._chains) < MAX_CHAINS
        # What is cut would be another chain.
        if not is_room or len(name.encode()) > MAX_CHAIN_BYTES:
            self.chains_dropped += 1
            return
        self._chains[name] += 1

    def chains(self) -> tuple[Chain, ...]:
        """Return the chains, the most frequent first."""
        ranked = sorted(self._chains.items(), key=lambda found: (-found[1], found[0]))
        return tuple(Chain(entries=name, commands=count) for name, count in ranked)
