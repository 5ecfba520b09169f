"""Which binaries are known, and which go when there are too many."""

import pytest

from modpulse.agent.armer import registry
from modpulse.agent.armer.registry import (
    MAX_BINARIES,
    NUMBERS,
    RETIRED_NS,
    UNUSED_NS,
    Binary,
    Key,
    Registry,
)
from modpulse.agent.binary.offsets import TEXTS, WRAPPED
from modpulse.agent.binary.points import Plan
from modpulse.agent.kernel.outlast import MAX_FILES

PLAN = Plan("go1.26.8", "amd64", None, False, ())
WRAPPED_ENTRIES = 8192
"""Of the map in bpf/maps.bpf.h."""


def key_of(inode: int, *, changed_at_ns: int = 0) -> Key:
    return (1, inode, 1 << 20, 0, changed_at_ns)


def added(known: Registry, inode: int, kept_ns: int | None = None) -> Binary:
    binary = known.add(PLAN, key_of(inode), f"/go{inode}", kept_ns, 0)
    known.hold(binary)
    return binary


def test_a_held_file_is_known_whatever_its_times_say() -> None:
    """Nobody can write to it, so that another time means nothing; not so once it is retired."""
    known = Registry(4)
    binary = added(known, 7)
    later = key_of(7, changed_at_ns=5)

    assert known.find((1, 7), later) is binary
    known.retire(binary, 0)
    assert known.find((1, 7), later) is None


def test_another_name_is_known_until_the_file_behind_it_changes() -> None:
    """What shows a probed file is known by all of its state, and only as long as that is probed."""
    known = Registry(4)
    binary = added(known, 7)
    known.name(binary, key_of(8))

    assert known.find((1, 8), key_of(8)) is binary
    assert known.find((1, 8), key_of(8, changed_at_ns=1)) is None
    known.retire(binary, 0)
    assert known.find((1, 8), key_of(8)) is None


def test_the_longest_unused_go_first_and_what_runs_last() -> None:
    """The newest never goes for itself, and what a process runs only where nothing else is left."""
    known = Registry(2)
    first, second, third = (added(known, inode) for inode in (1, 2, 3))
    assert known.surplus() == [first]
    known.use(first, 100, (1, 1), 5)
    assert known.surplus() == [second]
    known.use(third, 101, (1, 3), 6)
    known.use(second, 102, (1, 2), 7)
    assert known.surplus() == [first]
    assert known.surplus(at_least=2) == [first, third]


def test_no_surplus_among_few() -> None:
    """Nothing goes while there is room, however little there is."""
    known = Registry(2)
    assert known.surplus(1) == []
    added(known, 1)
    assert known.surplus(1) == []
    added(known, 2)
    assert known.surplus() == []


@pytest.mark.parametrize(
    ("kept_ns", "names", "is_mounted", "now_ns", "goes"),
    [
        (None, 1, True, 10 * UNUSED_NS, False),
        (None, 0, True, 1, True),
        (None, 1, False, 1, True),
        (UNUSED_NS, 1, True, UNUSED_NS - 1, False),
        (UNUSED_NS, 1, True, UNUSED_NS, True),
        (UNUSED_NS, 0, True, 1, True),
    ],
)
def test_when_a_binary_is_let_go(
    kept_ns: int | None, names: int, is_mounted: bool, now_ns: int, goes: bool
) -> None:
    """When no process runs it: at once when it is deleted or unmounted, after a while, or never."""
    binary = added(Registry(4), 1, kept_ns)

    assert binary.is_unused(names, is_mounted, now_ns) is goes
    binary.users[100] = (1, 1)
    assert not binary.is_unused(names, is_mounted, now_ns)


def test_events_of_a_retired_binary_are_still_understood() -> None:
    """For some seconds, or until there are many; then its number has no meaning."""
    known = Registry(2)
    binaries = [added(known, inode) for inode in range(4)]
    for at_ns, binary in enumerate(binaries):
        known.retire(binary, at_ns)

    assert known.drop_retired(4) == binaries[:2]
    assert known.get(binaries[3].number) is binaries[3]
    assert known.drop_retired(RETIRED_NS + 2) == [binaries[2]]
    assert known.drop_retired(RETIRED_NS + 3) == [binaries[3]]
    assert known.get(binaries[3].number) is None


def test_numbers_come_again_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that is free is given out only after all others, and one in use never."""
    monkeypatch.setattr(registry, "NUMBERS", 8)
    known = Registry(4)
    known._last_number = 7
    stays = added(known, 0)
    numbers = []
    for inode in range(1, 17):
        binary = added(known, inode)
        numbers.append(binary.number)
        known.retire(binary, 0)
        known.drop_retired(RETIRED_NS)

    assert stays.number == 0
    assert numbers == [1, 2, 3, 4, 5, 6, 7] * 2 + [1, 2]


def test_what_is_refused_is_remembered_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there is room for, the oldest forgotten."""
    monkeypatch.setattr(registry, "MAX_REFUSED", 2)
    known = Registry(4)
    for inode in (1, 2, 3):
        known.refuse(key_of(inode))

    assert [known.is_refused(key_of(inode)) for inode in (1, 2, 3)] == [False, True, True]
    assert not known.is_refused(key_of(3, changed_at_ns=1))


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest name is forgotten: its next process tells that it is the same."""
    monkeypatch.setattr(registry, "MAX_NAMES", 2)
    known = Registry(4)
    binary = added(known, 1)
    for inode in (2, 3, 4):
        known.name(binary, key_of(inode))

    assert [known.find((1, inode), key_of(inode)) for inode in (2, 3, 4)] == [None, binary, binary]


def test_the_kernel_has_room_for_all() -> None:
    """Neither numbers nor the map of error types run out before the bound on binaries."""
    assert 2 * MAX_BINARIES * len({**WRAPPED, **TEXTS}) <= WRAPPED_ENTRIES
    assert 2 * MAX_BINARIES < NUMBERS
    assert MAX_BINARIES < MAX_FILES
