"""
How long a request is waited for: for its head, for its body to grow, for a verdict on its content.

Pure: what is known of one request, and the time.
"""

from .requests import CONTENT, OpenRequest
from .sharing import Sharing
from .stages import OVER, Stage

_BODY_EXPECTED_NS = 1_000_000_000
"""A body that takes longer is looked after: whether it still grows."""
_VERDICT_NS = 2_000_000_000
"""How long after its last byte a request may still be refused: parsing, hashing."""
_CONTENT_VERDICT_NS = 10_000_000_000
"""The same for what is hashed, unpacked and looked up in the checksum database."""


def has_verdict(request: OpenRequest, now_ns: int) -> bool:
    """Say whether no verdict is to be expected for it any more."""
    if request.stage not in OVER:
        return False
    wait_ns = _CONTENT_VERDICT_NS if request.where.target.endpoint in CONTENT else _VERDICT_NS
    return now_ns - request.since_ns > wait_ns


def hangs(request: OpenRequest, sharing: Sharing, now_ns: int, stalled_after_ns: int) -> bool:
    """Say whether its head, or more of its body, has been waited for too long; once."""
    stage, hop = request.stage, request.last
    if stage is Stage.READING:
        grown_at_ns = request.grown_at_ns
        return grown_at_ns is not None and now_ns - grown_at_ns > stalled_after_ns
    if stage not in (Stage.CONNECTING, Stage.WAITING) or hop is None:
        return False
    if now_ns - request.since_ns <= stalled_after_ns:
        return False
    if stage is Stage.WAITING:
        return True
    if hop.cookie is None and not hop.attempts:
        sharing.presume(hop)  # HTTP/2 on a live connection never asks for one
    return hop.cookie is not None and not hop.attempts


def is_body_late(request: OpenRequest, now_ns: int) -> bool:
    """Say whether its body has been under way for a while."""
    return request.stage is Stage.READING and now_ns - request.since_ns > _BODY_EXPECTED_NS
