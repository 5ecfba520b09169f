"""Open files on their way through sockets: what is kept, and what is let go."""

import os
from collections.abc import Iterator

import pytest

from modpulse.agent.kernel.outlast import MAX_FILES, Outlast


@pytest.fixture(params=[False, True])
def outlast(request: pytest.FixtureRequest) -> Iterator[Outlast]:
    """Of one round and of two."""
    made = Outlast()
    if request.param:
        made.sink()
    yield made
    made.close()


def kept_by(outlast: Outlast) -> int:
    """Have it keep one end of a pipe that has no other descriptor; return the other end."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    outlast.keep([writing])
    os.close(writing)
    return reading


def is_open(reading: int) -> bool:
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:
        return True


def test_kept_until_others_are(outlast: Outlast) -> None:
    """In place of those before, however often, and of none too."""
    first, second = kept_by(outlast), kept_by(outlast)
    assert (is_open(first), is_open(second)) == (False, True)
    outlast.keep([])
    outlast.keep([])
    third = kept_by(outlast)
    assert (is_open(second), is_open(third)) == (False, True)
    for end in (first, second, third):
        os.close(end)


def test_nothing_is_kept_at_the_end() -> None:
    """Nor is a descriptor of its own left."""
    before = set(os.listdir("/proc/self/fd"))
    outlast = Outlast()
    outlast.sink()
    reading = kept_by(outlast)
    outlast.close()

    assert not is_open(reading)
    os.close(reading)
    assert set(os.listdir("/proc/self/fd")) == before


def test_too_many_are_refused(outlast: Outlast) -> None:
    """Then those before are not kept either: whoever waits for one must not wait for ever."""
    reading = kept_by(outlast)
    many = [os.open("/dev/null", os.O_RDONLY)] * (MAX_FILES + 1)
    with pytest.raises(OSError, match="argument"):
        outlast.keep(many)

    assert not is_open(reading)
    outlast.keep(many[1:])
    os.close(many[0])
    os.close(reading)
