"""Rules of TLS between bytes and bytes: whole, by the byte, and broken."""

import ssl
from pathlib import Path

import pytest
from collectors import write_certificates

from modpulse.collector.server.tls import Tls, certificate_names


def test_certificate_names() -> None:
    """A caller is known by its common name and by the DNS names of its certificate."""
    certificate = {
        "subject": ((("organizationName", "Corp"),), (("commonName", "build-1"),)),
        "subjectAltName": (("DNS", "build-1.corp"), ("IP Address", "10.0.0.1")),
    }

    assert certificate_names(certificate) == {"build-1", "build-1.corp"}
    assert certificate_names(None) == frozenset()
    assert certificate_names({}) == frozenset()


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Tls, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """A server, a client, and what the client gets and sends."""
    write_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    gets, sends = ssl.MemoryBIO(), ssl.MemoryBIO()
    return Tls(context), trusting.wrap_bio(gets, sends, server_hostname="127.0.0.1"), gets, sends


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_both_say_something(
    ends: tuple[Tls, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO], step: int
) -> None:
    """However the bytes are cut, each reads what the other said, and the end of it."""
    tls, client, gets, sends = ends

    def carry() -> bytes:
        data, said = sends.read(), b""
        for at in range(0, len(data), step):
            said += tls.feed(data[at : at + step])
        gets.write(tls.sendable())
        return said

    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            carry()
    client.write(b"x" * 100_000)
    heard = carry()
    gets.write(tls.say(b"answer"))
    answer = client.read()
    with pytest.raises(ssl.SSLWantReadError):
        client.unwrap()
    carry()

    assert (tls.is_open, heard, answer) == (True, b"x" * 100_000, b"answer")
    assert (tls.is_ended, tls.certificate) == (True, None)
    assert tls.end()


def test_no_tls(ends: tuple[Tls, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]) -> None:
    """What is no TLS is an error, not an exception of another kind."""
    with pytest.raises(ssl.SSLError):
        ends[0].feed(b"GET / HTTP/1.1\r\n\r\n")
    assert not ends[0].is_open
