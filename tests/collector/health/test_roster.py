"""Rules of which agents there are: one agent's flood meets its own bounds first."""

import pytest
from sightings import T0_NS, S

from modpulse.collector.health.roster import BEFORE, MAX_PROXIES_PER_AGENT, STEP_AGENTS, Roster, Who

HOUR_NS = 3600 * S
BUILD_1, BUILD_2 = Who("token 1", "build-1"), Who("token 1", "build-2")


def test_known_after_three_windows() -> None:
    """An agent is known when it has been heard for half a minute, and stays so in silence."""
    roster = Roster()
    roster.note(BUILD_1, ["a"], T0_NS)

    assert not roster.is_known(BUILD_1, T0_NS + 29 * S)
    assert roster.is_known(BUILD_1, T0_NS + 30 * S)
    assert not roster.is_known(BUILD_2, T0_NS + 30 * S)


def test_who_ships_for_another_takes_nothing_of_it() -> None:
    """An agent is its caller's: another's token is a stranger with bounds of its own."""
    roster = Roster()
    roster.note(BUILD_1, ["a"], T0_NS)
    other = Who("token 2", "build-1")
    roster.note(other, [f"p{n}" for n in range(MAX_PROXIES_PER_AGENT)], T0_NS + 40 * S)

    assert roster.barred(other, "b", 0, is_known=True) == "MAX_PROXIES_PER_AGENT"
    assert roster.barred(BUILD_1, "b", 0, is_known=True) is None
    assert not roster.is_known(other, T0_NS + 60 * S)


def test_proxies_of_one_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its bound an agent brings no new proxy, but goes on with those that it asks."""
    monkeypatch.setattr("modpulse.collector.health.roster.MAX_PROXIES_PER_AGENT", 2)
    roster = Roster()
    roster.note(BUILD_1, ["a", "b"], T0_NS)

    assert roster.barred(BUILD_1, "c", 0, is_known=True) == "MAX_PROXIES_PER_AGENT"
    assert roster.barred(BUILD_1, "a", 0, is_known=True) is None
    assert roster.barred(BUILD_2, "c", 1, is_known=True) is None
    assert roster.barred(BUILD_2, "c", 2, is_known=True) == "MAX_PROXIES_PER_AGENT"


def test_agents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new agent waits until a stranger was silent for a minute; those that are known stay."""
    monkeypatch.setattr("modpulse.collector.health.roster.MAX_AGENTS", 4)
    roster = Roster()
    roster.note(BUILD_1, ["a"], T0_NS)
    roster.note(BUILD_1, ["a"], T0_NS + 40 * S)
    roster.note(Who("token 1", "invented"), ["a"], T0_NS + 40 * S)
    before = roster.barred(BUILD_2, "a", 0, is_known=False)
    roster.note(BUILD_2, ["a"], T0_NS + 50 * S)
    list(roster.expire(T0_NS + 101 * S, HOUR_NS))

    assert before == "MAX_AGENTS"
    assert list(roster.agents) == [BUILD_1]
    assert roster.barred(BUILD_2, "a", 0, is_known=False) is None


def test_invented_agents_of_one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """They fill its own room: agents of others, new ones too, find theirs."""
    monkeypatch.setattr("modpulse.collector.health.roster.MAX_AGENTS", 100)
    monkeypatch.setattr("modpulse.collector.health.roster.MAX_WITNESSES", 1000)
    roster = Roster()
    for number in range(200):
        roster.note(Who("flood", f"invented-{number}"), [f"p{n}" for n in range(10)], T0_NS)

    assert len(roster.agents) == 50
    assert roster.barred(Who("flood", "invented-0"), "q", 0, is_known=True) == "MAX_WITNESSES"
    for number in range(25):
        new = Who("token 1", f"build-{number}")
        assert roster.barred(new, "a", 0, is_known=False) is None
        roster.note(new, ["a"], T0_NS)


def test_strangers_have_half_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invented agents leave room for the proxies that known ones ask."""
    monkeypatch.setattr("modpulse.collector.health.roster.MAX_WITNESSES", 8)
    roster = Roster()
    roster.note(BUILD_1, ["a", "b"], T0_NS)

    assert roster.barred(Who("token 1", "x"), "a", 1, is_known=False) == "MAX_WITNESSES"
    assert roster.barred(BUILD_1, "c", 1, is_known=True) is None
    assert roster.barred(BUILD_1, "c", 4, is_known=True) == "MAX_WITNESSES"
    list(roster.expire(T0_NS + HOUR_NS, HOUR_NS))
    assert roster.barred(Who("token 1", "x"), "a", 1, is_known=False) is None


def test_what_was_kept_over_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """All agents are there again, known, and belong to who ships for them then."""
    monkeypatch.setattr("modpulse.collector.health.roster.MAX_AGENTS", 4)
    roster = Roster()
    for number in range(5):
        roster.note(Who(BEFORE, f"build-{number}"), ["a"], T0_NS)
    now_ns = T0_NS + 40 * S

    assert len(roster.agents) == 4
    assert roster.is_known(BUILD_1, now_ns)
    assert roster.barred(BUILD_1, "b", 0, is_known=True) is None
    roster.note(BUILD_1, ["a"], now_ns)
    assert BUILD_1 in roster.agents
    assert Who(BEFORE, "build-1") not in roster.agents


def test_expiry_goes_in_steps() -> None:
    """What comes or goes between two of them does no harm."""
    roster = Roster()
    for number in range(3 * STEP_AGENTS):
        roster.note(Who(BEFORE, f"build-{number}"), ["a"], T0_NS)
    steps = 0
    for _ in roster.expire(T0_NS + HOUR_NS, HOUR_NS):
        roster.note(Who("token 1", f"build-{3 * STEP_AGENTS - 1}"), ["a"], T0_NS + HOUR_NS)
        steps += 1

    assert steps == 3
    assert list(roster.agents) == [Who("token 1", f"build-{3 * STEP_AGENTS - 1}")]
