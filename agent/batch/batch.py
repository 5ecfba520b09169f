"""
The batch: what one agent saw in one window, and its form on the wire. The only importer of msgpack.

Knows nothing of records, sockets or clocks; shared with the collector. docs/batch.md describes
each field, and a test holds it to this file. `_at_ns` and the window's `_start_ns` and `_end_ns`
are the agent's wall clock, ns since 1970; other `_ns` are durations. Nil is "not seen", never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import msgpack

from ..service.frozen import frozen
from .positional import BatchValueError, Bytes, Int, Many, Maybe, Row, Table, Text, sent
from .proxies import MAX_PROXY_BYTES
from .sketch import MAX_SKETCH_BYTES

SCHEMA = 2
"""Raised when a field is appended; nothing else about a row ever changes."""
OLDEST_SCHEMA = max(1, SCHEMA - 1)
"""The collector is updated before its agents, by one version at a time."""

MAX_BATCH_BYTES = 1 << 20
MAX_DEPTH = 8
"""Nesting of arrays and maps; ours is 5, the rest is for fields to come."""
MAX_LENGTH = 1024
"""Of an array or map, also of fields to come; ours is MAX_ASKED."""
MAX_NODES = 65_536
"""Values in all, also in fields to come; the largest batch of today has half of them."""
MAX_PROXIES = 32
"""Of one agent and window; a GOPROXY list has two to four."""
MAX_EXEMPLARS = 5
MAX_ADDRESSES = 16
MAX_OUTCOMES = 16
"""Three times the five that the outage gate reads."""
MAX_ASKED = 1000
"""Over all proxies of a batch; a `go mod download` asks some hundred times."""
MAX_NAME_BYTES = 128
"""Of an endpoint, class, counter, label or phase."""
MAX_TEXT_BYTES = 512
"""Of a URL, a module path, a subject, a sentence."""
MAX_ENDPOINTS = 16
MAX_CIRCUMSTANCES = 8
"""There are six."""
MAX_CHAINS = 16
"""Of one host; a build server has one, a shared one a few."""
MAX_CHAIN_BYTES = 2048
MAX_LABELS = 32
MAX_LOSSES = 64
MAX_CLASSES = 64
MAX_STATUSES = 64
MAX_PHASES = 16

MAX_TOTAL = (1 << 63) - 1
"""Of a sum of bytes or nanoseconds, and of a time."""

_COUNT = Int((1 << 32) - 1)
_TOTAL = Int(MAX_TOTAL)
_NAME = Text(MAX_NAME_BYTES, 1)
_TEXT = Text(MAX_TEXT_BYTES)
_COUNTS = Table(_NAME, _COUNT, MAX_CLASSES)
MIN_SECONDS, MAX_SECONDS = -62_135_596_800, (1 << 48) - 1
"""Of a time in X.509."""
_SECONDS = Int(MAX_SECONDS, MIN_SECONDS)
"""From the year 1: X.509 has four digits for a year, DER does not check that they make sense."""

OK = "ok"
MISS = "miss"
SUSPECT = "suspect"
"""Outcomes of a request beside its failure class: answered, 404 or 410, and a doubtful one."""
NOT_FAILURES = (OK, MISS, SUSPECT)

IN_FLIGHT: Mapping[int, str] = {n: f"in_flight_{n}" for n in (65, 17, 5, 1)}
"""At least so many requests at one proxy, that one included, and how these are called."""
FETCH_FIRST, FETCH_AGAIN = "fetch_first", "fetch_again"
CIRCUMSTANCES = (*IN_FLIGHT.values(), FETCH_FIRST, FETCH_AGAIN)

FIRST_BYTE = "first_byte_small"
"""Phase of time to first byte of SMALL_ENDPOINTS with status 200: what the health score reads."""
PHASES = ("resolve", "connect", "tls", "verify", "processing", "transfer", FIRST_BYTE)
"""Phases that have a sketch."""
SMALL_ENDPOINTS = ("list", "latest", "info", "mod")
"""A zip's time is its size."""


class BatchError(ValueError):
    """Bytes that are no batch, or a batch beyond its bounds."""


