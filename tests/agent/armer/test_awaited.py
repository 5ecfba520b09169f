"""When to look at a path again, and when to probe what is there."""

import itertools

import pytest

from modpulse.agent.armer import awaited
from modpulse.agent.armer.awaited import AWAITED_NS, LATEST_NS, SOONEST_NS, Awaited
from modpulse.agent.armer.registry import Key

GO = "/go"


def key_of(*, modified_at_ns: int, changed_at_ns: int = 0, inode: int = 7) -> Key:
    return (1, inode, 1 << 20, modified_at_ns, changed_at_ns)


OLD, NEW = key_of(modified_at_ns=1), key_of(modified_at_ns=2)


def test_what_was_written_is_probed_at_the_second_look() -> None:
    """When it is the same twice, and not what it was before; at no other time."""
    waits = Awaited()
    waits.add(GO, OLD[:-1], 0)
    half = key_of(modified_at_ns=2, changed_at_ns=1)
    found = [waits.is_whole(GO, key, 1) for key in (None, half, NEW, NEW)]

    assert found == [False, False, False, True]
    waits.drop(GO)
    assert waits.next_look_ns() is None


def test_what_was_deleted_is_probed_when_it_comes_again() -> None:
    """Even if it has the old inode and times."""
    waits = Awaited()
    waits.add(GO, None, 0)

    assert [waits.is_whole(GO, OLD, 1) for _ in range(2)] == [False, True]


def test_what_nobody_wrote_is_left_alone() -> None:
    """Whoever was refused may try again for so long, also if the mode was changed; then no more."""
    waits = Awaited()
    waits.add(GO, OLD[:-1], 0)
    other_mode = key_of(modified_at_ns=1, changed_at_ns=5)
    for key in (OLD, OLD, other_mode, other_mode):
        assert not waits.is_whole(GO, key, AWAITED_NS - 1)
    assert waits.spares(other_mode, AWAITED_NS - 1)
    assert not waits.spares(NEW, 1)
    assert not waits.spares(other_mode, AWAITED_NS)
    assert waits.is_whole(GO, other_mode, AWAITED_NS)


def test_given_up() -> None:
    """What never comes is not looked for for ever."""
    waits = Awaited()
    waits.add(GO, OLD[:-1], 0)

    assert not waits.is_whole(GO, None, AWAITED_NS)
    assert waits.due(2 * AWAITED_NS) == []


def test_looks_are_the_rarer_the_longer_it_takes() -> None:
    """Soon at first, for that is how long a writer takes, and never a long time later."""
    waits = Awaited()
    waits.add(GO, OLD[:-1], 0)
    now_ns, looks = 0, []
    while now_ns < AWAITED_NS:
        now_ns = waits.next_look_ns() or 0
        assert waits.due(now_ns - 1) == []
        assert waits.due(now_ns) == [GO]
        waits.is_whole(GO, OLD, now_ns)
        looks.append(now_ns)
    gaps = [after - before for before, after in itertools.pairwise(looks)]

    assert looks[0] == gaps[0] == SOONEST_NS
    assert gaps == sorted(gaps)
    assert gaps[-1] == LATEST_NS


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first gives way; what is added again counts as new."""
    monkeypatch.setattr(awaited, "MAX_BINARIES", 2)
    waits = Awaited()
    for path in ("/a", "/b", "/a", "/c"):
        waits.add(path, None, 0)

    assert sorted(waits.due(SOONEST_NS)) == ["/a", "/c"]
