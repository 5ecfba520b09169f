"""The codes of HTTP/2, and who sent them."""

import struct

from builders import go_error

from modpulse.agent.tracker.answercause import body_cause
from modpulse.agent.tracker.cause import Cause
from modpulse.agent.tracker.networkcause import network_cause


def test_codes_of_http2() -> None:
    """The code and who sent it are told as go prints them; a server's own words only if plain."""
    reset = network_cause(go_error("http2.StreamError", leaf=struct.pack("<IIQ", 5, 2, 1)))
    ours = network_cause(go_error("http2.StreamError", leaf=struct.pack("<IIQ", 5, 1, 0)))
    away = go_error("http2.GoAwayError", leaf=struct.pack("<II", 5, 0), text="server_shutting_down")
    secret = go_error("http2.GoAwayError", leaf=struct.pack("<II", 5, 99), text="tok3n=S3CR3T")

    assert "INTERNAL_ERROR, received from it" in reset.words
    assert ours == Cause("http.protocol", "broke the rules of HTTP/2: PROTOCOL_ERROR", "proxy")
    assert 'GOAWAY NO_ERROR, "server_shutting_down"' in network_cause(away).words
    ended = go_error(text="http2: Transport received Server's graceful shutdown GOAWAY")
    assert network_cause(ended).words.endswith("GOAWAY NO_ERROR")
    assert network_cause(go_error(text="http2: client conn is closed")).cls == "http.reset"
    assert network_cause(secret).words.endswith("GOAWAY unknown error code 0x63")


def test_who_sent_a_protocol_error() -> None:
    """Go refuses the head of an answer with the code and a cause; after a server's own it asks
    again, and in the middle of a body it checks no head."""
    error = go_error("http2.StreamError", leaf=struct.pack("<IIQ", 5, 1, 1))
    body = body_cause(error)

    assert network_cause(error).words == "broke the rules of HTTP/2: PROTOCOL_ERROR"
    assert network_cause(error, from_peer=True).words.endswith("PROTOCOL_ERROR, received from it")
    assert body is not None
    assert body.words.endswith("PROTOCOL_ERROR, received from it")
