"""
What one thing on the network was: five records, joined by ids, never nested.

Knows nothing of kernels, sockets or clocks. Every `_at_ns` is CLOCK_MONOTONIC (or the
capture's realtime clock in a replay), every `_ns` a duration, both integers. A field that was
not seen is None, never 0. `host` is a name or address of the network; the observed machine is
the agent.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..service.foreign import said
from ..service.frozen import frozen

Outcome = Literal["established", "refused", "timeout", "reset", "unreachable", "cancelled"]
Endpoint = Literal[
    "list", "latest", "info", "mod", "zip", "sumdb", "toolchain", "go-get", "git"
]  # fmt: skip
Final = Literal["ok", "fell_through", "stopped", "cancelled"]
Root = Literal["dns", "https", "checksum", "auth", "local"]
Section = Literal["not_found", "killed", "machine", "configuration", "unexplained"]
Against = Literal["proxy", "http_proxy", "resolver", "machine", "configuration"]
"""Whom a failure speaks against. `proxy` is whoever was asked: a module proxy, the storage host
that it redirected to, a checksum database, the server of `direct`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a lookup, connection, handshake or request did not do its work."""

    cls: str
    """`tls.expired` and so on, see failures.py; written as `class` in JSON."""
    root: Root
    """Which of the four things Go users know: dns, https, checksum, auth; or local, which is of
    the machine that asked."""
    evidence: str
    """One sentence in words, without secrets."""
    host: str | None = None
    """The name or address that failed; the HTTP proxy's where that was the culprit."""
    address: str | None = None
    """`address:port` in hand or tried last; None before a connection was tried."""
    against: Against = "proxy"
    """Whom it speaks against."""

    @property
    def is_local(self) -> bool:
        """Whether it is of the machine that asked, or of what its user has set."""
        return self.against in ("machine", "configuration")

    @property
    def is_of_proxy(self) -> bool:
        """Whether it counts against whom it was asked of: its own, or that of its name."""
        return self.against in ("proxy", "resolver")


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One entry of the effective GOPROXY list."""

    url: str
    """Canonical, without credentials; or `direct`, `off`."""
    fallback: Literal[",", "|"] | None
    """The separator that follows the entry; None for the last."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an error that a command told its user is about, as far as it says that."""

    about: Literal["answer", "page", "query", "package", "module", "toolchain"]
    """An answer of a server; the page of an import path; a query that no version matches; a package
    that no module has; a module; a release of Go."""
    url: str | None = None
    """Of the answer; its end is cut where it was too long to be seen whole."""
    module: str | None = None
    """Or the import path of a page."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One `go` command, from exec to exit; a toolchain switch starts a new one in the same pid."""

    pid: int
    start_at_ns: int
    end_at_ns: int | None = None
    argv: tuple[str, ...] | None = None
    exit_code: int | None = None
    """None while running and when it was killed by a signal."""
    go_version: str | None = None
    exe: str | None = None
    goproxy: tuple[ChainEntry, ...] | None = None
    """The effective chain without `noproxy`, credentials redacted; None until `go` read it."""
    gosumdb: str | None = None
    gonoproxy: str | None = None
    https_proxy: str | None = None
    """Without credentials."""
    http_proxy: str | None = None
    """The same, for what is asked over plain HTTP."""
    cgroup: str | None = None
    container: str | None = None
    unit: str | None = None
    job: Mapping[str, str] | None = None
    """CI job labels from an allow-list of environment variables."""
    parent_pid: int | None = None
    authorities: bool | None = None
    """False where `go` finds no certificate authorities; None where that was not looked at."""
    unusable: str | None = None
    """Which setting ends a `go` with exit code 2, if it looks at it; begins with its name."""
    armed_at_ns: int | None = None
    """Since when its binary was probed; later than `start_at_ns`: what it did before is missing.
    None where it is not."""
    ended_by: Literal["exit", "signal", "crash"] | None = None
    """A crash is an end by Go's runtime. None while it runs, and where its end was not seen."""
    failure: Failure | None = None
    """What the command itself failed with where no request says it: machine or settings."""
    said: str | None = None
    """The last error that it told its user, in Go's own words; None without one."""
    told: tuple[Told, ...] = ()
    """What the errors that it told are about, eight at most; none that is about nothing here."""
    role: Literal["go", "git", "ssh"] = "go"
    repository: str | None = None
    """What git or ssh was asked to fetch from, without user info; None where it was not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A process below the watched command that did not end well, and is no `go`."""

    pid: int
    parent_pid: int | None = None
    exe: str | None = None
    """What it ran last, as it was called; None where it ran nothing of its own."""
    start_at_ns: int | None = None
    """When it began to run that."""
    end_at_ns: int
    exit_code: int | None = None
    """None where a signal ended it."""
    signal: int | None = None
    for_memory: bool = False
    """The kernel killed it for want of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One DNS question as sent to one server, all its re-sends counted in `attempts`."""

    qtype: str
    name: str | None = None
    """That was asked for: the host, or with a search domain behind it."""
    server: str
    transport: Literal["udp", "tcp"]
    at_ns: int
    answer_ns: int | None = None
    """Until the answer; None when none came."""
    rcode: str | None = None
    attempts: int = 1
    truncated: bool | None = None
    min_ttl_s: int | None = None
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One name resolved for one dial."""

    pid: int
    host: str
    at_ns: int
    lookup_ns: int | None = None
    queries: tuple[Query, ...] = ()
    source: Literal["dns", "hosts", "cgo", "cache"] | None = None
    outcome: str | None = None
    """`ok`, `cancelled`, or a failure class such as `dns.nxdomain`; None while pending."""

    @property
    def resolver(self) -> str | None:
        """DNS server that decided it; None where none was asked."""
        return decider(self.queries, self.outcome == "ok")


def decider(queries: Sequence[Query], is_found: bool) -> str | None:
    """
    Return the DNS server that decided a lookup.

    Of an answer whose came last; of a failure which was asked last, for its error is the one told.
    """
    answers = (query for query in reversed(queries) if query.rcode is not None)
    decided = next(answers, None) if is_found else None
    decided = decided or (queries[-1] if queries else None)
    return None if decided is None else decided.server


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One TCP connection; `cookie`, the kernel's socket cookie, is its id."""

    cookie: int
    pid: int
    host: str | None = None
    address: str
    port: int
    via: str | None = None
    """`host:port` of the HTTP proxy it goes through; None when it goes straight."""
    lookup_at_ns: int | None = None
    """`at_ns` of the lookup that gave the address."""
    at_ns: int
    connect_ns: int | None = None
    """Until established, refused or given up; None while pending."""
    syn_retransmits: int | None = None
    rtt_ns: int | None = None
    """Round trip of the TCP handshake; None when its SYN was sent twice."""
    bytes_in: int | None = None
    bytes_out: int | None = None
    retransmits: int | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The leaf certificate a server showed."""

    subject: str
    issuer: str
    dns_names: tuple[str, ...]
    not_before: int
    """Seconds since 1970, UTC."""
    not_after: int
    """Seconds since 1970, UTC."""
    sha256: str
    """Hex digest of the DER bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One TLS handshake of the client side."""

    connection: int | None = None
    """Cookie of its connection; None when that was not seen."""
    pid: int
    sni: str | None = None
    alpn: str | None = None
    version: str | None = None
    """`1.2` or `1.3`."""
    cipher: str | None = None
    """IANA name, or hex when unknown."""
    at_ns: int
    handshake_ns: int | None = None
    verify_ns: int | None = None
    """The local share: loading roots and verifying the chain."""
    client_hello_at_ns: int | None = None
    server_hello_at_ns: int | None = None
    resumed: bool | None = None
    outcome: str | None = None
    """`ok`, `cancelled`, or a failure class such as `tls.expired`; None while pending."""
    alert: str | None = None
    """IANA name of the alert that was received, if any."""
    certificate: Certificate | None = None


@frozen(kw_only=True)
class Request:
    """One logical request of the `go` command: a doubled 4xx or a redirect is still one."""

    id: str
    """Unique within the host; a later record with the same id replaces the earlier."""
    pid: int
    proxy: str | None
    """The GOPROXY entry it was made for, canonical; `direct`, `sumdb:NAME`, `file:///path`."""
    chain_index: int | None = None
    """0-based in `goproxy`; None for a checksum database asked directly."""
    url: str | None = None
    """That was asked first, without user info and query; None where it is too long to be seen
    whole."""
    host: str
    """Of the GOPROXY URL, always, whatever it redirected to; empty where it is a folder."""
    endpoint: Endpoint | None
    module: str | None = None
    version: str | None = None
    connection: int | None = None
    """Cookie of the last hop's connection."""
    paid_setup: bool | None = None
    """This request caused the connection it used."""
    at_ns: int
    connect_wait_ns: int | None = None
    """Until a connection, new or reused, was in hand, summed over hops."""
    processing_ns: int | None = None
    """From `at_ns` to the last response head, less `connect_wait_ns`."""
    transfer_ns: int | None = None
    """From the head until the body was read or given up."""
    given_up_at_ns: int | None = None
    """When `go` had an error instead of an answer, or was ended; None where it was answered."""
    status: int | None = None
    http_version: str | None = None
    """`1.1`, `1.0` or `2`."""
    attempts: int = 1
    redirects: tuple[str, ...] = ()
    reused: bool | None = None
    body_bytes: int | None = None
    """As announced by Content-Length; None when the server did not say."""
    address: str | None = None
    """That answered or failed, of the last hop; None through an HTTP proxy, and without one."""
    resolver: str | None = None
    """DNS server that decided the lookup of `host` which this request caused; None where it needed
    none, or asked none."""
    suspect: bool = False
    """A miss that may be an outage in disguise."""
    failure: Failure | None = None
    final: Final | None = None
    """None while pending."""

    @property
    def is_miss(self) -> bool:
        """404 and 410: the protocol's normal "not here"."""
        return self.status in (404, 410)

    @property
    def is_ok(self) -> bool:
        """It was answered and used; git tells that by its exit code alone."""
        return self.failure is None and (
            self.status == 200 or (self.endpoint == "git" and self.final == "ok")
        )

    @property
    def first_byte_ns(self) -> int | None:
        """Time to first byte; None when no response head came."""
        if self.connect_wait_ns is None or self.processing_ns is None:
            return None
        return self.connect_wait_ns + self.processing_ns


@dataclass(frozen=True, slots=True)
class Answer:
    """What one of those that were asked for the same answered."""

    proxy: str
    """As in the request; the folder or `direct`, too."""
    status: int | None
    """None where there was no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a command failed, where it is told once for the command and not by a request."""

    section: Section
    pid: int | None = None
    """Of the process that failed with it; None where it is of the command."""
    words: str
    """One sentence."""
    advice: tuple[str, ...] = ()
    """What to look at next, each one sentence."""
    cls: str | None = None
    """Class of the failure, for this machine and the configuration."""
    module: str | None = None
    version: str | None = None
    asked: tuple[Answer, ...] = ()
    """Who was asked for it, in that order."""


Record = Process | Program | Lookup | Connection | Handshake | Request


def to_json(record: Record | Reason) -> dict[str, Any]:
    """Return the record as JSON values under the field names of docs/records.md."""
    return {field: _plain(value) for field, value in _items(said(record))}


def _items(value: Any) -> list[tuple[str, Any]]:
    return [
        ("class" if field.name == "cls" else field.name, getattr(value, field.name))
        for field in dataclasses.fields(value)
    ]


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field: _plain(inner) for field, inner in _items(value)}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value
