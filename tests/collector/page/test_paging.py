"""Rules of long lists."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.page.paging import ROWS, paging


@given(st.integers(0, 1_000))
def test_every_row_is_on_one_page(total: int) -> None:
    """In order, each once."""
    whole = list(range(total))
    pages = paging("", total).pages
    seen = [row for number in range(1, pages + 1) for row in paging(str(number), total).part(whole)]

    assert seen == whole


@given(st.text(max_size=12), st.integers(0, 10**6))
def test_whatever_is_asked_for(asked: str, total: int) -> None:
    """There is a page, and it is not long."""
    page = paging(asked, total)

    assert 1 <= page.number <= page.pages
    assert len(page.part(range(total))) <= ROWS
