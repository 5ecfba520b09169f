"""Reassembly of the first bytes of one direction."""

from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.wire.stream import MAX_HELD_SEGMENTS, MAX_STREAM_BYTES, Stream

DATA = bytes(range(200))


def test_in_order() -> None:
    """Segments in order are returned as they come, the first at the stream's start."""
    stream = Stream()

    assert [stream.feed(1000, b"ab"), stream.feed(1002, b"cd")] == [b"ab", b"cd"]


def test_late_and_repeated() -> None:
    """A segment before its turn waits; what was returned is not returned again."""
    stream = Stream()
    stream.start(999)

    seen = [
        stream.feed(1002, b"cd"),
        stream.feed(1000, b"ab"),
        stream.feed(1000, b"ab"),
        stream.feed(1001, b"bcdef"),
    ]

    assert seen == [b"", b"abcd", b"", b"ef"]


def test_the_first_start_counts() -> None:
    """A SYN that comes again does not move the start."""
    stream = Stream()
    stream.start(99)
    stream.start(500)

    assert stream.feed(100, b"ab") == b"ab"


def test_sequence_numbers_wrap() -> None:
    """2^32 is followed by 0."""
    stream = Stream()
    stream.start(0xFFFFFFFD)

    assert [stream.feed(0xFFFFFFFE, b"ab"), stream.feed(0, b"cd")] == [b"ab", b"cd"]


def test_cut_packet_stops() -> None:
    """After a packet that was cut nothing more can be in order."""
    stream = Stream()

    assert [stream.feed(1, b"ab", 5), stream.feed(6, b"x")] == [b"ab", b""]
    assert stream.stopped


def test_cut_part_that_came_before_does_no_harm() -> None:
    """A repeated segment that is cut within what is known changes nothing."""
    stream = Stream()

    assert [
        stream.feed(1, b"abcd"), stream.feed(1, b"a", 4), stream.feed(5, b"e"),
    ] == [b"abcd", b"", b"e"]  # fmt: skip


def test_a_gap_is_not_waited_for_without_end() -> None:
    """With too many segments waiting, the one before them is lost."""
    stream = Stream()
    stream.start(0)
    for index in range(MAX_HELD_SEGMENTS + 1):
        assert stream.feed(10 + 2 * index, b"x") == b""

    assert stream.stopped


def test_only_the_first_bytes() -> None:
    """The stream ends at its bound."""
    stream = Stream()

    assert len(stream.feed(1, bytes(MAX_STREAM_BYTES + 10))) == MAX_STREAM_BYTES
    assert stream.stopped


@given(st.lists(st.tuples(st.integers(0, 199), st.integers(1, 60)), max_size=20), st.randoms())
def test_any_order(extra: list[tuple[int, int]], random: object) -> None:
    """Whatever comes twice or in whatever order, the bytes are those of the stream."""
    segments = [(at, 25) for at in range(0, 200, 25)] + extra
    random.shuffle(segments)  # type: ignore[attr-defined] # hypothesis has no public type for it
    stream = Stream()
    stream.start(41)

    seen = b"".join(stream.feed(42 + at, DATA[at : at + size]) for at, size in segments)

    assert seen == DATA


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=20), st.integers(0, 40))))
def test_any_segments(segments: list[tuple[int, bytes, int]]) -> None:
    """Nothing raises, and no more is held than the bounds say."""
    stream = Stream()
    for seq, payload, size in segments:
        stream.feed(seq, payload, size)

    assert len(stream._held) <= MAX_HELD_SEGMENTS
