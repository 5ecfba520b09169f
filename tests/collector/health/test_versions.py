"""Rules of which proxy has what another has not."""

from collections import Counter

import pytest
from sightings import T0_NS, S

from modpulse.agent.batch.batch import MISS, OK, SUSPECT
from modpulse.collector.health import versions
from modpulse.collector.health.asked import Waiting
from modpulse.collector.health.versions import Firsts, Versions
from modpulse.collector.intake.wire import Asked

A, B = "https://a.example", "https://b.example"


def told(memory: Versions, *answers: tuple[int, str, str, str], module: str = "m") -> Versions:
    """Note answers of (second, proxy, version, outcome)."""
    for at_s, proxy, version, outcome in answers:
        row = Asked(module, version or None, "info" if version else "list", outcome, None, None)
        if outcome != OK or module in memory.held:
            memory.note(Waiting("site", "build-1", proxy, T0_NS + at_s * S, b""), row)
    return memory


def counts(found: Firsts | None) -> tuple[int, int, int, int] | None:
    """Return versions first at A, at B; modules at A alone, at B alone."""
    return found and (found.versions_a, found.versions_b, found.modules_a, found.modules_b)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        # One after the other in a chain, and B has it an hour later.
        ([(0, B, "v2", MISS), (0, A, "v2", OK), (3600, B, "v2", OK)], (1, 0, 0, 0)),
        # The same, the other way round.
        ([(0, A, "v2", SUSPECT), (0, B, "v2", OK), (9, A, "v2", OK)], (0, 1, 0, 0)),
        # B never has it, nor anything of it: a private module.
        ([(0, B, "v2", MISS), (0, A, "v2", OK), (9, B, "", MISS), (9, A, "", OK)], (0, 0, 1, 0)),
        # B has it not yet, but other versions.
        ([(0, B, "v2", MISS), (0, A, "v2", OK), (5, B, "v1", OK)], (0, 0, 0, 0)),
        # Both had it not, then both have: B was asked again before A served it.
        ([(0, A, "v2", MISS), (0, B, "v2", MISS), (7200, A, "v2", OK), (7300, B, "v2", OK)],
         (0, 0, 0, 0)),
        # What nobody has is nobody's.
        ([(0, A, "v2", MISS), (0, B, "v2", MISS)], (0, 0, 0, 0)),
        # What A serves and B fails to is no word about what B has.
        ([(0, B, "v2", "http.5xx"), (0, A, "v2", OK)], (0, 0, 0, 0)),
        # A miss after it was served is no sign that it came late.
        ([(0, A, "v2", MISS), (0, B, "v2", OK), (1, A, "v2", OK), (9, B, "v2", MISS)],
         (0, 1, 0, 0)),
    ],
)  # fmt: skip
def test_who_had_it(
    answers: list[tuple[int, str, str, str]], expected: tuple[int, int, int, int]
) -> None:
    """It takes one that has it, and another that says it has it not at that time."""
    assert counts(told(Versions(Counter()), *answers).between(A, B)) == expected


def test_nothing_was_read() -> None:
    """Then nothing is known, which is not nothing to tell."""
    assert Versions(Counter()).between(A, B) is None


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One caller has half of the room; then its oldest module goes, and versions of a module."""
    monkeypatch.setattr(versions, "MAX_LACKED", 8)
    overflow = Counter[str]()
    memory = Versions(overflow)
    for number in range(6):
        told(memory, (0, B, "v2", MISS), (0, A, "v2", OK), module=f"m{number}")

    assert counts(memory.between(A, B)) == (0, 0, 4, 0)
    assert overflow == {"MAX_LACKED": 2}

    many = [(0, B, f"v{n}", MISS) for n in range(versions.MAX_LACKED_VERSIONS + 1)]
    told(memory, *many, module="m5")
    assert len(memory.held["m5"].versions) == versions.MAX_LACKED_VERSIONS


def test_others_find_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who floods it takes nothing from another caller."""
    monkeypatch.setattr(versions, "MAX_LACKED", 8)
    memory = Versions(Counter())
    told(memory, (0, B, "v2", MISS), (0, A, "v2", OK), module="first")
    for number in range(100):
        row = Asked(f"flood{number}", "v1", "info", MISS, None, None)
        memory.note(Waiting("flood", "x", B, T0_NS, b""), row)

    assert counts(memory.between(A, B)) == (0, 0, 1, 0)
    assert len(memory.held) <= 8
