"""Handshakes as Go's own calls tell them."""

from pathlib import Path

import pytest
from builders import MS, PID, at, cancelled, connection, go_error, handshake_done

from modpulse.agent.events.events import GoError
from modpulse.agent.records.records import Handshake
from modpulse.agent.tracker import handshakes
from modpulse.agent.tracker.account import Account
from modpulse.agent.tracker.handshakes import Handshakes, OpenHandshake

LEAF = (Path(__file__).parents[2] / "data" / "leaf.der").read_bytes()


def started(sni: str = "a.test") -> Handshakes:
    found = Handshakes(PID, Account())
    assert found.start(2, sni, at(0), connection()) == []
    return found


def outcome(error: GoError) -> tuple[str | None, str | None]:
    done = started().finish(handshake_done(1, "", error))
    assert done is not None
    return done.record().outcome, done.record().alert


def test_a_handshake() -> None:
    """Times, names and the certificate of one call."""
    found = started()
    assert found.verify(2, at(1), LEAF)
    assert found.verified(2, at(3))

    done = found.finish(handshake_done(5, "h2"))

    assert done is not None
    record = done.record()
    assert record.certificate is not None
    assert record == Handshake(
        connection=1, pid=PID, sni="a.test", alpn="h2", version="1.3",
        cipher="TLS_AES_128_GCM_SHA256", at_ns=at(0), handshake_ns=5 * MS, verify_ns=2 * MS,
        resumed=False, outcome="ok", certificate=record.certificate,
    )  # fmt: skip


def test_without_a_connection_or_name() -> None:
    """What was not seen is None."""
    found = Handshakes(PID, Account())
    found.start(2, "", at(0), None)

    (record,) = found.drain()
    assert (record.connection, record.sni, record.outcome, record.handshake_ns) == (None,) * 4


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (go_error("x509.HostnameError"), ("tls.hostname", None)),
        (go_error("*net.OpError", "tls.alert", leaf=b"\x28"), ("tls.alert", "handshake_failure")),
        (go_error("*net.OpError", "poll.errNetClosing"), ("tls.timeout", None)),
        (cancelled(), ("cancelled", None)),
    ],
)
def test_a_handshake_that_failed(error: GoError, expected: tuple) -> None:
    """The class comes from the error, the alert's name from its number."""
    assert outcome(error) == expected


@pytest.mark.parametrize(
    ("operations", "alert"),
    [(("remote error",) * 2, "certificate_required"), (("local error",) * 2, None)],
)
def test_whose_alert(operations: tuple[str, ...], alert: str | None) -> None:
    """What `go` itself objected to was not received."""
    error = GoError(("*net.OpError", "tls.alert"), b"\x74".ljust(80, b"\0"), "", operations)

    assert outcome(error)[1] == alert


def test_the_proxy_and_what_is_behind_it() -> None:
    """The handshake with the host begins in a tunnel that stands; the one with the proxy before."""
    way = connection(via="squid.test:443", host="mod.test")
    found = Handshakes(PID, Account())
    found.start(2, "squid.test", at(0), way)
    before = way.tunnel
    done = found.finish(handshake_done(1))
    found.start(3, "mod.test", at(2), way)

    assert done is not None
    assert (done.with_proxy, before, way.tunnel) == (True, "none", "stands")


def test_what_was_not_begun() -> None:
    """Without the call's beginning nothing is known."""
    found = Handshakes(PID, Account())

    assert not found.verify(2, at(0), None)
    assert not found.verified(2, at(0))
    assert found.finish(handshake_done(0)) is None
    assert not started().verified(2, at(0))


def test_a_certificate_that_cannot_be_read() -> None:
    """It is counted, as is one that was not there, or too long to be copied."""
    account = Account()
    found = Handshakes(PID, account)
    found.start(2, "a.test", at(0), None)

    found.verify(2, at(1), b"\x30\x03")
    found.verify(2, at(1), None)

    assert account.bad_certificates == 2
    assert [record.certificate for record in found.drain()] == [None]


def test_found_by_its_connection() -> None:
    """Packets belong to the handshake under way on their connection."""
    found = started()

    assert found.of_connection(1) is not None
    assert found.of_connection(2) is None


def test_never_ended() -> None:
    """At the end of the process it is given out, once."""
    found = started()

    assert [record.outcome for record in found.drain()] == [None]
    assert found.drain() == []


def test_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest is given out as it is, and counted; the new one is followed."""
    monkeypatch.setattr(handshakes, "MAX_OPEN", 1)
    account = Account()
    found = Handshakes(PID, account)
    found.start(2, "a.test", at(0), None)

    assert [given.sni for given in found.start(3, "b.test", at(1), None)] == ["a.test"]
    assert account.tracker_full == 1
    assert [given.sni for given in found.drain()] == ["b.test"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"end_ns": 1}, "ok"),
        ({"alert": "unknown_ca"}, "tls.alert"),
        ({"not_tls": True}, "tls.not_tls"),
    ],
)
def test_told_by_packets(fields: dict, expected: str | None) -> None:
    """Without Go's call the packets decide."""
    assert OpenHandshake(PID, None, None, at(0), **fields).outcome() == expected
