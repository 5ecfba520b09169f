"""Leaf certificates as records."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.certificate import MAX_DER_BYTES, parse_certificate
from modpulse.agent.wire.reader import WireError

DER = (Path(__file__).parents[2] / "data" / "leaf.der").read_bytes()


def test_leaf() -> None:
    """A certificate tells whom it is for, by whom, from when to when, and its digest."""
    found = parse_certificate(DER)

    assert found.subject == "CN=goproxy.test"
    assert found.issuer == "CN=goproxy.test"
    assert found.dns_names == ("localhost", "*.goproxy.test", "127.0.0.1")
    assert found.not_after - found.not_before == 90 * 86400
    assert hashlib.sha256(DER).hexdigest() == found.sha256


@pytest.mark.parametrize("der", [b"", b"\x30\x00", DER[:-1], bytes(MAX_DER_BYTES + 1)])
def test_refused(der: bytes) -> None:
    """What is no certificate, or too large for one, is refused."""
    with pytest.raises(WireError):
        parse_certificate(der)


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=3))
def test_damaged(at: int, junk: bytes) -> None:
    """A damaged certificate is read or refused."""
    try:
        parse_certificate(DER[:at] + junk + DER[at + len(junk) :])
    except WireError:
        return


@given(st.binary(max_size=200))
def test_only_wire_errors(data: bytes) -> None:
    """Arbitrary bytes raise nothing but WireError."""
    with pytest.raises(WireError):
        parse_certificate(data)
