"""Rules of the columns that lines are drawn from."""

import json

from histories import T0_S, history, point, series

from modpulse.collector.page.charts import MOST_CLASSES, REST, columns

TLS = {"tls": (1.0, 2.0, 3.0)}


def test_columns_are_as_long_as_times() -> None:
    """Each value stands at the middle of its period; latencies by phase and percentile."""
    first = point(0, p50_ms=5.0, p95_ms=9.0004, phases_ms=TLS, failures={"tcp.reset": 60})
    found = columns(history(series(first, point(1))), 10**9)

    assert found["at_s"] == [T0_S + 1801, T0_S + 5401]
    assert found["phases"]["p95"] == {"first_byte": [9.0, None], "tls": [2.0, None]}
    assert found["phases"]["p99"] == {"tls": [3.0, None]}
    assert found["rates"]["failed"] == found["failures"]["tcp.reset"] == [1.0, 0.0]
    assert "NaN" not in json.dumps(found)


def test_no_line_goes_over_what_was_not_seen() -> None:
    """Between two periods that do not touch there is a row of nulls."""
    found = columns(history(series(point(0), point(3))), 0)

    assert found["at_s"] == [T0_S + 1800, T0_S + 7200, T0_S + 12600]
    assert found["rates"]["ok"] == [0.167, None, 0.167]


def test_many_classes() -> None:
    """Those with most failures have a line of their own, all others are one."""
    failures = {f"http.{number}": number for number in range(1, MOST_CLASSES + 4)}
    found = columns(history(series(point(0, period_s=60, failures=failures))), 0)["failures"]

    assert len(found) == MOST_CLASSES + 1
    assert found[REST] == [1 + 2 + 3]


def test_nothing_known() -> None:
    """No history, or an empty one, has no rows."""
    assert columns(None, 0) == columns(history(), 0)
    assert columns(None, 0)["at_s"] == []