class BatchSizeError(BatchError):
    """As a whole it is too large; less of it would fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The certificate a proxy showed; of several in a window the one that expires first."""

    subject: str = sent(_TEXT)
    """Distinguished name, RFC 4514."""
    issuer: str = sent(_TEXT)
    """Distinguished name, RFC 4514."""
    not_before_s: int = sent(_SECONDS)
    """Seconds since 1970, UTC."""
    not_after_s: int = sent(_SECONDS)
    """Seconds since 1970, UTC."""
    sha256: str = sent(Text(64, 64))
    """Hex digest of the DER bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """One of the worst requests of the window: failures first, then the slowest."""

    at_ns: int = sent(_TOTAL)
    """When it began."""
    endpoint: str | None = sent(Maybe(_NAME))
    """As in docs/records.md; nil when the URL is none of the protocol's."""
    module: str | None = sent(Maybe(_TEXT))
    """As in `asked`."""
    version: str | None = sent(Maybe(_TEXT))
    """Nil where the URL names none."""
    outcome: str = sent(_NAME)
    """`ok`, `miss`, `suspect` or a failure class."""
    final: str | None = sent(Maybe(_NAME))
    """`ok`, `fell_through`, `stopped`; nil while it hangs."""
    status: int | None = sent(Maybe(Int(999)))
    """Nil without an answer."""
    elapsed_ns: int = sent(_TOTAL)
    """From its beginning until it was over; without an answer until it was reported."""
    phases: Mapping[str, int] = sent(Table(_NAME, _TOTAL, MAX_PHASES))
    """`wait` (for a connection, its set-up included), `processing`, `transfer`."""
    evidence: str | None = sent(Maybe(_TEXT))
    """Of a failure, in words; nil where names are hashed."""
    host: str | None = sent(Maybe(_TEXT))
    """Of a failure: the name or address that failed; nil where names are hashed."""
    address: str | None = sent(Maybe(Text(MAX_NAME_BYTES)))
    """Of a failure: `address:port` in hand or tried last; nil where names are hashed."""


@frozen(kw_only=True)
class Happening:
    """How one request ended."""

    at_ns: int = sent(_TOTAL)
    """When it was over; without an answer, when it was reported."""
    outcome: str = sent(_NAME)
    """`ok`, `miss`, `suspect` or a failure class."""


@frozen(kw_only=True)
class Asked:
    """One thing that was asked for."""

    module: str | None = sent(Maybe(_TEXT))
    """Nil where the URL names none; where names are hashed, 32 hex digits of a keyed hash."""
    version: str | None = sent(Maybe(_TEXT))
    """Nil where the URL names none."""
    endpoint: str | None = sent(Maybe(_NAME))
    """As in docs/records.md; nil when the URL is none of the protocol's."""
    outcome: str = sent(_NAME)
    """`ok`, `miss`, `suspect` or a failure class."""
    body_bytes: int | None = sent(Maybe(_TOTAL))
    """As announced; nil when the server did not say."""
    h1: str | None = sent(Maybe(_NAME))
    """The `h1:` sum of a zip; nil where it is not known; hashed where names are."""


