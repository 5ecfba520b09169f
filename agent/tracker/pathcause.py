"""
Whether the way to a host loses what is large: a link of a smaller MTU that nobody tells of.

`go` sees a TLS handshake that does not end. From packets: what is small comes through and is
acknowledged, what is large is sent again and again; of a server that is silent all is acknowledged,
and of a firewall that drops nothing is.
"""

from .cause import Cause
from .openconnection import OpenConnection

MIN_AGAIN = 3
"""Segments sent again within `go`'s 10 s: plain loss seldom takes as many, a black hole more."""


def path_cause(connection: OpenConnection | None, cause: Cause) -> Cause | None:
    """
    Judge a handshake that was out of time; None where the way lost nothing that is known.

    Args:
        connection: On which it was, closed by now.
        cause: What `go` says of it.
    """
    if connection is None or cause.cls != "tls.timeout":
        return None
    if connection.hole_out and connection.retransmits >= MIN_AGAIN and not connection.bytes_in:
        words = (
            f"cannot be reached by large packets: of {connection.sent_bytes} bytes, sent again "
            f"{connection.retransmits} times, none arrived, and a smaller one did: a smaller MTU "
            "on the way that nobody tells of"
        )
        return cause._replace(cls="tcp.mtu", words=words)
    if connection.hole_in:
        words = (
            f"cannot send large packets here: of its handshake only {connection.bytes_in} bytes "
            "arrived, in what is small, and not what came before: a smaller MTU on the way that "
            "nobody tells of"
        )
        return cause._replace(cls="tcp.mtu", words=words)
    return None
