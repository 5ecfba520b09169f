"""Rules of foreign names as labels."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.service.foreign import said
from modpulse.collector.http.names import Names

ALIKE = ["https://a.example/mp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "https://a.example/mp_…"]


@given(st.lists(st.text(max_size=9) | st.sampled_from([*ALIKE, "x", "x\u200b", "x~2"])))
def test_no_two_are_told_alike(names: list[str]) -> None:
    """Whatever they are, each has a name of its own, the same whoever was asked first."""
    told = Names(names)
    again = Names(reversed(names))

    assert len(set(told.values())) == len(told) == len(set(names))
    assert told == again
    assert all(said(name) == told[name].partition("~")[0] for name in told if "~" not in said(name))


def test_what_comes_later() -> None:
    """A value that was not known at first gets a name too; most are told as they are."""
    told = Names(["x"])

    assert [told[name] for name in ("x", "x\u200b", "y", "x\u200b")] == ["x", "x~2", "y", "x~2"]
