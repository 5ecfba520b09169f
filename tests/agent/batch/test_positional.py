"""Rules of dataclasses as positional arrays."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from modpulse.agent.batch.positional import (
    BatchValueError,
    Bytes,
    Int,
    Many,
    Maybe,
    Row,
    Table,
    Text,
    sent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """A row of schema 1."""

    name: str = sent(Text(9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """The same row, to which schema 2 has appended a field and a map."""

    name: str = sent(Text(9))
    count: int | None = sent(Maybe(Int(9)), None, since=2)
    rest: Mapping[str, int] = sent(Table(Text(9), Int(9), 2), {}, since=2)


def test_a_row_of_the_schema_before_lacks_what_was_appended():
    """Version N reads N-1: the fields appended since have their defaults."""
    written = Row(First).write(First(name="a"))

    assert Second(name="a") == Row(Second, oldest=1).read(written)


def test_a_row_of_a_schema_that_is_not_read_any_more_is_an_error():
    """When the oldest version has a field, it must be there."""
    with pytest.raises(BatchValueError, match="1 fields, at least 3 are due"):
        Row(Second, oldest=2).read(["a"])


def test_a_row_of_the_schema_after_has_a_tail():
    """Version N-1 ignores what N appended."""
    written = Row(Second).write(Second(name="a", count=3, rest={"b": 1}))

    assert First(name="a") == Row(First).read(written)


def test_a_map_by_default_is_not_shared():
    """Each row has its own."""
    assert Second(name="a").rest is not Second(name="b").rest


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Int(9), "int 0..9"),
        (Int((1 << 63) - 1, -5), "int -5..2^63-1"),
        (Int(1, 1), "int 1"),
        (Text(64, 64), "str 64 bytes"),
        (Maybe(Bytes(16, 1)), "bin 1..16 bytes or nil"),
        (Many(Row(First), 3), "array 0..3 of First"),
        (Table(Text(9), Int(9), 2), "map 0..2 of str 0..9 bytes to int 0..9"),
    ],
)
def test_kinds_have_names(kind, name):
    """As docs/batch.md writes them."""
    assert name == kind.name


def test_text_is_measured_in_bytes():
    """Also what cannot be encoded, which is for the packer to refuse."""
    assert Text(6).read("€€") == "€€"
    with pytest.raises(BatchValueError, match=r"9 bytes, not 0\.\.6 bytes"):
        Text(6).read("€€€")
    assert Text(3).read("\udcff") == "\udcff"


def test_an_error_says_where():
    """Through rows, arrays and maps, and only the beginning of a hostile key."""
    kind = Many(Row(Second), 3)

    with pytest.raises(BatchValueError, match=r"^\[1\]\.rest\['kkk+'\]: 10 is not in 0\.\.9$"):
        kind.read([["a"], ["b", None, {"kkkkkkkkk": 10}]])
    with pytest.raises(BatchValueError, match=r"^\[0\]\.count: bool instead of an integer$"):
        kind.write([Second(name="a", count=True)])
    with pytest.raises(BatchValueError, match=r"^\['k{32}'\]: 10 is not"):
        Table(Text(99), Int(9), 1).read({"k" * 50: 10})
