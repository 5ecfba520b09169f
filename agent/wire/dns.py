"""
DNS messages: the only importer of dnspython. Knows nothing of sockets, servers or time.

Source: RFC 1035 section 4; section 4.2.2 for the length before a message over TCP.
"""

from dataclasses import dataclass

import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.flags import QR, TC

from .reader import WireError

MAX_MESSAGE_BYTES = 8192
"""What is read of one message; Go announces 1232, resolvers send at most 4096 over UDP."""

MAX_ADDRESSES = 32
"""Addresses kept of one answer."""

_HEADER_BYTES = 12
_ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True)
class DnsMessage:
    """A question, or the answer to it."""

    id: int
    is_answer: bool
    qname: str
    """Lower case, without the trailing dot."""
    qtype: str
    """IANA mnemonic, `A` or `AAAA` for what `go` asks."""
    rcode: str | None
    """IANA mnemonic; None in a question."""
    truncated: bool
    min_ttl_s: int | None
    """The smallest of the answer section; None when that is empty."""
    addresses: tuple[str, ...]
    """Of the A and AAAA records, in order."""


def parse_dns(data: bytes) -> DnsMessage:
    """
    Read one message, as in a UDP payload.

    A message whose end was not captured, or whose records are damaged, is read as far as it
    makes sense; its question must be whole.

    Raises:
        WireError: not a DNS message with a question.
    """
    if len(data) < _HEADER_BYTES:
        raise WireError(f"DNS message of {len(data)} bytes")
    try:
        message = dns.message.from_wire(
            data[:MAX_MESSAGE_BYTES], ignore_trailing=True, continue_on_error=True
        )
        question = message.question[0]
    except (dns.exception.DNSException, ValueError, IndexError) as error:
        raise WireError(f"no DNS message with a question: {error}") from error
    is_answer = bool(message.flags & QR)
    addresses = [
        record.address
        for rrset in message.answer
        if rrset.rdclass == dns.rdataclass.IN and rrset.rdtype in _ADDRESS_TYPES
        for record in rrset
    ]
    return DnsMessage(
        id=message.id,
        is_answer=is_answer,
        qname=question.name.to_text(omit_final_dot=True).lower(),
        qtype=dns.rdatatype.to_text(question.rdtype),
        rcode=dns.rcode.to_text(message.rcode()) if is_answer else None,
        truncated=bool(message.flags & TC),
        min_ttl_s=min((rrset.ttl for rrset in message.answer), default=None),
        addresses=tuple(addresses[:MAX_ADDRESSES]),
    )


def take_message(stream: bytes | bytearray) -> tuple[bytes, int] | None:
    """
    Return the first message of a DNS stream over TCP and where the next begins.

    Returns:
        None while the message is incomplete.
    """
    end = 2 + int.from_bytes(stream[:2], "big")
    if len(stream) < 2 or len(stream) < end:
        return None
    return bytes(stream[2:end]), end
