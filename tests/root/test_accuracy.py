"""What the agent says of a request lies where the process itself saw it, and nothing is missing."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.own_log import attempts, request_of, spans
from bench.timing import HOSTS, REQUIRES, observe
from eyes import Eyes
from lab import parts
from lab.lab import Lab

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def logging_go() -> Path:
    """A real `go` that also writes what net/http/httptrace sees."""
    return parts.httptrace_go()


@pytest.fixture(scope="module")
def logging_eyes(running_eyes: Eyes, logging_go: Path) -> Iterator[Eyes]:
    """Eyes that know its binary before it first runs; `running_eyes` says what they need."""
    with Eyes(go_paths=[logging_go]) as eyes:
        yield eyes


@pytest.mark.parametrize("host", HOSTS)
def test_points_in_order(host: str, lab: Lab, logging_eyes: Eyes, logging_go: Path) -> None:
    """Each point of a request lies between what the process did just before and just after."""
    log, seen, _ = observe(lab, logging_eyes, host, logging_go, REQUIRES)

    own = attempts(log)
    assert len(own) == 3 * len(REQUIRES) == len(seen.requests)
    for attempt in own:
        request = request_of(attempt, seen)
        assert request is not None, attempt.url
        points = attempt.points
        assert request.connect_wait_ns is not None
        assert request.first_byte_ns is not None
        assert request.transfer_ns is not None
        in_hand_ns = request.at_ns + request.connect_wait_ns
        head_ns = request.at_ns + request.first_byte_ns
        closed_ns = head_ns + request.transfer_ns
        assert request.at_ns <= points["Start"] <= in_hand_ns <= points["WroteRequest"]
        assert points["GotFirstResponseByte"] <= head_ns <= points["Done"]
        assert points.get("BodyEnd", head_ns) <= closed_ns <= points["BodyClose"]
        # Go also calls reused what was dialled for another request and used by none; over HTTP/2
        # two cold dials race, and then either may have been first.
        assert attempt.reused or not request.reused or request.http_version == "2", attempt.url


@pytest.mark.parametrize("host", HOSTS)
def test_setup_once(host: str, lab: Lab, logging_eyes: Eyes, logging_go: Path) -> None:
    """Lookup, connect and handshake of a new process are one each, where it saw them itself."""
    log, seen, _ = observe(lab, logging_eyes, host, logging_go, REQUIRES[:1])

    counts = Counter(entry["event"] for entry in log)
    (looked_up,) = spans(log, "DNSStart", "DNSDone")
    (connected,) = spans(log, "ConnectStart", "ConnectDone")
    (shaken,) = spans(log, "TLSHandshakeStart", "TLSHandshakeDone")
    (lookup,), (connection,), (handshake,) = seen.lookups, seen.connections, seen.handshakes
    assert counts["Done"] == 3 == len(seen.requests)
    assert lookup.lookup_ns is not None
    assert connection.connect_ns is not None
    assert handshake.handshake_ns is not None
    assert lookup.at_ns <= looked_up.at_ns
    assert looked_up.end_ns <= lookup.at_ns + lookup.lookup_ns
    assert connected.at_ns <= connection.at_ns
    assert connection.at_ns + connection.connect_ns <= connected.end_ns
    assert shaken.at_ns <= handshake.at_ns
    assert handshake.at_ns + handshake.handshake_ns <= shaken.end_ns
    assert [request.paid_setup for request in seen.requests] == [True, False, False]
