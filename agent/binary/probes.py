"""The probes: in which functions of `go`, for what, and what is lost where one cannot be set."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class Site(IntEnum):
    """What a probe stands for; bpf/events.h has the same numbers."""

    WEB_GET = 1
    ROUND_TRIP = 2
    SEND_RET = 3
    GET_CONN_RET = 4
    BODY_CLOSE = 5
    PROXY_LIST_RET = 6
    LOOKUP = 7
    LOOKUP_RET = 8
    DIAL = 9
    DIAL_RET = 10
    HANDSHAKE = 11
    HANDSHAKE_RET = 12
    VERIFY = 13
    VERIFY_RET = 14
    VERSION_ERROR = 15
    READ_REMOTE_RET = 16
    CHECK_SUM_DB_RET = 17
    DOWNLOAD_ZIP_RET = 18
    FATALF = 19
    OS_EXIT = 20


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

PROBES: dict[Site, Probe] = {
    Site.WEB_GET: Probe(
        (_WEB + "get",),
        "entry",
        "Requests are not seen: which URL was asked for, when and for which proxy.",
    ),
    Site.ROUND_TRIP: Probe(
        (_HTTP + "(*Transport).roundTrip",),
        "entry",
        "Attempts and redirects of a request are not told apart.",
    ),
    Site.SEND_RET: Probe(
        (_HTTP + "send",),
        "ret",
        "Status, protocol version, announced length and time to first byte are not known.",
        callers=(_HTTP + "(*Client).send",),
        results=4,
    ),
    Site.GET_CONN_RET: Probe(
        (_HTTP + "(*Transport).getConn",),
        "ret",
        "Waiting for a connection is not told from waiting for the proxy.",
        callers=(_HTTP + "(*Transport).roundTrip",),
        results=3,
    ),
    Site.BODY_CLOSE: Probe(
        (_WEB + "hookCloser.Close",),
        "entry",
        "The time to transfer a body is not known.",
        since=21,
    ),
    Site.PROXY_LIST_RET: Probe(
        (_FETCH + "proxyList",),
        "ret",
        "The GOPROXY chain is guessed from the environment and the configuration files.",
        callers=(_FETCH + "TryProxies",),
    ),
    Site.LOOKUP: Probe(
        ("net.(*Resolver).lookupIPAddr",),
        "entry",
        "Names resolved by the hosts file, by libc or from a cache are not seen.",
    ),
    Site.LOOKUP_RET: Probe(
        ("net.(*Resolver).lookupIPAddr",),
        "ret",
        "How long a name took to resolve is known from packets only.",
        callers=("net.(*Resolver).internetAddrList",),
        results=5,
    ),
    Site.DIAL: Probe(
        ("net.(*sysDialer).dialTCP",),
        "entry",
        "Connections are not joined to the request that caused them.",
    ),
    Site.DIAL_RET: Probe(
        ("net.(*sysDialer).dialTCP",),
        "ret",
        "A dial that was given up is not told from one that is pending.",
        callers=("net.(*sysDialer).dialSingle", "net.(*sysDialer).dialMPTCP"),
        results=3,
    ),
    Site.HANDSHAKE: Probe(
        (_TLS + "(*Conn).clientHandshake",),
        "entry",
        "TLS handshakes are timed from packets only.",
    ),
    Site.HANDSHAKE_RET: Probe(
        (_TLS + "(*Conn).clientHandshake",),
        "ret",
        "The outcome of a TLS handshake, its version, cipher and resumption are not known.",
        callers=(_TLS + "(*Conn).handshakeContext",),
        by_closure=True,
    ),
    Site.VERIFY: Probe(
        (_TLS + "(*Conn).verifyServerCertificate",),
        "entry",
        "Certificates are not seen under TLS 1.3.",
    ),
    Site.VERIFY_RET: Probe(
        (_TLS + "(*Conn).verifyServerCertificate",),
        "ret",
        "The time to verify a certificate is not told from the network's.",
        callers=(
            _TLS + "(*clientHandshakeStateTLS13).readServerCertificate",
            _TLS + "(*clientHandshakeState).doFullHandshake",
        ),
    ),
    Site.VERSION_ERROR: Probe(
        (_FETCH + "(*proxyRepo).versionError",),
        "entry",
        "Why a request failed is told from packets and status only.",
    ),
    Site.READ_REMOTE_RET: Probe(
        (_FETCH + "(*dbClient).ReadRemote",),
        "ret",
        "Failures of the checksum database are told from packets and status only.",
    ),
    Site.CHECK_SUM_DB_RET: Probe(
        (_FETCH + "checkSumDB",),
        "ret",
        "A module that the checksum database contradicts is not seen.",
        callers=(_FETCH + "checkModSum",),
    ),
    Site.DOWNLOAD_ZIP_RET: Probe(
        (_FETCH + "(*Fetcher).downloadZip", _FETCH + "downloadZip"),
        "ret",
        "A zip that arrived whole but is not what it must be counts as good.",
        callers=(_FETCH + "(*Fetcher).DownloadZip.func1", _FETCH + "DownloadZip.func1"),
    ),
    Site.FATALF: Probe(
        ("cmd/go/internal/base.Fatalf",),
        "entry",
        "A module that go.sum contradicts is not seen.",
    ),
    Site.OS_EXIT: Probe(
        ("os.Exit",),
        "entry",
        "A process that ends is seen a moment later, by the kernel.",
    ),
}
