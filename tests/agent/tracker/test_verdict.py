"""Every cause by its own sign, in words that a person can use."""

import struct

import pytest
from builders import cancelled, errno, go_error
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.events import GoError
from modpulse.agent.failures import CLASSES
from modpulse.agent.records import Certificate, Query
from modpulse.agent.tracker.verdict import (
    body_cause,
    certificate_words,
    dns_cause,
    is_cancelled,
    network_cause,
    status_cause,
)

DAY = 86_400


def query(rcode: str | None = None, server: str = "10.0.0.53:53") -> Query:
    return Query(qtype="A", server=server, transport="udp", at_ns=0, rcode=rcode)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (200, None), (404, None), (410, None), (401, "auth.401"), (403, "auth.403"),
        (407, "auth.407"), (429, "http.429"), (500, "http.5xx"), (599, "http.5xx"),
        (418, "http.protocol"), (204, "http.protocol"),
    ],
)  # fmt: skip
def test_status(status: int, cls: str | None) -> None:
    """A status is an answer, a miss, or one class of failure whose words quote it."""
    cause = status_cause(status)

    assert (cause and cause[0]) == cls
    assert cause is None or str(status) in cause[1]


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (errno(111), "tcp.refused"),
        (errno(104), "tcp.reset"),
        (errno(32), "tcp.reset"),
        (errno(110), "tcp.timeout"),
        (errno(101), "tcp.unreachable"),
        (errno(113), "tcp.unreachable"),
        (errno(9999), "tcp.unreachable"),
        (go_error("x509.CertificateInvalidError", leaf=struct.pack("<qq", 0, 1)), "tls.expired"),
        (go_error("x509.CertificateInvalidError", leaf=struct.pack("<qq", 0, 3)), "tls.untrusted"),
        (go_error("x509.UnknownAuthorityError"), "tls.untrusted"),
        (go_error("x509.HostnameError"), "tls.hostname"),
        (go_error("tls.RecordHeaderError"), "tls.not_tls"),
        (go_error("http.tlsHandshakeTimeoutError"), "tls.timeout"),
        (go_error("*net.OpError", "tls.alert"), "tls.alert"),
        (go_error("*poll.DeadlineExceededError"), "tcp.timeout"),
        (go_error(text="i/o timeout"), "tcp.timeout"),
        (go_error(text="http: server gave HTTP response to HTTPS client"), "tls.not_tls"),
        (go_error(text="Proxy Authentication Required"), "auth.407"),
        (go_error(text="Bad Gateway"), "http.5xx"),
        (go_error(text="EOF"), "tcp.reset"),
        (go_error(text="http: server closed idle connection"), "tcp.reset"),
        (go_error("http2StreamError"), "http.protocol"),
        (go_error(text="malformed HTTP response"), "http.protocol"),
        (go_error("*net.DNSError", text="no such host"), "dns.nxdomain"),
    ],
)
def test_error_value(error: GoError, cls: str) -> None:
    """The innermost type decides, and where it does not its text."""
    assert network_cause(error)[0] == cls


@pytest.mark.parametrize(
    ("error", "rcodes", "cls"),
    [
        (None, ["NXDOMAIN"], "dns.nxdomain"),
        ("no such host", [], "dns.nxdomain"),
        (None, ["SERVFAIL", "NOERROR"], "dns.servfail"),
        (None, ["REFUSED", "REFUSED"], "dns.refused"),
        ("timeout", [], "dns.timeout"),
        (None, [None, None], "dns.timeout"),
        (None, [None, "NOERROR"], "dns.servfail"),
        ("", [], "dns.servfail"),
    ],
)
def test_lookup(error: str | None, rcodes: list[str | None], cls: str) -> None:
    """What servers answered comes before what the error says."""
    failed = None if error is None else go_error("*net.DNSError", text=error)
    found = dns_cause(failed, [query(rcode) for rcode in rcodes])

    assert found[0] == cls
    assert ("10.0.0.53:53" if rcodes else "the resolver") in found[1]


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (cancelled(), None),
        (go_error(text="context canceled"), None),
        (go_error("codehost.noCommitsError"), None),
        (go_error(text="unexpected EOF"), "http.body"),
        (go_error("*http2.StreamError"), "http.body"),
        (errno(104), "http.body"),
        (go_error(text="http2: client connection lost"), "http.body"),
        (go_error(text="use of closed network connection"), "http.body"),
        (go_error("*json.SyntaxError"), "http.protocol"),
        (go_error(text="zip: not a valid zip file"), "http.protocol"),
    ],
)
def test_operation_after_a_200(error: GoError, cls: str | None) -> None:
    """A body that broke off is told from one that is whole and wrong."""
    cause = body_cause(error)

    assert (cause and cause[0]) == cls


@given(st.lists(st.text(max_size=30), min_size=1, max_size=7), st.binary(min_size=80, max_size=80),
       st.text(max_size=60))  # fmt: skip
def test_any_error_has_a_known_class(types: list[str], leaf: bytes, text: str) -> None:
    """Whatever a process has in memory, the class is one of the list."""
    error = GoError(tuple(types), leaf, text)

    assert network_cause(error)[0] in CLASSES
    assert is_cancelled(error) in (True, False)


def certificate(**fields) -> Certificate:
    known = {"subject": "CN=a.test", "issuer": "CN=Lab CA", "dns_names": ("a.test",),
             "not_before": 0, "not_after": 10 * DAY, "sha256": "00"}  # fmt: skip
    return Certificate(**(known | fields))


@pytest.mark.parametrize(
    ("cls", "fields", "now_s", "words"),
    [
        ("tls.expired", {}, 12 * DAY, "certificate of b.test expired 2 d ago"),
        ("tls.expired", {}, 10 * DAY + 7200, "certificate of b.test expired 2 h ago"),
        ("tls.expired", {}, 10 * DAY + 61, "certificate of b.test expired 1 min ago"),
        ("tls.expired", {}, 10 * DAY + 9, "certificate of b.test expired 9 s ago"),
        ("tls.expired", {"not_before": 5 * DAY}, DAY, "certificate of b.test is valid only in 4 d"),
        ("tls.hostname", {}, 0, "certificate is for a.test, not for b.test"),
        ("tls.hostname", {"dns_names": ()}, 0, "certificate is for CN=a.test, not for b.test"),
        ("tls.untrusted", {}, 0,
         "certificate of b.test is signed by an unknown authority: CN=Lab CA"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_certificate(cls, fields, now_s, words) -> None:
    """The evidence has a time or a name in it."""
    assert certificate_words(cls, certificate(**fields), "b.test", now_s) == words
