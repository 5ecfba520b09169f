"""HTTP/2 streams that give no answer and are asked for again."""

import struct

import pytest
from builders import at, go_error

from modpulse.agent.tracker.cause import Cause
from modpulse.agent.tracker.streams import FailedStreams

REFUSED = go_error("http2.StreamError", leaf=struct.pack("<IIQ", 1, 7, 1))


def failed(*ms: float) -> FailedStreams:
    made = FailedStreams(at(0))
    for time in ms:
        made.add(at(time), REFUSED)
    return made


@pytest.mark.parametrize(
    ("ms", "after_ms", "is_pausing"),
    [
        ((0,), 500, True),
        ((0,), 2000, False),
        ((0, 1, 1100, 3300), 7500, True),
        ((0, 1, 1100, 3300), 9000, False),
        ((0, 1, 1100, 3300, 7700, 16500, 34000), 68000, True),
        ((0, 1, 1100, 3300, 7700, 16500, 34000), 80000, False),
    ],
)
def test_pauses(ms: tuple[float, ...], after_ms: float, is_pausing: bool) -> None:
    """As long as go pauses before it asks again, the last failure says what is wrong; then it
    waits for an answer."""
    assert (failed(*ms).cause(at(after_ms)) is not None) is is_pausing


def test_a_new_connection_begins_anew() -> None:
    """There net/http pauses no longer than after the first failure."""
    made = failed(0, 1, 1100, 3300)
    made.in_a_row = 0

    assert made.cause(at(7500)) is None


def test_how_often() -> None:
    """Once goes without saying."""
    cause = Cause("http.reset", "reset it")

    assert failed(0).counted(cause, at(5000)) == cause
    assert failed(0, 1, 2).counted(cause, at(20_000)).words == (
        "reset it; go asked again and again, 3 times in 20.0 s"
    )


def test_without_an_error() -> None:
    """What could not be read says nothing."""
    made = FailedStreams(at(0))
    made.add(at(1), None)

    assert made.cause(at(2)) is None
