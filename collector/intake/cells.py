"""
Counts and sketches of one value of a dimension, and how many of them are packed into bytes.

A row of the history is a byte that says how many times it was added to, and cells one behind the
other: to add to it is to append, and the same value may come again. What reads it adds up. Of a
cell: its length, its name, (code, count) pairs, (phase, sketch) pairs; numbers are varints
(LEB128), a sketch is as on the wire (modpulse.agent.batch.sketch). Pure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from modpulse.agent.batch.batch import PHASES
from modpulse.agent.batch.sketch import MAX_COUNT, MAX_SKETCH_BYTES, Sketch, SketchError

from .dimensions import MOST_NAMED, OTHER, Dimension
from .fold import Pile

NAMES = (
    "ok", "miss", "suspect", "bytes", "fallback", "fallback_ms", "failed_ms", "stopped",
    "windows", "lossy", "other",
    "dns.nxdomain", "dns.nodata", "dns.servfail", "dns.refused", "dns.timeout", "dns.unreachable",
    "tcp.refused", "tcp.timeout", "tcp.reset", "tcp.unreachable",
    "tls.timeout", "tls.expired", "tls.untrusted", "tls.hostname", "tls.alert", "tls.not_tls",
    "http.5xx", "http.429", "http.4xx", "http.reset", "http.stalled", "http.body",
    "http.redirect", "http.content", "http.protocol",
    "checksum.gosum", "checksum.sumdb", "auth.401", "auth.403", "auth.407",
    "local.files", "local.disk", "local.permission", "local.ca", "local.clock", "local.config",
    "local.memory", "local.tool", "git.failed",
    "tcp.mtu",
)  # fmt: skip
"""Of counts; their places are their codes in the database: only ever append."""
CODES: Mapping[str, int] = {name: code for code, name in enumerate(NAMES)}
FAILED = frozenset(name for name in NAMES if name == "other" or "." in name)
"""Of these, failures by class."""
OUTCOMES = FAILED | {"ok", "miss", "suspect"}
PHASE_CODES: Mapping[str, int] = {phase: code for code, phase in enumerate(PHASES)}
MOST_COUNT = (1 << 53) - 1
"""Where a sum of counts ends: exact as a float too, and a thousand of them fit into 63 bits."""
MAX_APPENDED = 8
"""Times that a row is appended to before it is added up."""


@dataclass(slots=True)
class Cell:
    """What is known of one value in one period."""

    counts: Counter[str] = field(default_factory=Counter)
    """By NAMES."""
    sketches: list[tuple[str, bytes]] = field(default_factory=list)
    """(phase, as on the wire); a phase may come again."""

    @property
    def requests(self) -> int:
        """Every outcome."""
        return sum(n for name, n in self.counts.items() if name in OUTCOMES)

    @property
    def failed(self) -> int:
        """Failures of every class."""
        return sum(n for name, n in self.counts.items() if name in FAILED)

    def add(self, other: "Cell") -> None:
        """Add the other's; sketches are put beside each other."""
        self.counts.update(other.counts)
        self.sketches += other.sketches


Cells = dict[str, Cell]
"""By value; of the proxy as a whole one, by the empty name."""


def pack(cells: Mapping[str, Cell]) -> bytes:
    """Return a row that was added to once."""
    out = bytearray(b"\x01")
    for name, cell in cells.items():
        body = bytearray()
        text = name.encode(errors="replace")
        _put(body, len(text))
        body += text
        counts = [(CODES[n], count) for n, count in cell.counts.items() if count > 0 and n in CODES]
        _put(body, len(counts))
        for code, count in counts:
            _put(body, code)
            _put(body, min(count, MOST_COUNT))
        for phase, data in cell.sketches:
            body.append(PHASE_CODES[phase])
            _put(body, len(data))
            body += data
        _put(out, len(body))
        out += body
    return bytes(out)


