"""Rules of how a bounded amount is shared."""

from modpulse.collector.shares import Shares


def fill(shares: Shares, party: str) -> int:
    """Take as much as there is room for; returns how much one holds then."""
    while shares.has_room(party, 1):
        shares.take(party, 1)
    return shares.of(party)


def test_who_comes_later_finds_room() -> None:
    """One that floods ends at a half, the next at half of what is left; nobody gets all."""
    shares = Shares(1200)

    assert [fill(shares, party) for party in ("a", "b", "c")] == [600, 300, 150]
    assert shares.held == 1050


def test_what_is_given_back_is_free() -> None:
    """Nothing is remembered of who holds nothing."""
    shares = Shares(100)
    shares.take("a", 50)
    assert not shares.has_room("a", 1)
    shares.give("a", 50)

    assert (shares.held, shares.of("a"), shares._of) == (0, 0, {})
    assert shares.has_room("a", 100)
    assert not shares.has_room("a", 101)


def test_what_is_less_urgent_leaves_more() -> None:
    """It may use a part of what is left, and what is urgent goes on after it."""
    shares = Shares(900)
    while shares.has_room("a", 1, part=2):
        shares.take("a", 1)

    assert shares.of("a") == 300
    assert fill(shares, "a") == 450


def test_who_has_less_than_the_others() -> None:
    """Less than the average of those that hold something; one that is alone never has."""
    shares = Shares(100)

    assert not shares.has_less("a")
    shares.take("a", 9)
    assert not shares.has_less("a")
    assert shares.has_less("b")
    shares.take("b", 3)
    assert not shares.has_less("a")
    assert shares.has_less("b")
