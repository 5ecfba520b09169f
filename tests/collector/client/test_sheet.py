"""Rules of `modpulse history --csv`."""

import csv
import io

import pytest
from pasts import DOCUMENT, point

from modpulse.collector.client.sheet import COLUMNS, FORMULAS, sheet
from modpulse.collector.client.told import read


def rows(document: dict[str, object]) -> list[dict[str, str]]:
    """Read it as Python does."""
    return list(csv.DictReader(io.StringIO(sheet(read(document)), newline="")))


def test_a_row_for_each_value_and_period() -> None:
    """Numbers are as they came, and what is not known is empty."""
    found = rows(DOCUMENT)

    assert [(row["name"], row["at"][11:16]) for row in found] == [
        ("berlin", "03:00"),
        ("berlin", "04:00"),
        ("berlin", "07:00"),
        ("", "03:00"),
    ]
    assert (found[0]["p95_ms"], found[3]["p95_ms"], found[3]["failure_ratio"]) == ("490.5", "", "")
    assert found[0]["failures"] == "http.5xx:2"
    assert tuple(found[0]) == COLUMNS


@pytest.mark.parametrize("first", FORMULAS)
def test_no_name_is_a_formula(first: str) -> None:
    """A site, an agent or a class that a spreadsheet would calculate is a text in it."""
    name = f"{first}cmd|' /C calc'!A0"
    series = {"name": name, "total": point(3), "points": [point(3, name=name)]}
    cells = [cell for row in rows(DOCUMENT | {"history": [series]}) for cell in row.values()]

    assert any("calc" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(FORMULAS)]


def test_a_name_stays_in_its_cell() -> None:
    """Quotes, commas and lines of a name do not make another cell or row."""
    series = {"name": 'a",b\r\nc', "total": point(3), "points": [point(3)]}
    (row,) = rows(DOCUMENT | {"history": [series]})

    assert row["name"].startswith('a",b')
    assert row["period_s"] == "3600"
