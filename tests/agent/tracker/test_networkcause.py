"""Every error by its own type, in words that a person can use."""

import struct

import pytest
from builders import errno, go_error
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.events.events import GoError
from modpulse.agent.records.failures import CLASSES
from modpulse.agent.tracker.cause import is_cancelled
from modpulse.agent.tracker.networkcause import network_cause


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
        (go_error(text="EOF"), "http.reset"),
        (go_error(text="http: server closed idle connection"), "http.reset"),
        (go_error("http.http2StreamError"), "http.reset"),
        (go_error("http2.StreamError", leaf=struct.pack("<IIQ", 5, 11, 1)), "http.429"),
        (go_error("http2.GoAwayError", leaf=struct.pack("<II", 5, 2)), "http.reset"),
        (go_error("http.http2ConnectionError", leaf=struct.pack("<I", 1)), "http.protocol"),
        (errno(24), "local.files"),
        (errno(13), "local.permission"),
        (errno(1), "local.permission"),
        (go_error("*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", 28)), "local.disk"),
        (go_error("*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", 2)), "local.disk"),
        (
            go_error("x509.SystemRootsError", "syscall.Errno", leaf=struct.pack("<Q", 24)),
            "local.files",
        ),
        (
            go_error("x509.SystemRootsError", "syscall.Errno", leaf=struct.pack("<Q", 13)),
            "local.ca",
        ),
        (go_error("x509.UnhandledCriticalExtension"), "tls.untrusted"),
        (go_error(text="tls: server selected unsupported protocol version 301"), "tls.alert"),
        (go_error(text="http: no Host in request URL"), "local.config"),
        (go_error(text="malformed HTTP response"), "http.protocol"),
        (go_error("poll.errNetClosing"), "http.reset"),
        (go_error(text="refusing to use HTTP_PROXY value in CGI environment; see"), "local.config"),
    ],
)
def test_error_value(error: GoError, cls: str) -> None:
    """The innermost type decides, and where it does not its text."""
    assert network_cause(error)[0] == cls


@given(st.lists(st.text(max_size=30), min_size=1, max_size=7), st.binary(min_size=80, max_size=80),
       st.text(max_size=60))  # fmt: skip
def test_any_error_has_a_known_class(types: list[str], leaf: bytes, text: str) -> None:
    """Whatever a process has in memory, the class is one of the list."""
    error = GoError(tuple(types), leaf, text)

    assert network_cause(error)[0] in CLASSES
    assert is_cancelled(error) in (True, False)


def test_whose_fault_it_is() -> None:
    """Go says when it was on its way to an HTTP proxy; the machine is never a proxy's fault."""
    chain = ("*net.OpError", "*net.OpError", "*os.SyscallError", "syscall.Errno")
    refused = struct.pack("<Q", 111).ljust(80, b"\0")
    full = struct.pack("<Q", 24).ljust(80, b"\0")
    doing = ("proxyconnect", "dial")

    found = [
        network_cause(GoError(chain, refused, "", doing)).against,
        network_cause(GoError(chain, refused, "", ("dial", "dial"))).against,
        network_cause(GoError(chain, full, "", doing)).against,
    ]

    assert found == ["http_proxy", "proxy", "machine"]


@pytest.mark.parametrize("text", ["x server closed http y", "see https://go.dev/http"])
def test_words_within_a_text_decide_nothing(text: str) -> None:
    """Go's constants stand at the beginning; what stands elsewhere may be a path or a server's."""
    assert network_cause(go_error(text=text)).words == "gave no usable answer"
