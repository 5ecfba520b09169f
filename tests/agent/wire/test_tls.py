"""The clear-text beginning of TLS, on recorded handshakes (tests/data/README.md)."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.reader import WireError
from modpulse.agent.wire.tls import (
    MAX_MESSAGE_BYTES,
    Alert,
    ClientHello,
    Encrypted,
    HandshakeReader,
    LeafCertificate,
    Message,
    ServerHello,
    looks_like_tls,
    parse_client_hello,
    parse_leaf,
    parse_server_hello,
)

DATA = Path(__file__).parents[2] / "data"
RECORDED = sorted(path.stem for path in DATA.glob("*.bin"))


def recorded(name: str) -> bytes:
    return (DATA / f"{name}.bin").read_bytes()


def read(data: bytes, chunk: int | None = None) -> list[Message]:
    reader = HandshakeReader()
    step = chunk or len(data)
    return [
        message for at in range(0, len(data), step) for message in reader.feed(data[at : at + step])
    ]


def brief(message: Message) -> object:
    """The message without what is random."""
    match message:
        case ClientHello():
            return ("client", message.sni, message.alpn, [hex(v) for v in message.versions])
        case ServerHello():
            return ("server", hex(message.version), hex(message.cipher), message.alpn,
                    message.resumed)  # fmt: skip
        case LeafCertificate():
            return "leaf"
        case Alert():
            return ("alert", message.description)
        case Encrypted():
            return "encrypted"


GO_HELLO = ("client", "localhost", ("h2", "http/1.1"), ["0x304", "0x303"])
OPENSSL_HELLO = (*GO_HELLO[:3], ["0x304", "0x303", "0x302", "0x301"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("go-tls13-client", [GO_HELLO, "encrypted"]),
        ("go-tls13-server", [("server", "0x304", "0x1301", None, False), "encrypted"]),
        ("go-tls12-client", [GO_HELLO, "encrypted"]),
        ("go-tls12-server", [("server", "0x303", "0xc02b", "http/1.1", None), "leaf", "encrypted"]),
        ("go-tls12-untrusted-client", [GO_HELLO, ("alert", 42)]),
        ("go-tls12-untrusted-server", [("server", "0x303", "0xc02b", None, None), "leaf"]),
        ("go-tls13-retry-client", [GO_HELLO, "encrypted"]),
        ("go-tls13-retry-server", [("server", "0x304", "0x1301", None, False), "encrypted"]),
        ("go-alert-client", [GO_HELLO]),
        ("go-alert-server", [("alert", 40)]),
        ("openssl-tls13-client", [OPENSSL_HELLO, "encrypted"]),
        ("openssl-tls13-server", [("server", "0x304", "0x1302", None, False), "encrypted"]),
        ("openssl-tls12-resumed-client", [OPENSSL_HELLO, "encrypted"]),
        ("openssl-tls12-resumed-server", [("server", "0x303", "0xc02c", None, None), "encrypted"]),
        ("openssl-tls13-resumed-client", [OPENSSL_HELLO, "encrypted"]),
        ("openssl-tls13-resumed-server", [("server", "0x304", "0x1302", None, True), "encrypted"]),
    ],
)
def test_recorded(name: str, expected: list[object]) -> None:
    """Each recorded side tells what it says in clear text, and nothing after."""
    data = recorded(name)

    assert expected == [brief(message) for message in read(data)]
    assert expected == [brief(message) for message in read(data, chunk=1)]


def test_every_recording_is_tested() -> None:
    """No recorded file lies unused."""
    mark = next(m for m in test_recorded.pytestmark if m.name == "parametrize")

    assert sorted(name for name, _ in mark.args[1]) == RECORDED


def test_post_quantum_hello_needs_two_segments() -> None:
    """Go 1.24 and later send a ClientHello that no single Ethernet frame holds."""
    assert int.from_bytes(recorded("go-tls13-client")[3:5], "big") > 1460


def test_leaf_is_the_certificate_of_the_server() -> None:
    """The leaf comes out byte for byte."""
    leaf = read(recorded("go-tls12-server"))[1]

    assert LeafCertificate((DATA / "leaf.der").read_bytes()) == leaf


@pytest.mark.parametrize(("size", "hellos"), [(9, 0), (44, 0), (160, 1), (400, 1), (1300, 1)])
def test_cut_client_hello(size: int, hellos: int) -> None:
    """A ClientHello cut at the snap length tells what came before the cut, and never raises."""
    reader = HandshakeReader()
    assert reader.feed(recorded("go-tls13-client")[:size]) == []

    assert hellos == len(reader.cut())
    assert reader.done


def test_cut_client_hello_keeps_the_name() -> None:
    """The server name is among the first extensions that Go writes."""
    reader = HandshakeReader()
    reader.feed(recorded("go-tls13-client")[:600])

    assert [each.sni for each in reader.cut() if isinstance(each, ClientHello)] == ["localhost"]


@given(st.sampled_from(RECORDED), st.integers(0, 2600), st.binary(min_size=1, max_size=4))
def test_damaged_recordings(name: str, at: int, junk: bytes) -> None:
    """A damaged handshake ends in `error` or in fewer facts, never in an exception."""
    data = recorded(name)
    reader = HandshakeReader()
    reader.feed(data[:at] + junk + data[at + len(junk) :])
    reader.cut()

    assert reader.error is None or reader.done


@given(st.sampled_from(RECORDED), st.lists(st.integers(0, 2600), max_size=8))
def test_any_chunking(name: str, cuts: list[int]) -> None:
    """The portions in which the bytes come change nothing."""
    data = recorded(name)
    edges = [0, *sorted(cuts), len(data)]
    reader = HandshakeReader()
    seen = [message for start, end in pairwise(edges) for message in reader.feed(data[start:end])]

    assert read(data) == seen


@given(st.binary(max_size=300))
def test_only_wire_errors(data: bytes) -> None:
    """Arbitrary bytes raise nothing but WireError."""
    for parse in (parse_client_hello, parse_server_hello, parse_leaf):
        try:
            parse(data)
        except WireError:
            continue
    HandshakeReader().feed(b"\x16\x03\x01" + len(data).to_bytes(2, "big") + data)


def test_no_certificate() -> None:
    """An empty list of certificates has no leaf."""
    assert parse_leaf(b"\0\0\0") is None


def test_hello_without_extensions() -> None:
    """The oldest hellos end behind their compression methods; their own version counts."""
    hello = b"\x03\x01" + bytes(32) + b"\0" + b"\0\2\0\x2f" + b"\1\0"

    assert parse_client_hello(hello) == ClientHello(None, (), (0x0301,))
    assert parse_server_hello(b"\x03\x01" + bytes(32) + b"\0\0\x2f\0") == ServerHello(
        0x0301, 0x2F, None, b"", None
    )


def test_server_name_of_another_type() -> None:
    """A name that is no host name is passed over."""
    extension = b"\0\0\0\x06" + b"\0\4" + b"\7\0\1x"
    hello = b"\x03\x03" + bytes(32) + b"\0" + b"\0\0" + b"\0" + b"\0\x0a" + extension

    assert parse_client_hello(hello).sni is None


def test_a_message_without_end_is_refused() -> None:
    """A handshake message beyond Go's own limit is an error before it is held."""
    size = (MAX_MESSAGE_BYTES + 1).to_bytes(3, "big")
    reader = HandshakeReader()
    reader.feed(b"\x16\x03\x03\x00\x04\x02" + size)

    assert reader.done
    assert str(reader.error) == "handshake message of 65537 bytes at byte 0"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None), (b"\x16", None), (b"\x16\x03", True), (b"\x15\x03\x01", True),
        (b"H", False), (b"HTTP/1.0 400", False), (b"\x16\x04", False),
    ],
)  # fmt: skip
def test_looks_like_tls(data: bytes, expected: bool | None) -> None:
    """Two bytes tell TLS from anything else."""
    found = looks_like_tls(data)

    assert expected == found
