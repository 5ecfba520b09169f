"""Rules of which proxies are held: who invents some cannot hide what others ask."""

from collections import Counter
from dataclasses import replace

import pytest
from sightings import T0_NS, sighting

from modpulse.collector.health.evidence import HORIZON_NS, SLOT_NS
from modpulse.collector.health.held import MAX_CERTIFICATES, Held, Room, Witness
from modpulse.collector.health.roster import BEFORE
from modpulse.collector.health.slots import BASE_BYTES, CLASS_BYTES, SLOT_BYTES
from modpulse.collector.intake.arrival import Counts, Leaf, Sighting


def full(size: int, monkeypatch: pytest.MonkeyPatch, caller: str = "token 1") -> Held:
    """Proxies p0, p1 … that one agent each asked, p0 in one window, p1 in two."""
    monkeypatch.setattr("modpulse.collector.health.held.MAX_PROXIES", size)
    held = Held(Counter())
    for number in range(size):
        proxy = held.take(f"p{number}")
        proxy.witness("build-1", caller, 0)
        proxy.windows = number + 1
    return held


def taken(held: Held, room: Room, *names: str) -> list[bool]:
    """Ask for each, and take what may be taken."""
    answers = [room.take(name) for name in names]
    for name, instead in room.instead.items():
        held.take(name, instead)
    return answers


def test_the_quietest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fewest agents ask goes, of these what was asked in fewest windows; it is counted."""
    held = full(3, monkeypatch)
    held["p0"].witness("build-2", "token 1", 0)
    taken(held, Room(held, "token 1", is_known=True), "new")

    assert (sorted(held), held.pushed) == (["new", "p0", "p2"], {"p1"})
    assert held._overflow == {"MAX_PROXIES": 1}


def test_what_several_agents_ask_is_not_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all of a caller's are asked by two agents it has no room for another."""
    held = full(2, monkeypatch)
    for proxy in held.values():
        proxy.witness("build-2", "token 1", 0)

    assert taken(held, Room(held, "token 1", is_known=True), "new", "p0") == [False, True]


def test_strangers_have_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was not heard before pushes nothing of its own caller's, and fills half."""
    held = full(4, monkeypatch)

    assert not Room(held, "token 1", is_known=False).take("new")
    assert Room(held, "token 1", is_known=True).take("new")
    del held["p0"], held["p1"], held["p2"]
    assert taken(held, Room(held, "token 1", is_known=False), "a", "b") == [True, False]


def test_who_has_most_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many agents one caller invents, another's proxies find a place, up to as many."""
    held = full(8, monkeypatch, caller="flood")
    for proxy in held.values():
        proxy.witness("invented", "flood", 0)
    names = [f"real{n}" for n in range(8)]
    first = taken(held, Room(held, "token 1", is_known=False), *names[:2])
    for name in names[:2]:
        held[name].witness("build-1", "token 1", 0)
    second = taken(held, Room(held, "token 1", is_known=False), *names)

    assert first == [True, True]
    assert second == [True] * 4 + [False] * 4
    assert held.pushed == {"p0", "p1", "p2", "p3"}


def test_a_batch_pushes_none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it lists them, no more are held than may be."""
    held = full(4, monkeypatch)
    room = Room(held, "token 1", is_known=True, names=["new", "p0", "p1"])
    answers = taken(held, room, "new", "p0", "p1")

    assert answers == [True] * 3
    assert sorted(held) == ["new", "p0", "p1", "p3"]


def test_what_two_callers_ask_never_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for one of these nor for a third."""
    held = full(4, monkeypatch)
    for proxy in held.values():
        proxy.witness("build-2", "token 2", 0)

    for caller in ("token 1", "token 3"):
        assert not Room(held, caller, is_known=True).take("new")


def test_what_was_kept_over_a_restart_finds_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that is heard again is one, and its caller is known."""
    held = full(1, monkeypatch, caller=BEFORE)
    proxy = held["p0"]
    proxy.witness("build-1", "token 1", 1)

    assert (proxy.owner, len(proxy.witnesses)) == ("token 1", 1)
    proxy.expire("build-1", 0, asked_after_ns=1)
    assert (proxy.owner, proxy.callers) == (BEFORE, {})


def test_a_restart_pushes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes back from the store takes no other's place."""
    held = full(2, monkeypatch)

    assert held.recall("old") is None
    assert held.recall("p1") is held["p1"]
    assert held.pushed == set()


