"""Rules of what follows the `?` of an address."""

from datetime import datetime

import pytest
from alarms import Run, down
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.errors import RejectedError
from modpulse.collector.http.past import alert_name
from modpulse.collector.http.query import MAX_LIMIT, Page, page_of, span_s

NAMES = st.lists(st.text(min_size=1, max_size=3), unique=True).map(sorted)


@given(NAMES, st.integers(1, 5))
def test_pages_are_the_list(names: list[str], limit: int) -> None:
    """Page by page each row comes once, and the last page says that it is."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        rows, after = Page(limit, after).cut(names, str)
        found += rows
        assert len(rows) == limit or after is None
        assert after in (None, found[-1] if found else None)

    assert found == names


@given(NAMES, st.text(max_size=3), st.integers(1, 5))
def test_a_page_goes_on_where_a_row_was(names: list[str], gone: str, limit: int) -> None:
    """Also behind one that is gone: nothing is left out for that."""
    rows, _ = Page(limit, gone).cut(names, str)

    assert list(rows) == [name for name in names if name > gone][:limit]


def test_without_a_limit_all_is_told() -> None:
    """As it was before there were pages."""
    assert page_of({}) == Page(None, "")
    assert Page(None, "").cut(["a", "b"], str) == (["a", "b"], None)


@given(st.datetimes(), st.integers(-(10**17), 10**17))
def test_a_span_has_times_that_the_database_knows(until: datetime, offset_ns: int) -> None:
    """Whatever time is said, it is refused or fits into 64 bits of ns."""
    try:
        span = span_s({"until": f"{until.isoformat()}Z", "since": "7d"}, 10**18, offset_ns)
    except RejectedError:
        return
    assert all(0 <= at_s * 10**9 < 1 << 63 for at_s in span)


def test_a_time_that_is_too_late_is_refused() -> None:
    """schemathesis asked for the year 3452."""
    with pytest.raises(RejectedError, match="2255"):
        span_s({"until": "3452-01-12T00:01:57Z"}, 10**18, 0)


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "", "x", "²", str(MAX_LIMIT + 1), "9" * 30])
def test_a_limit_that_makes_no_sense_is_refused(limit: str) -> None:
    """It is a number of rows, of a page that is not too long."""
    with pytest.raises(RejectedError):
        page_of({"limit": limit})


def test_pages_of_alerts() -> None:
    """Those that fire come first, each once, also where one is gone between two pages."""
    run = Run()
    run.steps(60, down("https://b.example"), down("https://a.example"))
    run.steps(20, down("https://b.example"), down("https://a.example"), down("https://0.example"))
    alerts = sorted(run.state.alerts.values(), key=alert_name)
    first, after = page_of({"limit": "1"}).cut(alerts, alert_name)
    rest, last = page_of({"after": after or ""}).cut(alerts[1:], alert_name)

    assert [alert.key.proxy[8] for alert in (*first, *rest)] == ["a", "b", "0"]
    assert [alert.is_firing for alert in alerts] == [True, True, False]
    assert last is None
