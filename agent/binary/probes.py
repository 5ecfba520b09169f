"""The probes: in which functions of `go`, for what, and what is lost where one cannot be set."""

from dataclasses import dataclass
from typing import Literal

from ..events.sites import Site


@dataclass(frozen=True, slots=True)
class Probe:
    """One row of the probe table."""

    symbols: tuple[str, ...]
    """The function, by its name in each release that renamed it; the first that exists is used."""
    at: Literal["entry", "ret"]
    """After the stack check, or where it has returned."""
    lost: str
    """What a record cannot tell without it, one sentence."""
    since: int = 19
    """The first minor release that has the function."""
    callers: tuple[str, ...] = ()
    """Who calls it, where that is known: probed after the call, it costs less than at a return."""
    by_closure: bool = False
    """Its caller has it as a closure, and calls no other."""
    results: int = 2
    """In so many registers is what is read of its results."""


_WEB = "cmd/go/internal/web."
_FETCH = "cmd/go/internal/modfetch."
_TLS = "crypto/tls."
_HTTP = "net/http."
_HTTP_2 = "net/http/internal/http2."

PROBES: dict[Site, Probe] = {
    Site.WEB_GET: Probe(
        (_WEB + "get",),
        "entry",
        "Requests are not seen: which URL was asked for, when and for which proxy.",
    ),
    Site.ROUND_TRIP_START: Probe(
        (_HTTP + "(*Transport).roundTrip",),
        "entry",
        "Attempts and redirects of a request are not told apart.",
    ),
    Site.ROUND_TRIP_DONE: Probe(
        (_HTTP + "send",),
        "ret",
        "Status, protocol version, announced length and time to first byte are not known.",
        callers=(_HTTP + "(*Client).send",),
        results=4,
    ),
    Site.GOT_CONN: Probe(
        (_HTTP + "(*Transport).getConn",),
        "ret",
        "Waiting for a connection is not told from waiting for the proxy.",
        callers=(_HTTP + "(*Transport).roundTrip",),
        results=3,
    ),
    Site.BODY_CLOSED: Probe(
        (_WEB + "hookCloser.Close",),
        "entry",
        "The time to transfer a body is not known.",
        since=21,
    ),
    Site.PROXY_LIST: Probe(
        (_FETCH + "proxyList",),
        "ret",
        "The GOPROXY chain is guessed from the environment and the configuration files.",
        callers=(_FETCH + "TryProxies",),
    ),
    Site.LOOKUP_START: Probe(
        ("net.(*Resolver).lookupIPAddr",),
        "entry",
        "Names resolved by the hosts file, by libc or from a cache are not seen.",
    ),
    Site.LOOKUP_DONE: Probe(
        ("net.(*Resolver).lookupIPAddr",),
        "ret",
        "How long a name took to resolve is known from packets only.",
        callers=("net.(*Resolver).internetAddrList",),
        results=5,
    ),
    Site.DIAL_START: Probe(
        ("net.(*sysDialer).dialTCP",),
        "entry",
        "Connections are not joined to the request that caused them.",
    ),
    Site.DIAL_DONE: Probe(
        ("net.(*sysDialer).dialTCP",),
        "ret",
        "A dial that was given up is not told from one that is pending.",
        callers=("net.(*sysDialer).dialSingle", "net.(*sysDialer).dialMPTCP"),
        results=3,
    ),
    Site.HANDSHAKE_START: Probe(
        (_TLS + "(*Conn).clientHandshake",),
        "entry",
        "TLS handshakes are timed from packets only.",
    ),
    Site.HANDSHAKE_DONE: Probe(
        (_TLS + "(*Conn).clientHandshake",),
        "ret",
        "The outcome of a TLS handshake, its version, cipher and resumption are not known.",
        callers=(_TLS + "(*Conn).handshakeContext",),
        by_closure=True,
    ),
    Site.VERIFY_START: Probe(
        (_TLS + "(*Conn).verifyServerCertificate",),
        "entry",
        "Certificates are not seen under TLS 1.3.",
    ),
    Site.VERIFY_DONE: Probe(
        (_TLS + "(*Conn).verifyServerCertificate",),
        "ret",
        "The time to verify a certificate is not told from the network's.",
        callers=(
            _TLS + "(*clientHandshakeStateTLS13).readServerCertificate",
            _TLS + "(*clientHandshakeState).doFullHandshake",
        ),
    ),
    Site.OPERATION_FAILED: Probe(
        (_FETCH + "(*proxyRepo).versionError",),
        "entry",
        "Why a request failed is told from packets and status only.",
    ),
    Site.READ_REMOTE_FAILED: Probe(
        (_FETCH + "(*dbClient).ReadRemote",),
        "ret",
        "Failures of the checksum database are told from packets and status only.",
    ),
    Site.CHECK_SUM_DB_FAILED: Probe(
        (_FETCH + "checkSumDB",),
        "ret",
        "A module that the checksum database contradicts is not seen.",
        callers=(_FETCH + "checkModSum",),
    ),
    Site.DOWNLOAD_ZIP_FAILED: Probe(
        (_FETCH + "(*Fetcher).downloadZip", _FETCH + "downloadZip"),
        "ret",
        "A zip that arrived whole but is not what it must be counts as good.",
        callers=(_FETCH + "(*Fetcher).DownloadZip.func1", _FETCH + "DownloadZip.func1"),
    ),
    Site.ERROR_SAID: Probe(
        ("cmd/go/internal/base.Errorf",),
        "entry",
        "What the command failed with is not known, nor a module that go.sum contradicts.",
    ),
    Site.OS_EXIT: Probe(
        ("os.Exit",),
        "entry",
        "A process that ends is seen a moment later, by the kernel.",
    ),
    Site.STREAM_FAILED: Probe(
        (_HTTP + "http2shouldRetryRequest", _HTTP_2 + "shouldRetryRequest"),
        "entry",
        "What HTTP/2 asks again and again is told as not answered.",
    ),
    Site.UNZIP_FAILED: Probe(
        ("cmd/vendor/golang.org/x/mod/zip.(*zipError).Error",),
        "entry",
        "A zip that cannot be unpacked counts as good.",
    ),
}