SEEN = Counts(ok=1, failures={"http.5xx": 1, "tls.expired": 2})
SEEN_BYTES = BASE_BYTES + SLOT_BYTES + 2 * (CLASS_BYTES + 8)
MORE_BYTES = SLOT_BYTES + 2 * 8
"""Of a further slot."""


def test_evidence_is_bounded_by_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has half of it at most, however many agents it names; another finds room."""
    monkeypatch.setattr("modpulse.collector.health.held.MAX_EVIDENCE_BYTES", 20 * SEEN_BYTES)
    held = Held(Counter())
    proxy = held.take("p")
    added = []
    for number in range(40):
        witness = proxy.witness(f"build-{number}", "flood", 0)
        added.append(proxy.add(witness, T0_NS, SEEN))
    other = proxy.witness("other", "token 1", 0)

    assert sum(added) == 10
    assert held.room.of("flood") == 10 * SEEN_BYTES
    assert proxy.add(other, T0_NS, SEEN)
    assert proxy.add(other, T0_NS, SEEN)  # the same slot and classes take no more
    assert held.room.of("token 1") == SEEN_BYTES


def test_evidence_that_is_gone_leaves_room() -> None:
    """By age, with its agent, with its proxy, and to the caller that ships for it again."""
    held = Held(Counter())
    proxy = held.take("p")
    aged, gone = proxy.witness("aged", BEFORE, 9), proxy.witness("gone", "token 1", 0)
    for number in range(3):
        for witness in (aged, gone):
            assert proxy.add(witness, T0_NS + number * SLOT_NS, SEEN)
    proxy.witness("aged", "token 2", 9)
    assert (held.room.of(BEFORE), held.room.of("token 2")) == (0, SEEN_BYTES + 2 * MORE_BYTES)
    for agent_id in ("aged", "gone"):
        proxy.expire(agent_id, T0_NS + HORIZON_NS + 2 * SLOT_NS, asked_after_ns=1)
    assert held.room.held == held.room.of("token 2") == aged.timeline.size_bytes == SEEN_BYTES
    held.drop("p")
    assert held.room.held == 0


def test_a_host_that_nothing_answered() -> None:
    """Until another answers while this one fails, for longer than the end of the trouble takes."""
    witness, sick = Witness(0), sighting(failures={"dns.timeout": 5})
    fine = sighting(ok=5)
    before = replace(sick, counts=fine.counts, served_at_ns=3)
    ended = replace(sick, counts=Counts(ok=1, failures={"dns.timeout": 4}), served_at_ns=2)
    ended = replace(ended, failed_at_ns=(1, 4, 5))
    grace_ns = 6 * SLOT_NS

    def told(at_ns: int, *others: Sighting, own: Sighting = sick) -> bool:
        witness.compare(at_ns, own, others)
        return witness.lacked_all(at_ns, grace_ns)

    assert not told(T0_NS, fine)
    assert not told(T0_NS, before, own=ended)  # it was not asked since
    assert told(T0_NS + SLOT_NS, sick)
    assert told(T0_NS + 2 * SLOT_NS)  # only this one was asked
    assert told(T0_NS + 3 * SLOT_NS, fine, sick)
    assert not told(T0_NS + 9 * SLOT_NS, fine)
    assert told(T0_NS + 10 * SLOT_NS, before, sick, own=ended)  # what answered did so before
    assert not told(T0_NS + 20 * SLOT_NS, replace(before, served_at_ns=6), own=ended)
    assert not witness.lacked_all(T0_NS + 10 * SLOT_NS + HORIZON_NS, grace_ns)


def test_certificates_are_remembered() -> None:
    """Each with when it was shown first and last; of too many the one seen longest ago goes."""
    proxy = Held(Counter()).take("p")
    leaves = [Leaf(number, 99) for number in range(MAX_CERTIFICATES + 1)]
    for at_ns, leaf in enumerate([leaves[0], *leaves[1:], leaves[2]]):
        proxy.show(leaf, at_ns)
    proxy.show(leaves[3], 1)

    assert list(proxy.certificates) == leaves[1:]
    assert proxy.certificates[leaves[2]] == (2, MAX_CERTIFICATES + 1)
    assert proxy.certificates[leaves[3]] == (1, 3)
