"""One spelling of a host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.records.spelling import asked_name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("P.S9.TEST", "p.s9.test"), ("p.test.", "p.test."), ("fe80::1%Eth0", "fe80::1%Eth0"),
        ("\u043f\u0440\u043e\u043a\u0441\u0438.S9.test", "xn--h1adldfi.s9.test"),
        ("M\u00dcNCHEN\u3002test", "xn--mnchen-3ya.test"),
        ("stra\u00dfe.test", "xn--strae-oqa.test"),
    ],
)  # fmt: skip
def test_as_asked(host: str, name: str) -> None:
    """A host has one spelling, that of the question for it."""
    assert asked_name(host) == name


@given(st.text(max_size=30))
def test_any_name(host: str) -> None:
    """Whatever a URL holds has a spelling, which is its own."""
    assert asked_name(asked_name(host)) == asked_name(host)
