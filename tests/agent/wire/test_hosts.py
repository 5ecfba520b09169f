"""Hosts and ports in URLs and dials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.hosts import is_dial_of, is_same_name, split_port


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Proxy.Test", "proxy.test"), ("proxy.test.", "proxy.test"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("m\u00fcnchen.test", "xn--mnchen-3ya.test"), ("M\u00dcNCHEN.test", "xn--mnchen-3ya.test"),
        ("stra\u00dfe.test", "xn--strae-oqa.test"), ("a\u3002test", "a.test"),
    ],
)  # fmt: skip
def test_the_same(one: str, other: str) -> None:
    """Case, a final dot, brackets and IDNA do not make another host."""
    assert is_same_name(one, other)
    assert is_same_name(other, one)


@pytest.mark.parametrize(("one", "other"), [("a.test", "b.test"), (None, "a"), ("xn--\x7f", "a")])
def test_not_the_same(one: str | None, other: str) -> None:
    """Nothing is like what is not known."""
    assert not is_same_name(one, other)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.test:8443", ("a.test", 8443)), ("a.test", ("a.test", None)), ("[::1]", ("::1", None)),
        ("[::1]:443", ("::1", 443)), ("::1", ("::1", None)), ("a.test:", ("a.test", None)),
        ("[fe80::1%eth0]:80", ("fe80::1%eth0", 80)),
        ("a.test:\u0663", ("a.test:\u0663", None)),
    ],
)  # fmt: skip
def test_ports(text: str, parts: tuple) -> None:
    """An IPv6 address has its port behind brackets."""
    assert split_port(text) == parts


@pytest.mark.parametrize(
    ("dialled", "asked", "scheme", "redirected", "straight"),
    [
        ("a.test:443", "a.test", "https", False, True),
        ("a.test:443", "A.Test", "https", False, True),
        ("a.test:8443", "a.test:8443", "https", False, True),
        ("a.test:3128", "a.test", "https", False, False),
        ("a.test:443", "a.test:8443", "https", False, False),
        ("a.test:80", "a.test", "http", False, True),
        ("a.test:443", "a.test", "http", False, False),
        ("a.test:443", "a.test", "http", True, True),
        ("a.test:80", "a.test", "https", True, False),
        ("[2001:db8::1]:443", "[2001:db8::1]", "https", False, True),
        ("[2001:db8::1]:8443", "[2001:db8::1]:8443", "https", False, True),
        ("xn--mnchen-3ya.test:443", "m\u00fcnchen.test", "https", False, True),
        ("squid.test:3128", "a.test", "https", False, False),
        ("squid.test:443", "a.test", "https", False, False),
    ],
)
def test_straight(dialled: str, asked: str, scheme: str, redirected: bool, straight: bool) -> None:
    """A dial is to whom the URL asks where name and port are, default ports included."""
    assert is_dial_of(dialled, asked, scheme, redirected) is straight


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text(one: str, other: str) -> None:
    """No name raises, and each is like itself."""
    assert is_same_name(one, one)
    is_dial_of(one, other, "https", False)
