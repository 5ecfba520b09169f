"""
Why HTTP/2 ended a stream or a connection: its codes, and who sent them.
"""

import re
import struct

from ..events.events import GoError
from .cause import Cause

_H2_CODES = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip
"""RFC 9113 section 7."""

_PROTOCOL_ERROR, _CALM = 1, 11

_PLAIN_WORDS = re.compile(r"[a-z_ ]{1,40}")
"""What a server says of a GOAWAY is repeated only where it can be no secret of a request."""


def http2_cause(error: GoError, from_peer: bool = False) -> Cause | None:
    """
    Judge what ended a stream or a connection; None of another error.

    Args:
        error: From the outside in.
        from_peer: Whether a PROTOCOL_ERROR with a cause is what the server sent. Before the head of
            an answer net/http asks again for that, so what ends it at once is go's own.
    """
    name = error.types[-1].lower()
    if name.endswith("streamerror"):
        stream, code, cause = struct.unpack_from("<IIQ", error.leaf)
        if not stream:  # not read: there is none of that number
            return Cause("http.reset", "reset the HTTP/2 stream, or go did")
        # Go's own that hold a cause are all of this code: what it does not take for an
        # answer's head. Sources: x/net/http2, processHeaders, readMetaFrame, canRetryError.
        if not cause or (code == _PROTOCOL_ERROR and not from_peer):
            return _broken_rules(code)
        return _h2(code, f"reset the HTTP/2 stream: {h2_code(code)}, received from it")
    if name.endswith("goawayerror"):
        (code,) = struct.unpack_from("<I", error.leaf, 4)
        why = f', "{error.text}"' if _PLAIN_WORDS.fullmatch(error.text) else ""
        return _h2(code, f"ended the HTTP/2 connection: GOAWAY {h2_code(code)}{why}")
    if name.endswith(("http2connectionerror", "http2.connectionerror")):
        (code,) = struct.unpack_from("<I", error.leaf)
        return _broken_rules(code)
    if error.text.startswith("http2: Transport received GOAWAY"):
        code = next((n for n, known in enumerate(_H2_CODES) if error.text.endswith(known)), 0)
        return _h2(code, f"ended the HTTP/2 connection: GOAWAY {h2_code(code)}")
    if error.text.startswith("http2: Transport received Server's graceful shutdown GOAWAY"):
        return _h2(0, f"ended the HTTP/2 connection: GOAWAY {h2_code(0)}")
    if error.text.startswith("http2: client conn "):
        return Cause("http.reset", "closed the HTTP/2 connection")
    if error.text == "http2: client connection lost":
        return Cause("http.reset", "stopped answering on the HTTP/2 connection")
    return None


def _broken_rules(code: int) -> Cause:
    return Cause("http.protocol", f"broke the rules of HTTP/2: {h2_code(code)}")


def _h2(code: int, words: str) -> Cause:
    return Cause("http.429" if code == _CALM else "http.reset", words)


def h2_code(code: int) -> str:
    """Name an error code of HTTP/2 as go prints it."""
    return _H2_CODES[code] if code < len(_H2_CODES) else f"unknown error code 0x{code:x}"
