"""Rules of who calls and what that may."""

import pytest

from modpulse.collector.access.entries import Entry, Role, key_of
from modpulse.collector.access.guard import Caller, Guard, in_the_clear
from modpulse.collector.errors import RejectedError

NOBODY = frozenset[str]()
NOW_NS, END_NS = 1000, 999


def entry(name: str, *roles: Role, key: str = "", until_ns: int | None = None) -> Entry:
    """One line, of the token that is called like its name."""
    return Entry(name, frozenset(roles), key or key_of(name.encode()), until_ns)


def refusal(guard: Guard, *headers: bytes, names: frozenset[str] = NOBODY) -> str:
    """Why somebody is told 401."""
    with pytest.raises(RejectedError) as found:
        guard.caller(headers, names, NOW_NS)
    assert found.value.status == 401
    return found.value.reason


def test_a_token_has_its_roles() -> None:
    """Who has a token has the roles of its line, and is called by its name."""
    guard = Guard([entry("ci", "ship"), entry("ops", "ship", "read")], is_open=False)

    assert guard.caller([b"Bearer ci"], NOBODY, NOW_NS) == Caller("token ci", None, {"ship"})
    assert guard.caller([b"bearer  ops "], NOBODY, NOW_NS).roles == {"ship", "read"}


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({"ship"}, {"ship"}),
        ({"read"}, {"read"}),
        ({"admin"}, {"read", "admin"}),
        ({"ship", "admin"}, {"ship", "read", "admin"}),
        (set(), set()),
    ],
)
def test_what_a_role_may(roles: set[Role], expected: set[Role]) -> None:
    """An admin reads and does not ship; who ships does not read."""
    caller = Caller("x", None, frozenset(roles))
    every: tuple[Role, ...] = ("ship", "read", "admin")

    assert {role for role in every if caller.may(role)} == expected


def test_two_tokens_of_one_name() -> None:
    """While a token is exchanged both work, and share what is bounded by caller."""
    keys = [key_of(b"old"), key_of(b"new")]
    guard = Guard([entry("ci", "ship", key=key) for key in keys], is_open=False)
    found = {guard.caller([b"Bearer " + t], NOBODY, NOW_NS) for t in (b"old", b"new")}
    guard.exchange([entry("ci", "ship", key=keys[1])])

    assert found == {Caller("token ci", None, frozenset({"ship"}))}
    assert refusal(guard, b"Bearer old") == "unknown token"


@pytest.mark.parametrize(
    "header",
    [
        b"", b"Bearer", b"Bearer ", b"ci", b"Basic ci", b"Bearer\tci", b"Bearer ci ci",
        b"Bearer CI",
        b"Bearer " + b"x" * 16_000, b"Bearer \xff\xfe", "Bearer ci\u200b".encode(),
        b"Bearer " + key_of(b"ci").encode(), b"Bearer " + key_of(b"ci")[7:].encode(),
    ],
)  # fmt: skip
def test_what_is_no_token(header: bytes) -> None:
    """Whatever else is presented, also the hash in the file, lets nobody in."""
    guard = Guard([entry("ci", "ship", "read", "admin")], is_open=False)

    assert refusal(guard, header)


def test_two_headers() -> None:
    """Of two tokens neither counts, whichever is right: who is between us may have read one."""
    guard = Guard([entry("ci", "ship")], is_open=False)

    assert refusal(guard, b"Bearer ci", b"Bearer x") == "more than one Authorization header"
    assert refusal(guard, b"Bearer x", b"Bearer ci") == "more than one Authorization header"


def test_what_is_over() -> None:
    """After its time a token is worth nothing, also beside a certificate."""
    until = entry("old", "admin", until_ns=END_NS)
    guard = Guard([until, entry("ci", "ship", until_ns=NOW_NS)], is_open=False)

    assert refusal(guard, b"Bearer old", names=frozenset({"b"})) == "the time of this token is over"
    assert guard.caller([b"Bearer ci"], NOBODY, NOW_NS).may("ship")


def test_a_certificate_ships_only() -> None:
    """A certificate may ship as itself, and what a line of one of its names says besides."""
    names = frozenset({"build-1", "build-1.example"})
    guard = Guard([], is_open=False)

    assert guard.caller([], names, NOW_NS) == Caller("certificate build-1", names, {"ship"})
    guard.exchange([entry("ops", "read", key="cert:build-1.example")])
    assert guard.caller([], names, NOW_NS).roles == {"read"}
    guard.exchange([entry("ops", "admin", key="cert:build-1", until_ns=END_NS)])
    assert refusal(guard, names=names) == "the time of this certificate is over"


def test_a_wrong_token_beside_a_certificate() -> None:
    """Who presents a token is asked for that: a certificate does not make a wrong one right."""
    guard = Guard([], is_open=False)

    assert refusal(guard, b"Bearer x", names=frozenset({"a"})) == "unknown token"
    assert guard.caller([b"Basic x"], frozenset({"a"}), NOW_NS).roles == {"ship"}


def test_tokens_in_the_clear() -> None:
    """Those of `token_file` ship and read, are called by their places, and never are admins."""
    guard = Guard(in_the_clear([b"one", b"two", b"one"]), is_open=False)

    assert guard.caller([b"Bearer one"], NOBODY, NOW_NS).name == "token 1"
    assert guard.caller([b"Bearer two"], NOBODY, NOW_NS) == Caller(
        "token 2", None, {"ship", "read"}
    )


def test_where_nobody_is_asked() -> None:
    """Anybody ships and reads, nobody is an admin; a token makes no difference."""
    guard = Guard([], is_open=True)

    assert guard.caller([], NOBODY, NOW_NS) == Caller("", None, {"ship", "read"})
    assert guard.caller([b"Bearer x"], NOBODY, NOW_NS) == Caller("", None, {"ship", "read"})


def test_an_empty_file_lets_nobody_in() -> None:
    """That all lines are gone opens nothing."""
    assert refusal(Guard([], is_open=False)) == "a token or a client certificate is needed"
