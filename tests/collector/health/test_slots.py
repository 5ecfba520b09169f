"""Rules of packed counts: what comes out is what went in, as if each slot were an object."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.health.slots import SLOT_BYTES, Slots
from modpulse.collector.intake.arrival import Counts

NUMBERS = st.integers(0, 1 << 40)
KINDS = st.dictionaries(st.sampled_from(["dns.timeout", "http.5xx"]), st.integers(1, 9))
SEEN = st.builds(
    Counts, ok=NUMBERS, misses=NUMBERS, suspects=NUMBERS, failures=KINDS, handshakes=NUMBERS,
    bad_certificates=KINDS, small=NUMBERS, windows=st.just(1), lossy=st.integers(0, 1),
)  # fmt: skip
ADDED = st.lists(st.tuples(st.integers(1_000, 1_060), SEEN), max_size=12)


def packed(added: list[tuple[int, Counts]]) -> Slots:
    slots = Slots()
    for slot, counts in added:
        slots.add(slot, counts)
    return slots


def plain(added: list[tuple[int, Counts]]) -> dict[int, Counts]:
    held: dict[int, Counts] = {}
    for slot, counts in added:
        held.setdefault(slot, Counts()).add(counts)
    return held


@given(ADDED)
def test_what_comes_out_is_what_went_in(added: list[tuple[int, Counts]]) -> None:
    """In any order, slots between which nothing is known included; the newest first."""
    slots, held = packed(added), plain(added)

    assert list(slots.newest_first()) == sorted(held.items(), reverse=True)
    assert bool(slots) == bool(held)
    assert [slot in slots for slot in range(990, 1070)] == [n in held for n in range(990, 1070)]
    assert slots.last == max(held, default=None)


@given(ADDED, SEEN, st.integers(1_000, 1_060))
def test_it_takes_as_much_as_was_said(
    added: list[tuple[int, Counts]], more: Counts, slot: int
) -> None:
    """What `growth_bytes` says before is by how much it has grown after."""
    slots = packed(added)
    told = slots.growth_bytes(slot, more)
    before = slots.size_bytes
    slots.add(slot, more)

    assert slots.size_bytes - before == told


@given(ADDED, st.integers(990, 1070))
def test_what_is_old_goes(added: list[tuple[int, Counts]], oldest: int) -> None:
    """What was dropped and what is left are all there was; no row is kept of what is gone."""
    slots, held = packed(added), plain(added)
    dropped = slots.drop_before(oldest)

    left = {slot: counts for slot, counts in held.items() if slot >= oldest}
    assert [c for c in dropped if c != Counts()] == [held[n] for n in sorted(held) if n < oldest]
    assert dict(slots.newest_first()) == left
    assert slots.size_bytes >= SLOT_BYTES * len(left)
    assert bool(slots) == bool(left)


def take_away(held: Counts, gone: Counts) -> None:
    """As it is meant, number by number."""
    for field in dataclasses.fields(Counts):
        mine, theirs = getattr(held, field.name), getattr(gone, field.name)
        if isinstance(mine, int):
            setattr(held, field.name, max(0, mine - theirs))
        else:
            left = {name: count - theirs.get(name, 0) for name, count in mine.items()}
            setattr(held, field.name, {name: count for name, count in left.items() if count > 0})


@given(ADDED, st.lists(ADDED, max_size=3))
def test_others_are_taken_away(
    added: list[tuple[int, Counts]], others: list[list[tuple[int, Counts]]]
) -> None:
    """Number by number and class by class, never below zero; those others stay as they are."""
    slots, gone = packed(added), [packed(other) for other in others]
    rest = dict(slots.without(gone).newest_first())

    expected = plain(added)
    for other in others:
        for slot, counts in plain(other).items():
            if slot in expected:
                take_away(expected[slot], counts)
    assert rest == {slot: counts for slot, counts in expected.items() if counts != Counts()}
    assert dict(slots.newest_first()) == plain(added)


def test_small_answers_are_of_what_is_known() -> None:
    """Where nothing is known of a slot they belong to nothing."""
    slots = packed([(5, Counts(ok=3)), (7, Counts(ok=1))])
    for slot in (4, 5, 6, 8):
        slots.add_small(slot, 2)

    assert dict(slots.newest_first()) == {5: Counts(ok=3, small=2), 7: Counts(ok=1)}


def test_answers_are_added_where_there_is_a_place() -> None:
    """Within the span that is held; beyond it nothing changes."""
    slots = packed([(5, Counts(ok=3)), (7, Counts(ok=1))])

    assert [slots.add_answers(slot, 2, 1) for slot in (4, 6, 7, 8)] == [False, True, True, False]
    assert dict(slots.newest_first()) == {
        5: Counts(ok=3), 6: Counts(ok=2, misses=1), 7: Counts(ok=3, misses=1),
    }  # fmt: skip


def test_a_miss_may_be_doubted() -> None:
    """One that there is becomes suspect; where there is none, none does."""
    slots = packed([(5, Counts(misses=1)), (6, Counts(ok=1))])

    assert [slots.doubt(slot) for slot in (4, 5, 5, 6, 7)] == [False, True, False, False, False]
    assert dict(slots.newest_first()) == {5: Counts(suspects=1), 6: Counts(ok=1)}


def test_whether_something_was_got_since() -> None:
    """In the slot or later; where nothing is held nothing was."""
    slots = packed([(5, Counts(ok=1)), (8, Counts(misses=1))])

    assert [slots.has_ok(since) for since in (1, 5, 6, 9, 99)] == [True, True, False, False, False]
    assert not Slots().has_ok(0)