@frozen(kw_only=True)
class Outcomes:
    """How those requests ended that have one thing in common."""

    name: str = sent(_NAME)
    """Which endpoint, address or resolver."""
    ok: int = sent(_COUNT, 0)
    """Answered with 200."""
    misses: int = sent(_COUNT, 0)
    """404 and 410, the suspect ones not included."""
    suspect_misses: int = sent(_COUNT, 0)
    """404 and 410 that may be an outage in disguise."""
    failures: Mapping[str, int] = sent(_COUNTS, {})
    """By class."""
    sketch: bytes = sent(Bytes(MAX_SKETCH_BYTES), b"")
    """Of an endpoint and an address: time to first byte of answers with 200; of a resolver: times
    of the lookups that it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A GOPROXY that was in force."""

    entries: str = sent(Text(MAX_CHAIN_BYTES, 1))
    """Canonical entries with `,` and `|` between them; folders are `file:`."""
    commands: int = sent(_COUNT)
    """Processes of `go` that ended with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyWindow:
    """What was seen of one proxy in the window."""

    proxy: str = sent(Text(MAX_PROXY_BYTES, 1))
    """The GOPROXY entry, canonical, without credentials; `direct`, `sumdb:NAME`, or `file:` for all
    that are folders: their paths stay on the host."""
    requests: int = sent(_COUNT, 0)
    """With an outcome: answered, missed or failed; each counted once."""
    misses: int = sent(_COUNT, 0)
    """404 and 410, the suspect ones not included."""
    suspect_misses: int = sent(_COUNT, 0)
    """404 and 410 that may be an outage in disguise."""
    failures: Mapping[str, int] = sent(_COUNTS, {})
    """By class; none that happened at an HTTP proxy on the way."""
    statuses: Mapping[int, int] = sent(Table(Int(999), _COUNT, MAX_STATUSES), {})
    """Answers by HTTP status; 0 for those beyond 64 different ones."""
    endpoints: Mapping[str, int] = sent(_COUNTS, {})
    """Requests by endpoint; `other` where the URL is none of the protocol's."""
    body_bytes: int = sent(_TOTAL, 0)
    """Sum of the bodies, as announced by their servers."""
    modules: int = sent(_COUNT, 0)
    """Distinct modules asked for; counting ends at 10 000."""
    sketches: Mapping[str, bytes] = sent(Table(_NAME, Bytes(MAX_SKETCH_BYTES), MAX_PHASES), {})
    """Phase to durations, see sketch.py: `resolve connect tls verify processing transfer`, and
    `first_byte_small`: time to first byte of list, latest, info and mod answered 200. Steps that
    failed are counted elsewhere, not timed here."""
    exemplars: tuple[Exemplar, ...] = sent(Many(Row(Exemplar), MAX_EXEMPLARS), ())
    """The worst requests, worst first: failures, then what took longest."""
    certificate: Leaf | None = sent(Maybe(Row(Leaf)), None)  # noqa: RUF009 it makes a field
    """Of several the one that expires first; nil when no handshake showed one."""
    handshakes: int = sent(_COUNT, 0)
    """Finished ones, good and bad; those that their process gave up are not."""
    bad_certificates: Mapping[str, int] = sent(_COUNTS, {})
    """Of these: `tls.expired`, `tls.untrusted`, `tls.hostname`."""
    resolvers: tuple[str, ...] = sent(Many(_NAME, MAX_ADDRESSES), ())
    """DNS servers that were asked for its name, sorted; 16 at most."""
    addresses: tuple[str, ...] = sent(Many(_NAME, MAX_ADDRESSES), ())
    """Addresses that were dialled without an HTTP proxy on the way, sorted; 16 at most."""
    min_ttl_s: int | None = sent(Maybe(Int((1 << 32) - 1)), None)
    """Smallest DNS TTL seen; nil when no answer was."""
    peak_in_flight: int = sent(_COUNT, 0)
    """Most requests at one moment, as far as their records tell."""
    fallbacks: int = sent(_COUNT, 0)
    """Failures and suspect misses after which the next entry was asked; ordinary misses are the
    protocol's normal answer."""
    fallback_ns: int = sent(_TOTAL, 0)
    """Time that these took."""
    cancelled: int = sent(_COUNT, 0)
    """Requests whose process ended first; in no other number."""
    via_failures: Mapping[str, int] = sent(_COUNTS, {})
    """By class: requests that failed at an HTTP proxy on the way; in no other number."""
    happenings: tuple[Happening, ...] = sent(Many(Row(Happening), MAX_OUTCOMES), ())
    """The latest outcomes, oldest first."""
    asked: tuple[Asked, ...] = sent(Many(Row(Asked), MAX_ASKED), ())
    """What was asked for, in the order it was known; the first of the window."""
    asked_dropped: int = sent(_COUNT, 0)
    """Requests that did not fit into `asked`."""
    local_failures: Mapping[str, int] = sent(_COUNTS, {}, since=2)
    """By class: requests that failed for what their machine lacked or its user had set; in no
    other number."""
    by_endpoint: tuple[Outcomes, ...] = sent(Many(Row(Outcomes), MAX_ENDPOINTS), (), since=2)
    """Requests by endpoint; `other` where the URL is none of the protocol's."""
    by_address: tuple[Outcomes, ...] = sent(Many(Row(Outcomes), MAX_ADDRESSES), (), since=2)
    """Requests by the address (without port) that answered or failed; those without, and those sent
    on to another host, are in none. Beyond 16 the last is `other`."""
    by_resolver: tuple[Outcomes, ...] = sent(Many(Row(Outcomes), MAX_ADDRESSES), (), since=2)
    """Requests that caused a lookup of its name, by the DNS server that decided it; those without
    are in none. Beyond 16 the last is `other`."""
    failed_ns: int = sent(_TOTAL, 0, since=2)
    """Time that failures took after which no other entry was asked."""
    commands_stopped: int = sent(_COUNT, 0, since=2)
    """Commands of `commands_failed` of which the last request that failed, or was a suspect miss,
    and was followed by no other entry, was for this proxy."""
    by_circumstance: tuple[Outcomes, ...] = sent(
        Many(Row(Outcomes), MAX_CIRCUMSTANCES), (), since=2
    )
    """Requests once more by how many were in flight when they began, `in_flight_1`, `_5`, `_17` and
    `_65` for that many or more; and once more by whether this agent had asked for the same before,
    `fetch_first` and `fetch_again`."""

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return sum(self.failures.values())

    @property
    def ok(self) -> int:
        """Requests that were neither missed nor failed; below 0 where a sender lies."""
        return self.requests - self.misses - self.suspect_misses - self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One window of one agent, also an idle one; (agent_id, run_id, seq) is its identity."""

    schema: int = sent(Int(SCHEMA, OLDEST_SCHEMA), SCHEMA)
    """Version of the schema; always the first field."""
    agent_id: str = sent(_NAME)
    """As configured, else a hash of the machine id."""
    run_id: bytes = sent(Bytes(16, 1))
    """Random at each start of the agent."""
    seq: int = sent(_TOTAL)
    """From 0 in each run."""
    window_start_ns: int = sent(_TOTAL)
    """The window's first moment."""
    window_end_ns: int = sent(_TOTAL)
    """The moment after its last; never before `window_start_ns`."""
    labels: Mapping[str, str] = sent(Table(_NAME, Text(MAX_NAME_BYTES), MAX_LABELS), {})
    """Of the agent, as configured: site, pool."""
    losses: Mapping[str, int] = sent(Table(_NAME, _TOTAL, MAX_LOSSES), {})
    """The loss account: counter to its sum since the run began."""
    lost: int = sent(_TOTAL, 0)
    """Events lost in this window alone."""
    proxies: tuple[ProxyWindow, ...] = sent(Many(Row(ProxyWindow), MAX_PROXIES), ())
    """Each proxy once; empty when nothing was asked."""
    proxies_dropped: int = sent(_COUNT, 0)
    """Records that belonged to no proxy of `proxies` because there were too many."""
    agent_version: str = sent(Text(MAX_NAME_BYTES), "")
    """Release of the agent; empty where it does not say."""
    kernel: str = sent(Text(MAX_NAME_BYTES), "", since=2)
    """Release of its kernel; empty where it does not say."""
    links: str = sent(Text(MAX_NAME_BYTES), "", since=2)
    """How probes are attached: `uprobe-multi`, `perf`; empty where it does not say."""
    commands: int = sent(_COUNT, 0, since=2)
    """Processes of `go` that were seen to end in the window; one that becomes another toolchain
    goes on."""
    commands_failed: int = sent(_COUNT, 0, since=2)
    """Of these, with an exit code that is not 0 or by a signal."""
    chains: tuple[Chain, ...] = sent(Many(Row(Chain), MAX_CHAINS), (), since=2)
    """GOPROXY of these, the most frequent first; processes whose chain is not known are in none."""
    chains_dropped: int = sent(_COUNT, 0, since=2)
    """Processes whose chain did not fit into `chains`."""


