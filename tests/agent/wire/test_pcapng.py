"""The blocks of pcapng, read back by scapy."""

import io

from hypothesis import given
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from modpulse.agent.wire.ip import LINKTYPE_RAW
from modpulse.agent.wire.pcapng import MAX_COMMENT_BYTES, file_start, packet_block


@given(
    st.integers(0, 2**63), st.binary(max_size=70), st.integers(0, 3000), st.booleans(),
    st.text(max_size=40),
)  # fmt: skip
def test_round_trip(at_ns: int, data: bytes, more: int, outgoing: bool, comment: str) -> None:
    """A packet comes back with its time to the nanosecond, length, direction and comment."""
    file = io.BytesIO(
        file_start("test", LINKTYPE_RAW)
        + packet_block(at_ns, data, len(data) + more, outgoing, comment)
    )
    ((found, meta),) = list(RawPcapNgReader(file))

    assert (data, at_ns, 10**9, len(data) + more, LINKTYPE_RAW) == (
        found, meta.tshigh << 32 | meta.tslow, meta.tsresol, meta.wirelen, meta.linktype,
    )  # fmt: skip
    assert [comment.encode()] == meta.comments
    assert (2 if outgoing else 1) == meta.direction


def test_comment_is_bounded() -> None:
    """A very long comment is cut."""
    block = packet_block(0, b"", 0, True, "x" * 5000)

    assert block.count(b"x") == MAX_COMMENT_BYTES
