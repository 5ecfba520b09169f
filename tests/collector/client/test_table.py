"""Rules of the table of `modpulse history`."""

from pasts import DOCUMENT, point

from modpulse.collector.client.table import table
from modpulse.collector.client.told import read


def test_a_row_for_each_value() -> None:
    """By a dimension each value has a row, over all of the time."""
    lines = table(read(DOCUMENT)).splitlines()

    assert lines == [
        "https://proxy.example, 2027-01-15 03:00 to 2027-01-15 08:00 UTC",
        "SITE       REQUESTS  FAILED   FAIL%  MISSES     P50     P95     P99  TOP CAUSE",
        "berlin           20       6  75.00%       2  120 ms  490 ms  1.49 s  http.5xx",
        "(no site)        10       0   0.00%       2  120 ms  490 ms  1.49 s  -",
    ]


def test_a_row_for_each_period() -> None:
    """As a whole each period has one, and the last is all of them."""
    whole = {"name": None, "total": point(3, 4), "points": [point(3), point(5, p50_ms=None)]}
    lines = table(read(DOCUMENT | {"by": None, "history": [whole]})).splitlines()

    assert [line.split()[0] for line in lines[2:]] == ["2027-01-15", "2027-01-15", "all"]
    assert lines[3].split()[6] == "-"


def test_nobody_asked() -> None:
    """Without a series the table says so."""
    assert "Nobody asked it then." in table(read(DOCUMENT | {"history": []}))
