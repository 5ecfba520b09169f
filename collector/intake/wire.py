"""
A batch as the collector reads it: typed, bounded, and only as far as it is used.

The rows are those of modpulse.agent.batch.batch, field by field in their order; a test holds them
to it. What nobody here asks for stays as it came (`Raw`): well-formed, and bounded by the size of
the whole. Nothing that is read costs more than its bytes: what is announced and does not come takes
no room, and what a newer agent appends is passed over. The only importer of msgspec.
"""

from itertools import chain
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from modpulse.agent.batch.batch import (
    MAX_ADDRESSES,
    MAX_ASKED,
    MAX_BATCH_BYTES,
    MAX_CHAIN_BYTES,
    MAX_CHAINS,
    MAX_CIRCUMSTANCES,
    MAX_CLASSES,
    MAX_ENDPOINTS,
    MAX_EXEMPLARS,
    MAX_LABELS,
    MAX_NAME_BYTES,
    MAX_OUTCOMES,
    MAX_PHASES,
    MAX_PROXIES,
    MAX_SECONDS,
    MAX_TEXT_BYTES,
    MAX_TOTAL,
    MIN_SECONDS,
    OLDEST_SCHEMA,
    SCHEMA,
    BatchError,
)
from modpulse.agent.batch.proxies import MAX_PROXY_BYTES
from modpulse.agent.batch.sketch import MAX_SKETCH_BYTES

Count = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
Total = Annotated[int, Meta(ge=0, le=MAX_TOTAL)]
Seconds = Annotated[int, Meta(ge=MIN_SECONDS, le=MAX_SECONDS)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_BYTES)]
"""Its characters are bounded here, its bytes by `_check` where it is kept."""
Text = Annotated[str, Meta(max_length=MAX_TEXT_BYTES)]
Digest = Annotated[str, Meta(min_length=64, max_length=64)]
Label = Annotated[str, Meta(max_length=MAX_NAME_BYTES)]
Counts = Annotated[dict[Name, Count], Meta(max_length=MAX_CLASSES)]
Sketches = Annotated[
    dict[Name, Annotated[bytes, Meta(max_length=MAX_SKETCH_BYTES)]], Meta(max_length=MAX_PHASES)
]


class Leaf(Struct, array_like=True, gc=False):
    """See there."""

    subject: Text
    issuer: Text
    not_before_s: Seconds
    not_after_s: Seconds
    sha256: Digest


class Happening(Struct, array_like=True, gc=False):
    """See there."""

    at_ns: Total
    outcome: Name


class Outcomes(Struct, array_like=True, gc=False):
    """See there."""

    name: Name
    ok: Count
    misses: Count
    suspect_misses: Count
    failures: Counts
    sketch: Annotated[bytes, Meta(max_length=MAX_SKETCH_BYTES)]


class Exemplar(Struct, array_like=True, gc=False):
    """See there; read at once of windows with failures, of others later."""

    at_ns: Total
    endpoint: Name | None
    module: Text | None
    version: Text | None
    outcome: Name
    final: Name | None
    status: Annotated[int, Meta(ge=0, le=999)] | None
    elapsed_ns: Total
    phases: Annotated[dict[Name, Total], Meta(max_length=MAX_PHASES)]
    evidence: Text | None
    host: Text | None
    address: Label | None


class Chain(Struct, array_like=True, gc=False):
    """See there; read later than the batch."""

    entries: Annotated[str, Meta(min_length=1, max_length=MAX_CHAIN_BYTES)]
    commands: Count


class Asked(Struct, array_like=True, gc=False):
    """See there; read later than the batch."""

    module: Text | None
    version: Text | None
    endpoint: Name | None
    outcome: Name
    body_bytes: Total | None
    h1: Name | None


ByAddress = Annotated[list[Outcomes], Meta(max_length=MAX_ADDRESSES)]


class ProxyWindow(Struct, array_like=True, gc=False):
    """See there."""

    proxy: Annotated[str, Meta(min_length=1, max_length=MAX_PROXY_BYTES)]
    requests: Count
    misses: Count
    suspect_misses: Count
    failures: Counts
    statuses: Raw
    endpoints: Raw
    body_bytes: Total
    modules: Count
    sketches: Sketches
    exemplars: Raw
    certificate: Leaf | None
    handshakes: Count
    bad_certificates: Counts
    resolvers: Annotated[list[Name], Meta(max_length=MAX_ADDRESSES)]
    addresses: Raw
    min_ttl_s: Count | None
    peak_in_flight: Count
    fallbacks: Count
    fallback_ns: Total
    cancelled: Count
    via_failures: Raw
    happenings: Annotated[list[Happening], Meta(max_length=MAX_OUTCOMES)]
    asked: Raw
    asked_dropped: Count
    # What a schema appended has a default: who is older does not send it.
    local_failures: Raw = Raw(b"\x80")
    by_endpoint: Annotated[list[Outcomes], Meta(max_length=MAX_ENDPOINTS)] = []
    by_address: ByAddress = []
    by_resolver: ByAddress = []
    failed_ns: Total = 0
    commands_stopped: Count = 0
    by_circumstance: Raw = Raw(b"\x90")


