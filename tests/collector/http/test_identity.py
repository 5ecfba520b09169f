"""Rules of who asks for a page."""

import pytest

from modpulse.collector.access.entries import Entry, key_of
from modpulse.collector.access.guard import Guard
from modpulse.collector.access.sessions import SESSION_NS, Sessions
from modpulse.collector.errors import RejectedError
from modpulse.collector.http.hosts import Hosts
from modpulse.collector.http.identity import Identity

READER = Entry("grafana", frozenset({"read"}), key_of(b"reads"))
SHIPPER = Entry("site-a", frozenset({"ship"}), key_of(b"ships"))
CHIEF = Entry("alice", frozenset({"admin"}), "user:alice@corp.example")
OVER = Entry("past", frozenset({"read"}), "user:past", not_after_ns=1)
ENTRIES = (READER, SHIPPER, CHIEF, OVER)
PROXY = "10.1.0.7"


def identity(*trusted: str, is_open: bool = False, is_tls: bool = True) -> Identity:
    chance = iter(range(1, 100))
    sessions = Sessions(lambda size: next(chance).to_bytes(size, "big"))
    guard = Guard(() if is_open else ENTRIES, is_open)
    return Identity(guard, sessions, trusted, is_tls, Hosts("127.0.0.1", ()))


def who(of: Identity, address: str = PROXY, now_ns: int = 5, **headers: str) -> str:
    """Who it is, and what it may; or the status."""
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    try:
        caller = of.of_page(sent, address, frozenset(), now_ns, 5)
    except RejectedError as error:
        return str(error.status)
    return f"{caller.name} {','.join(sorted(caller.roles))}"


def cookie_of(said: str) -> str:
    return said.partition(";")[0]


def test_a_login() -> None:
    """Its cookie stands for the token as long as that is worth anything."""
    of = identity()
    said = of.log_in(" reads\n", 0, 5)
    cookie = cookie_of(said)

    assert said.partition("; ")[2] == "Path=/; HttpOnly; SameSite=Strict; Secure"
    assert cookie.startswith("__Host-")
    assert who(of, cookie=cookie) == "token grafana read"
    assert who(of, now_ns=SESSION_NS, cookie=cookie) == "401"
    of._guard.exchange((SHIPPER,))
    assert who(of, cookie=cookie) == "401"


def test_logging_out() -> None:
    """What was a session is none, also for who kept the cookie."""
    of = identity(is_tls=False)
    cookie = cookie_of(of.log_in("reads", 0, 5))
    said = of.log_out({b"cookie": cookie.encode()})

    assert "Max-Age=0" in said
    assert "Secure" not in said
    assert who(of, cookie=cookie) == "401"


@pytest.mark.parametrize(("token", "status"), [("guess", 401), ("", 401), ("ships", 403)])
def test_no_login(token: str, status: int) -> None:
    """A token that is none, or that may not read, begins no session."""
    of = identity()
    with pytest.raises(RejectedError) as caught:
        of.log_in(token, 0, 5)

    assert caught.value.status == status
    assert len(of.sessions) == 0


@pytest.mark.parametrize(
    ("address", "header", "expected"),
    [
        (PROXY, "bob", "user bob read"),
        (PROXY, "alice@corp.example", "user alice@corp.example admin"),
        (PROXY, "past", "401"),
        (PROXY, "", "401"),
        (PROXY, "a\tb", "401"),
        ("::ffff:10.1.0.7", "bob", "user bob read"),
        ("10.2.0.7", "alice@corp.example", "401"),
        ("fe80::1%eth0", "alice@corp.example", "401"),
        ("::1", "alice@corp.example", "401"),
    ],
)
def test_names_of_a_reverse_proxy(address: str, header: str, expected: str) -> None:
    """Only the word of a trusted one counts, and it must say a name."""
    assert who(identity("10.1.0.0/24"), address, x_forwarded_user=header) == expected


def test_nobody_trusted() -> None:
    """Where none is configured the header says nothing, from loopback neither."""
    assert who(identity(), "127.0.0.1", x_forwarded_user="alice@corp.example") == "401"
    open_ = identity(is_open=True)
    assert who(open_, "127.0.0.1", x_forwarded_user="alice@corp.example") == " read,ship"


def test_open_but_behind_a_proxy() -> None:
    """Where nobody is asked, who comes by a trusted proxy without a name is not let in by it."""
    of = identity("127.0.0.1", is_open=True)

    assert who(of, "127.0.0.1") == "401"
    assert who(of, "127.0.0.1", x_forwarded_user="bob") == "user bob read"
    assert who(of, "127.0.0.2") == " read,ship"


def test_a_proxy_that_asks_by_a_foreign_name() -> None:
    """A page of elsewhere that is led here says any user, so such a name wants a known `Host`."""
    of, names = identity("127.0.0.1"), {"x_forwarded_user": "alice@corp.example"}

    assert who(of, "127.0.0.1", host="evil.example", **names) == "421"
    assert who(of, "127.0.0.1", host="localhost:6637", **names).endswith("admin")
    assert who(of, "127.0.0.1", host="evil.example", authorization="Bearer reads").endswith("read")


def test_a_token_wins() -> None:
    """Who sends a token is judged by it, whatever else is said."""
    of = identity("10.1.0.0/24")

    assert who(of, authorization="Bearer reads", x_forwarded_user="alice") == "token grafana read"
    assert who(of, authorization="Bearer no", x_forwarded_user="alice") == "401"
