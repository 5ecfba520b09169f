"""Rules of packed counts and sketches."""

import contextlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import FIRST_BYTE, PHASES
from modpulse.agent.batch.sketch import MAX_COUNT, Sketch
from modpulse.agent.records.failures import CLASSES
from modpulse.collector.intake.cells import (
    CODES,
    MAX_APPENDED,
    MOST_COUNT,
    NAMES,
    Cell,
    Cells,
    added,
    appended,
    buckets_of,
    limited,
    pack,
    sketch_of,
    unpack,
)
from modpulse.collector.intake.dimensions import DIMENSIONS, MAX_SITES, OTHER

COUNTS = st.dictionaries(st.sampled_from(NAMES), st.integers(1, MOST_COUNT), max_size=5)
SKETCHES = st.lists(
    st.tuples(
        st.sampled_from(PHASES),
        st.dictionaries(st.integers(-50, 50), st.integers(1, 300), min_size=1).map(sketch_of),
    ),
    max_size=4,
)
CELLS = st.builds(lambda counts, sketches: Cell(Counter(counts), sketches), COUNTS, SKETCHES)
ROWS = st.dictionaries(st.text(max_size=5), CELLS, max_size=4)


def test_codes_stay() -> None:
    """What is in databases has these codes: names are appended, and each class has one."""
    assert NAMES[:12] == (
        "ok", "miss", "suspect", "bytes", "fallback", "fallback_ms", "failed_ms", "stopped",
        "windows", "lossy", "other", "dns.nxdomain",
    )  # fmt: skip
    assert (CODES["tls.expired"], CODES["http.5xx"], CODES["local.config"]) == (22, 27, 46)
    assert set(CLASSES) <= set(CODES)
    assert DIMENSIONS[:6] == ("", "site", "endpoint", "resolver", "address", "agent")
    assert PHASES[0] == "resolve"
    assert PHASES.index(FIRST_BYTE) == 6


@given(ROWS)
def test_what_is_packed_is_read(cells: Cells) -> None:
    """Counts, sketches and names come back as they were."""
    assert dict(unpack(pack(cells))) == cells


@given(st.binary(max_size=60))
def test_any_bytes(row: bytes) -> None:
    """Bytes that are no row are a ValueError, and nothing else."""
    try:
        found = dict(unpack(row))
    except ValueError:
        return
    assert all(0 <= n <= MOST_COUNT for cell in found.values() for n in cell.counts.values())


@given(ROWS, st.data())
def test_cut_rows(cells: Cells, data: st.DataObject) -> None:
    """A row that was cut has fewer cells, or is none."""
    row = pack(cells)
    cut = row[: data.draw(st.integers(0, len(row) - 1))]
    with contextlib.suppress(ValueError):
        assert len(list(unpack(cut))) < max(1, len(cells))


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_to_append_is_to_add(rows: list[Cells]) -> None:
    """Rows behind each other say what the sum of them says."""
    joined = pack(rows[0])
    for cells in rows[1:]:
        joined = appended(joined, pack(cells)) or b""
    apart = [{name: cell} for name, cell in unpack(joined)]
    one, other = added(apart, "")[0], added(rows, "")[0]

    assert {name: cell.counts for name, cell in one.items()} == {
        name: cell.counts for name, cell in other.items()
    }
    for name, phase in ((name, phase) for name in one for phase in PHASES):
        assert buckets_of(one[name], phase) == buckets_of(other[name], phase)


def test_a_row_is_added_up_in_time() -> None:
    """It is appended to so many times."""
    row = pack({"": Cell(Counter(ok=1))})
    for _ in range(MAX_APPENDED - 1):
        row = appended(row, pack({"": Cell(Counter(ok=1))})) or b""

    assert len(list(unpack(row))) == MAX_APPENDED
    assert appended(row, pack({})) is None


def test_values_beyond_the_bound_are_one() -> None:
    """Those asked least become `other`, and the sum stays."""
    cells = {f"s{n:03}": Cell(Counter(ok=n + 1)) for n in range(MAX_SITES + 5)}
    total = sum(cell.requests for cell in cells.values())
    beyond = limited(cells, "site")

    assert beyond == 5
    assert cells[OTHER].counts == {"ok": 1 + 2 + 3 + 4 + 5}
    assert sum(cell.requests for cell in cells.values()) == total
    assert limited(cells, "site") == 0


def test_counts_beyond_the_wire_keep_their_quantiles() -> None:
    """A count that no sketch can hold makes all of its counts a share."""
    data = sketch_of({1: 9 * MAX_COUNT, 2: 3 * MAX_COUNT})
    buckets = Sketch.from_bytes(data).buckets

    assert buckets[1] == 3 * buckets[2]


def test_a_sketch_that_is_none_is_counted() -> None:
    """Added to a good one it is left out; alone it has no latencies."""
    good = sketch_of({1: 2})
    cells, _, unreadable = added(
        [{"a": Cell(sketches=[("tls", good)])}, {"a": Cell(sketches=[("tls", b"\xff\xff\xff")])}],
        "site",
    )

    assert (buckets_of(cells["a"], "tls"), unreadable) == ({1: 2}, 1)
    assert buckets_of(Cell(sketches=[("tls", b"\x00")]), "tls") == {}


@pytest.mark.parametrize("row", [b"\x01\x80", b"\x01\x05\x01a", b"\x01\x03\x00\x01\x63"])
def test_what_is_no_cell(row: bytes) -> None:
    """A length, a name or a code that cannot be is an error."""
    with pytest.raises(ValueError, match=r"cut|no count"):
        list(unpack(row))