class Batch(Struct, array_like=True, gc=False):
    """See there."""

    schema: Annotated[int, Meta(ge=OLDEST_SCHEMA, le=SCHEMA)]
    agent_id: Name
    run_id: Annotated[bytes, Meta(min_length=1, max_length=16)]
    seq: Total
    window_start_ns: Total
    window_end_ns: Total
    labels: Annotated[dict[Name, Label], Meta(max_length=MAX_LABELS)]
    losses: Raw
    lost: Total
    proxies: Annotated[list[ProxyWindow], Meta(max_length=MAX_PROXIES)]
    proxies_dropped: Count
    agent_version: Annotated[str, Meta(max_length=MAX_NAME_BYTES)]
    kernel: Annotated[str, Meta(max_length=MAX_NAME_BYTES)] = ""
    links: Annotated[str, Meta(max_length=MAX_NAME_BYTES)] = ""
    commands: Count = 0
    commands_failed: Count = 0
    chains: Raw = Raw(b"\x90")
    chains_dropped: Count = 0


class Losses(Struct, gc=False):
    """Of the loss account what is used here."""

    binaries_failed: Total = 0


_T = TypeVar("_T")
_BATCH = msgspec.msgpack.Decoder(Batch)
_LOSSES = msgspec.msgpack.Decoder(Losses)
_ASKED = msgspec.msgpack.Decoder(Annotated[list[Asked], Meta(max_length=MAX_ASKED)])
_EXEMPLARS = msgspec.msgpack.Decoder(Annotated[list[Exemplar], Meta(max_length=MAX_EXEMPLARS)])
_OUTCOMES = msgspec.msgpack.Decoder(Annotated[list[Outcomes], Meta(max_length=MAX_CIRCUMSTANCES)])
_CHAINS = msgspec.msgpack.Decoder(Annotated[list[Chain], Meta(max_length=MAX_CHAINS)])


def read(data: bytes) -> Batch:
    """
    Read a batch; sketches stay bytes.

    Raises:
        BatchError: whatever is wrong with what is read of it.
    """
    if len(data) > MAX_BATCH_BYTES:
        raise BatchError(f"{len(data)} bytes, at most {MAX_BATCH_BYTES}")
    try:
        batch = _BATCH.decode(data)
    except msgspec.ValidationError as error:
        raise BatchError(_schema(data) or str(error)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BatchError(f"no msgpack: {type(error).__name__} {error}") from None
    _check(batch)
    return batch


def unprobed(batch: Batch) -> int:
    """Return how many binaries of `go` could not be probed; 0 where the account makes no sense."""
    try:
        return _LOSSES.decode(batch.losses).binaries_failed
    except (msgspec.DecodeError, ValueError, RecursionError):
        return 0


def exemplars(data: bytes | Raw) -> list[Exemplar]:
    """Read the worst requests of a window, or raise BatchError."""
    return _part(_EXEMPLARS, data, "exemplars")


def outcomes(data: bytes) -> list[Outcomes]:
    """Read how requests ended, by what there was beside them, or raise BatchError."""
    return _part(_OUTCOMES, data, "by_circumstance")


def chains(data: bytes) -> list[Chain]:
    """Read the chains of a batch, or raise BatchError."""
    return _part(_CHAINS, data, "chains")


def asked(data: bytes) -> list[Asked]:
    """Read what was asked for in a window, or raise BatchError."""
    return _part(_ASKED, data, "asked")


def _part(decoder: "msgspec.msgpack.Decoder[list[_T]]", data: bytes | Raw, name: str) -> list[_T]:
    """Read what was left as bytes until it is of use."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BatchError(f"{name}: {error}") from None


def _schema(data: bytes) -> str:
    """Say so when it is only too new or too old; empty when it is not."""
    # An array of up to 15, or of more; then a number up to 127.
    at = 1 if data[0] >> 4 == 9 else 3 if data[0] == 0xDC else len(data)
    if data[at : at + 1] and data[at] < 0x80 and not OLDEST_SCHEMA <= data[at] <= SCHEMA:
        return f"schema {data[at]}: {OLDEST_SCHEMA} to {SCHEMA} are read"
    return ""


def _check(batch: Batch) -> None:
    """Check what no field can say alone."""
    if batch.window_end_ns < batch.window_start_ns:
        raise BatchError("window_end_ns: before window_start_ns")
    for name in (batch.agent_id, *chain.from_iterable(batch.labels.items())):
        _check_bytes("agent_id and labels", name, MAX_NAME_BYTES)
    for text in (batch.agent_version, batch.kernel, batch.links):
        _check_bytes("agent_version, kernel and links", text, MAX_NAME_BYTES)
    if len({window.proxy for window in batch.proxies}) < len(batch.proxies):
        raise BatchError("proxies: the same proxy twice")
    for window in batch.proxies:
        _check_bytes("proxy", window.proxy, MAX_PROXY_BYTES)
        failed = sum(window.failures.values()) if window.failures else 0
        if window.misses + window.suspect_misses + failed > window.requests:
            raise BatchError(f"{window.proxy}: more misses and failures than requests")
        if window.bad_certificates and (sum(window.bad_certificates.values()) > window.handshakes):
            raise BatchError(f"{window.proxy}: more bad certificates than handshakes")
        for resolver in window.resolvers:
            _check_bytes("resolvers", resolver, MAX_NAME_BYTES)
        for outcomes in chain(window.by_endpoint, window.by_address, window.by_resolver):
            _check_bytes("name", outcomes.name, MAX_NAME_BYTES)


def _check_bytes(field: str, text: str, most: int) -> None:
    if not text.isascii() and len(text.encode()) > most:
        raise BatchError(f"{field}: {len(text.encode())} bytes, at most {most}")