_ROW = Row(Batch)


def encode(batch: Batch) -> bytes:
    """
    Return the batch as bytes.

    Raises:
        BatchError: a field beyond its bounds, or, as BatchSizeError, the whole.
    """
    try:
        _check(batch)
        data: bytes = msgpack.packb(_ROW.write(batch), use_bin_type=True)
    except (BatchValueError, UnicodeEncodeError) as error:
        raise BatchError(str(error)) from None
    if len(data) > MAX_BATCH_BYTES:
        raise BatchSizeError(f"{len(data)} bytes, at most {MAX_BATCH_BYTES}")
    return data


def decode(data: bytes) -> Batch:
    """
    Read a batch; sketches stay bytes.

    Raises:
        BatchError: whatever is wrong with it.
    """
    if len(data) > MAX_BATCH_BYTES:
        raise BatchError(f"{len(data)} bytes, at most {MAX_BATCH_BYTES}")
    try:
        plain = _unpack(data)
    except (ValueError, TypeError, OverflowError) as error:
        # TypeError: a map or an array as the key of a map.
        raise BatchError(f"no msgpack: {type(error).__name__} {error}") from None
    try:
        _check_depth(plain)
        _check_schema(plain)
        batch = _ROW.read(plain)
        _check(batch)
    except BatchValueError as error:
        raise BatchError(str(error)) from None
    return batch


