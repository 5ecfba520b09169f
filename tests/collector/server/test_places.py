"""Rules of the places: strangers have few, those we know have all others."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.server.places import Places, source_of


def test_an_eighth_is_for_strangers() -> None:
    """Strangers and those we know together are as many as there are connections."""
    for total in (8, 9, 320, 12_000):
        places: Places[int] = Places(total)
        assert places.for_strangers + places.for_known == total
        assert 1 <= places.for_strangers <= total / 8 + 1


def test_the_longest_waiting_goes() -> None:
    """A new stranger always finds a place: of its own source first, then of the oldest."""
    places: Places[int] = Places(32)
    first = [places.admit(number, "192.0.2.1") for number in range(3)]
    others = [places.admit(number, f"192.0.2.{number}") for number in range(10, 13)]

    assert first == [None, None, 0]
    assert others == [None, None, 1]
    assert places.strangers == 4


def test_no_stranger_takes_the_place_of_one_we_know() -> None:
    """Whom we know stays, however many strangers come; beyond their places nobody is known."""
    places: Places[int] = Places(8)
    for number in range(8):
        places.admit(number, "192.0.2.1")
        assert places.know(number, "token 1") is (number < 7)
    gone = {places.admit(number, f"192.0.2.{number}") for number in range(100, 200)}

    assert (places.known, places.strangers) == (7, 1)
    assert gone & set(range(7)) == set()
    assert places.know(3, "token 1")
    assert not places.know(150, "token 1")


def test_one_token_crowds_nobody_out() -> None:
    """Where one has all places, another gets its share of them: the longest quiet go."""
    places: Places[int] = Places(16)
    for number in range(14):
        places.admit(number, "192.0.2.1")
        assert places.know(number, "flood")
    places.know(0, "flood")  # it has asked again
    gone = []
    for number in range(100, 110):
        places.admit(number, "192.0.2.2")
        out = places.crowded_out(number, "token 1")
        if out is not None:
            gone.append(out)
            places.leave(out)
        assert places.know(number, "token 1") is (out is not None)

    assert gone == [1, 2, 3, 4, 5, 6, 7]
    assert places.crowded_out(13, "flood") is None


def test_a_source_is_what_one_party_has() -> None:
    """An IPv4 address, however it is written, and the IPv6 network of 64 bits."""
    assert source_of("192.0.2.1") == source_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert source_of("2001:db8:1:2::1") == source_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert source_of("2001:db8:1:3::1") != source_of("2001:db8:1:2::1")
    assert source_of("fe80::1%eth0") == "fe80::/64"


@given(
    st.integers(8, 40),
    st.lists(st.tuples(st.sampled_from("akl"), st.integers(0, 30), st.sampled_from("xyz"))),
)
def test_bounds_hold_whatever_comes(total: int, moves: list[tuple[str, int, str]]) -> None:
    """In any order of coming, being known and leaving, nobody is there twice or too many."""
    places: Places[int] = Places(total)
    inside: dict[int, bool] = {}
    for move, guest, source in moves:
        if move == "a" and guest not in inside:
            gone = places.admit(guest, source)
            assert gone is None or inside.pop(gone) is False
            inside[guest] = False
        elif move == "k":
            out = places.crowded_out(guest, source)
            if out is not None and guest in inside:
                assert inside.pop(out) is True
                places.leave(out)
            known = places.know(guest, source)
            assert not known or guest in inside
            inside |= {guest: True} if known else {}
        elif move == "l":
            places.leave(guest)
            inside.pop(guest, None)
        assert places.known == sum(inside.values()) <= places.for_known
        assert places.strangers == len(inside) - places.known <= places.for_strangers
