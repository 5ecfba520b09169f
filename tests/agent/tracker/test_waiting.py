"""What a request was waiting for when its command was ended."""

import pytest
from builders import HOST, at, connection, hop, request

from modpulse.agent.tracker.waiting import waited_for

VIA = {"via": "squid.test:3128", "host": HOST}
UP = {"established_at_ns": at(1)}
PROXY, ITSELF = ("squid.test:3128", "http_proxy"), (HOST, "proxy")


def waiting(**fields):
    return hop(status=None, in_hand_at_ns=None, head_at_ns=None, **fields)


def client_hello(held):
    held.opening.is_tls = True
    return held


@pytest.mark.parametrize(
    ("held", "cls", "who"),
    [
        (connection(), "tcp.timeout", ITSELF),
        (connection(**UP), "tls.timeout", ITSELF),
        (connection(**VIA), "tcp.timeout", PROXY),
        (client_hello(connection(**VIA, **UP)), "tls.timeout", PROXY),
        (connection(**VIA, **UP, tunnel="asked"), "http.stalled", PROXY),
        (client_hello(connection(**VIA, **UP, tunnel="asked")), "http.stalled", PROXY),
        (connection(**VIA, **UP, tunnel="asked", is_socks=True), "http.stalled", PROXY),
        (connection(**VIA, **UP, tunnel="stands"), "tls.timeout", ITSELF),
        (connection(**VIA, **UP, tunnel="stands", shaken_at_ns=at(2)), "http.stalled", ITSELF),
    ],
)
def test_the_stage_that_was_reached(held, cls: str, who: tuple[str, str]) -> None:
    """Before the way stands it is the HTTP proxy that was waited for, behind it whoever was asked;
    and nothing is TLS that has not begun."""
    found = waited_for(request(waiting()), held, False, at(9000))

    assert found is not None
    assert (found.cls, (found.host, found.against)) == (cls, who)
    is_behind = held.via is not None and found.against == "proxy"
    assert ("through the HTTP proxy squid.test:3128" in found.evidence) == is_behind
    assert (found.address is None) == is_behind


@pytest.mark.parametrize(("fields", "who"), [({}, ITSELF), (VIA, PROXY)])
def test_in_hand(fields: dict, who: tuple[str, str]) -> None:
    """Asked for a page in clear text, an HTTP proxy owes it, its head and its body."""
    held = connection(**UP, **fields)
    looked = {"body_bytes_in": 9, "grown_at_ns": at(2000), "looked_at_ns": at(8000)}
    for asked in (request(hop(status=None, head_at_ns=None)), request(hop(), **looked)):
        found = waited_for(asked, held, False, at(9000))

        assert found is not None
        assert (found.cls, (found.host, found.against)) == ("http.stalled", who)


@pytest.mark.parametrize(
    ("grown_ms", "looked_ms", "words"),
    [
        (None, None, None),
        (8500, 8500, None),
        (7900, 8500, None),
        (2000, 8000, f"{HOST} had sent nothing more of the body for at least 6.0 s, after "
         "203 bytes on its connection, with heads and TLS, when it was ended"),
    ],
)  # fmt: skip
def test_a_body_that_no_longer_grew(grown_ms, looked_ms, words) -> None:
    """Between two looks nobody knows: only what was looked at twice and had not grown is told."""
    times = {"grown_at_ns": grown_ms and at(grown_ms), "looked_at_ns": looked_ms and at(looked_ms)}
    asked = request(hop(), body_bytes_in=203 if grown_ms else None, **times)
    found = waited_for(asked, connection(**UP), False, at(9000))

    assert (found and found.evidence) == words