_Held = TypeVar("_Held", list[Any], dict[Any, Any])


def _unpack(data: bytes) -> Any:
    """
    Unpack, but no more than MAX_NODES values: a MiB holds a million empty arrays.

    Walked through first, which makes nothing: arrays that announce more than comes would each be
    given the room for it.
    """
    walker = msgpack.Unpacker(read_size=max(1, len(data)), max_buffer_size=MAX_BATCH_BYTES)
    walker.feed(data)
    try:
        walker.skip()
    except msgpack.OutOfData:
        raise ValueError("it is cut") from None
    left = MAX_NODES

    def counted(held: _Held) -> _Held:
        nonlocal left
        left -= 1 + len(held)
        if left < 0:
            raise ValueError(f"more than {MAX_NODES} values")
        return held

    return msgpack.unpackb(
        data,
        raw=False,
        strict_map_key=False,
        list_hook=counted,
        object_hook=counted,
        ext_hook=_refuse,
        max_array_len=MAX_LENGTH,
        max_map_len=MAX_LENGTH,
        max_ext_len=0,
    )


def _refuse(_code: int, _data: bytes) -> None:
    raise ValueError("an extension type")


def _check(batch: Batch) -> None:
    """Check what no field can say alone."""
    if batch.window_end_ns < batch.window_start_ns:
        raise BatchValueError("window_end_ns: before window_start_ns")
    if sum(len(window.asked) for window in batch.proxies) > MAX_ASKED:
        raise BatchValueError(f"proxies: more than {MAX_ASKED} asked in all")
    if len({window.proxy for window in batch.proxies}) < len(batch.proxies):
        raise BatchValueError("proxies: the same proxy twice")
    for window in batch.proxies:
        if window.ok < 0:
            raise BatchValueError(f"{window.proxy}: more misses and failures than requests")
        if sum(window.bad_certificates.values()) > window.handshakes:
            raise BatchValueError(f"{window.proxy}: more bad certificates than handshakes")


def _check_schema(plain: Any) -> None:
    """Say so when it is only too new or too old, before any field is found wrong."""
    if type(plain) is not list or not plain:
        raise BatchValueError("no array")
    if type(plain[0]) is int and not OLDEST_SCHEMA <= plain[0] <= SCHEMA:
        raise BatchValueError(f"schema {plain[0]}: {OLDEST_SCHEMA} to {SCHEMA} are read")


def _check_depth(plain: Any) -> None:
    """Bound the nesting, also in fields that are not known here."""
    level = [plain]
    for _ in range(MAX_DEPTH + 1):
        held = [item for item in level if type(item) is list or type(item) is dict]
        if not held:
            return
        arrays = [item for item in held if type(item) is list]
        maps = [item.values() for item in held if type(item) is dict]
        level = [*chain.from_iterable(arrays), *chain.from_iterable(maps)]
    raise BatchValueError(f"nested deeper than {MAX_DEPTH}")
