"""A way that loses what is large, and what is not to be taken for it."""

import pytest
from builders import at, connection

from modpulse.agent.tracker.cause import Cause
from modpulse.agent.tracker.pathcause import path_cause

LATE = Cause("tls.timeout", "did not finish the TLS handshake")
UP = {"established_at_ns": at(1), "sent_bytes": 1500}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hole_out": True, "retransmits": 6}, "of 1500 bytes, sent again 6 times"),
        ({"hole_in": True, "bytes_in": 300}, "only 300 bytes"),
        ({}, None),
        ({"retransmits": 6}, None),
        ({"hole_out": True, "retransmits": 1}, None),
        ({"hole_out": True, "retransmits": 6, "bytes_in": 1}, None),
    ],
    ids=["to the host", "from it", "silent", "all dropped", "plain loss", "an answer came"],
)
def test_what_is_large_is_lost(fields: dict, words: str | None) -> None:
    """Only a hole that stayed open, with what is behind it acknowledged, speaks of an MTU."""
    found = path_cause(connection(**UP, **fields), LATE)

    assert (found is None) == (words is None)
    if words is not None:
        assert found is not None
        assert found.cls == "tcp.mtu"
        assert words in found.words


def test_only_what_was_out_of_time() -> None:
    """Any other failure has its own cause, whatever was lost before."""
    held = connection(**UP, hole_in=True)

    assert path_cause(held, Cause("tls.alert", "refused")) is None
    assert path_cause(None, LATE) is None
