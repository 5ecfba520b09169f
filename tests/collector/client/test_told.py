"""Rules of what is read of an answer about the past."""

from hypothesis import given
from hypothesis import strategies as st
from pasts import DOCUMENT

from modpulse.collector.client.plot import svg
from modpulse.collector.client.sheet import sheet
from modpulse.collector.client.table import table
from modpulse.collector.client.told import name_of, read

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["history", "points", "total", "at", "name", "since", "by", "p95_ms"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def test_what_is_said_is_read() -> None:
    """Each key becomes the value it has."""
    told = read(DOCUMENT)
    total = told.lines[0].total

    assert (told.by, told.step_s, [name_of(told, line) for line in told.lines]) == (
        "site",
        3600,
        ["berlin", "(no site)"],
    )
    assert (total.requests, total.failed, total.failures) == (20, 6, {"http.5xx": 6})
    assert told.lines[0].dots[0].p95_ms == 490.5


@given(st.dictionaries(st.sampled_from(["history", "proxy", "since", "until", "by"]), ANY))
def test_any_document_is_shown(document: dict[str, object]) -> None:
    """Whatever a stranger answers, it is a table, a sheet and a picture, and no error."""
    told = read(document)

    assert [bool(render(told)) for render in (table, sheet, svg)] == [True] * 3