def unpack(row: object) -> Iterator[tuple[str, Cell]]:
    """
    Read a row as the database gave it, cell by cell.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(row, bytes):
        raise ValueError("expected bytes")
    at, end = 1, len(row)
    if not row or not row[0]:
        raise ValueError("no row of cells")
    while at < end:
        size, at = _take(row, at, end)
        if at + size > end:
            raise ValueError("cut inside a cell")
        yield _cell(row, at, at + size)
        at += size


def _cell(row: bytes, at: int, end: int) -> tuple[str, Cell]:
    size, at = _take(row, at, end)
    if at + size > end:
        raise ValueError("cut inside a name")
    name = row[at : at + size].decode()
    pairs, at = _take(row, at + size, end)
    cell = Cell()
    for _ in range(pairs):
        # A code is a byte: there are fewer names than that.
        code = row[at] if at < end else len(NAMES)
        count, at = _take(row, at + 1, end)
        if code >= len(NAMES) or count > MOST_COUNT:
            raise ValueError("no count")
        cell.counts[NAMES[code]] += count
    while at < end:
        phase = row[at]
        size, at = _take(row, at + 1, end)
        if phase >= len(PHASES) or size > MAX_SKETCH_BYTES or at + size > end:
            raise ValueError("no sketch")
        cell.sketches.append((PHASES[phase], row[at : at + size]))
        at += size
    return name, cell


def appended(row: bytes, more: bytes) -> bytes | None:
    """Return both as one row; None where it is time to add them up."""
    times = row[0] + more[0]
    return None if times > MAX_APPENDED else bytes((times,)) + row[1:] + more[1:]


def added(rows: Iterable[Cells], dimension: Dimension) -> tuple[Cells, int, int]:
    """
    Add up rows of one proxy and dimension, each value once, each phase of it once.

    Returns:
        The cells; how many values beyond the dimension's bound became part of OTHER; and how many
        sketches were none.
    """
    sums: Cells = {}
    for cells in rows:
        for name, cell in cells.items():
            held = sums.get(name)
            if held is None:
                held = sums[name] = Cell()
            held.add(cell)
    beyond = limited(sums, dimension)
    pile = Pile()
    for name, cell in sums.items():
        for kind, count in cell.counts.items():
            cell.counts[kind] = min(count, MOST_COUNT)
        if len(cell.sketches) > len({phase for phase, _ in cell.sketches}):
            for phase, data in cell.sketches:
                pile.add(name, 0, {phase: data})
            cell.sketches = []
    folded: dict[tuple[str, str], Counter[int]] = {}
    for key, buckets in pile.fold():
        folded.setdefault((key.proxy, key.phase), Counter()).update(buckets)
    for (name, phase), buckets in folded.items():
        sums[name].sketches.append((phase, sketch_of(buckets)))
    return sums, beyond, pile.unreadable


def limited(cells: Cells, dimension: Dimension) -> int:
    """Let those asked least become one where there are too many; returns how many these were."""
    _, most = MOST_NAMED[dimension]
    if not dimension or len(cells) - (OTHER in cells) <= most:
        return 0
    named = sorted((n for n in cells if n != OTHER), key=lambda name: (-cells[name].requests, name))
    rest = cells.setdefault(OTHER, Cell())
    for name in named[most:]:
        rest.add(cells.pop(name))
    return len(named) - most


def buckets_of(cell: Cell, phase: str) -> dict[int, int]:
    """Return the latencies of a phase, by bucket; what is none is left out."""
    sums: dict[int, int] = {}
    for name, data in cell.sketches:
        if name != phase:
            continue
        with suppress(SketchError):
            buckets = Sketch.from_bytes(data).buckets
            for bucket, count in buckets.items() if sums else ():
                sums[bucket] = sums.get(bucket, 0) + count
            sums = sums or dict(buckets)
    return sums


def sketch_of(buckets: Mapping[int, int]) -> bytes:
    """Return a sketch on the wire; what is too much for it is a share, the quantiles stay."""
    most = max(buckets.values(), default=0)
    scale = -(-most // MAX_COUNT)
    if scale > 1:
        buckets = {bucket: -(-count // scale) for bucket, count in buckets.items()}
    return Sketch(buckets).to_bytes()


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _take(row: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a number, and where it ends."""
    number = shift = 0
    while at < end and shift < 63:
        byte = row[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise ValueError("cut inside a number, or too long")
