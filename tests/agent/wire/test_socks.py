"""The clear-text beginning of SOCKS5."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.reader import WireError
from modpulse.agent.wire.socks import (
    REFUSES_LOGIN,
    SocksReply,
    asked_bytes,
    has_login,
    looks_like_socks,
    parse_reply,
)

LOGIN = b"\5\1\2\1\4user\6s3cret"
ASKED = b"\5\1\0\3\6a.test\1\xbb"


@pytest.mark.parametrize("address", [b"\1abcd", b"\4" + bytes(16), b"\3\6a.test"])
@pytest.mark.parametrize("login", [(b"\5\0", b""), (b"\5\2", b"\1\0")])
def test_a_tunnel(login: tuple[bytes, bytes], address: bytes) -> None:
    """The reply ends behind its address, whatever that is; before, there is none."""
    said = b"".join(login) + b"\5\0\0" + address + b"\1\xbb"

    assert parse_reply(said + b"\x16\3") == (SocksReply(0), len(said))
    assert {parse_reply(said[:size]) for size in range(len(said))} == {None}
    assert has_login(said) == (login[0] == b"\5\2")


@pytest.mark.parametrize(
    ("said", "reply"),
    [(b"\5\xff", REFUSES_LOGIN), (b"\5\2\1\1", REFUSES_LOGIN), (b"\5\0\5\4", 4)],
)
def test_none(said: bytes, reply: int) -> None:
    """A reply that says no is read without its address, which may never come."""
    assert parse_reply(said) == (SocksReply(reply), len(said))


@pytest.mark.parametrize("said", [b"HTTP/1.1 400", b"\5\0HT", b"\5\0\5\0\0\x09\0"])
def test_no_socks(said: bytes) -> None:
    """Another protocol is refused as soon as it shows."""
    with pytest.raises(WireError):
        parse_reply(said)


@pytest.mark.parametrize("greeting", [b"\5\2\0\2", LOGIN])
def test_what_the_client_says(greeting: bytes) -> None:
    """Greeting, login and request together are passed over."""
    said = greeting + ASKED

    assert looks_like_socks(said)
    assert asked_bytes(said + b"\x16", greeting is LOGIN) == len(said)
    assert {asked_bytes(said[:size], greeting is LOGIN) for size in range(len(said))} == {None}


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """Arbitrary bytes raise nothing but WireError."""
    for said in (data, b"\5" + data):
        for parse in (
            parse_reply,
            lambda it: asked_bytes(it, True),
            lambda it: asked_bytes(it, False),
        ):
            try:
                parse(said)
            except WireError:
                continue
