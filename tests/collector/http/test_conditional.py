"""Rules of requests that are only answered if something changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.http.conditional import has, has_any, weak

TAG = weak(1800, 0, 3)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        (TAG, True),
        (TAG[2:], True),
        (b'"other", ' + TAG, True),
        (b'"a,b",W/"1800-0-3"', True),
        (b'W/"1800-0-4"', False),
        (b'"W/1800-0-3"', False),
        (b"1800-0-3", False),
        (b"*", False),
        (b"", False),
        (b'"', False),
    ],
)
def test_a_tag_is_known_among_others(said: bytes, known: bool) -> None:
    """Weak or strong, alone or in a list; what is no tag is none."""
    assert has({b"if-none-match": said}, TAG) is known
    assert has_any({b"if-none-match": said}) is (said == b"*")


def test_nobody_has_what_he_does_not_name() -> None:
    """Without the header there is no condition."""
    assert not has({}, TAG)
    assert not has_any({})


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_no_error(said: bytes) -> None:
    """Whatever a stranger names, it is his tag or it is not."""
    assert has({b"if-none-match": said}, TAG) == (b'"1800-0-3"' in said)


@given(st.lists(st.integers(0, 9), max_size=3), st.lists(st.integers(0, 9), max_size=3))
def test_another_version_has_another_tag(one: list[int], other: list[int]) -> None:
    """Tags are equal where versions are."""
    assert (weak(*one) == weak(*other)) == (one == other)
