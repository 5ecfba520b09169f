"""Rules of what follows the `?` of an address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.errors import RejectedError
from modpulse.collector.http.query import MAX_LIMIT, Page, page_of

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


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "", "x", "²", str(MAX_LIMIT + 1), "9" * 30])
def test_a_limit_that_makes_no_sense_is_refused(limit: str) -> None:
    """It is a number of rows, of a page that is not too long."""
    with pytest.raises(RejectedError):
        page_of({"limit": limit})
