"""
DNS messages: the only importer of dnspython. Knows nothing of sockets, servers or time.

Source: RFC 1035 section 4; section 4.2.2 for the length before a message over TCP.
"""

import ipaddress
from dataclasses import dataclass, field

import dns.exception
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.flags import QR, TC

from .reader import Reader, WireError

MAX_MESSAGE_BYTES = 8192
"""What is read of one message; Go announces 1232, resolvers send at most 4096 over UDP."""

MAX_ADDRESSES = 32
"""Addresses kept of one answer."""

_ADDRESS_BYTES = {int(dns.rdatatype.A): 4, int(dns.rdatatype.AAAA): 16}
_POINTER = 0xC0
"""The two bits that begin a compressed name's pointer, RFC 1035 section 4.1.4."""


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
    data = data[:MAX_MESSAGE_BYTES]
    try:
        message = dns.message.from_wire(data, question_only=True)
        question = message.question[0]
    except (dns.exception.DNSException, ValueError, IndexError) as error:
        raise WireError(f"no DNS message with a question: {error}") from error
    is_answer = bool(message.flags & QR)
    found = _read_records(data)
    rcode = dns.rcode.from_flags(message.flags, found.opt_ttl)
    return DnsMessage(
        id=message.id,
        is_answer=is_answer,
        qname=question.name.to_text(omit_final_dot=True).lower(),
        qtype=dns.rdatatype.to_text(question.rdtype),
        rcode=dns.rcode.to_text(rcode) if is_answer else None,
        truncated=bool(message.flags & TC),
        min_ttl_s=min(found.ttls, default=None),
        addresses=tuple(found.addresses),
    )


@dataclass(slots=True)
class _Records:
    """What the records behind the question tell."""

    ttls: list[int] = field(default_factory=list)
    """Of the answer section."""
    addresses: list[str] = field(default_factory=list)
    opt_ttl: int = 0
    """Of the OPT record, which holds the upper bits of the rcode: RFC 6891 section 6.1.3."""


def _read_records(data: bytes) -> _Records:
    """
    Walk over the records without reading their names.

    dnspython would read them in time that grows with the square of the labels: seconds for a
    hostile 8 kB.
    """
    found = _Records()
    reader = Reader(data)
    reader.take(4)
    questions, answers, others = reader.u16(), reader.u16(), reader.u16() + reader.u16()
    try:
        for _ in range(questions):
            _skip_name(reader)
            reader.take(4)
        for index in range(answers + others):
            _read_record(reader, found, index < answers)
    except WireError:
        pass
    return found


def _read_record(reader: Reader, found: _Records, is_answer: bool) -> None:
    _skip_name(reader)
    rdtype, rdclass, ttl = reader.u16(), reader.u16(), reader.u16() << 16 | reader.u16()
    rdata = reader.take(reader.u16())
    if rdtype == dns.rdatatype.OPT:
        found.opt_ttl = ttl
    if not is_answer:
        return
    found.ttls.append(ttl)
    is_address = rdclass == dns.rdataclass.IN and _ADDRESS_BYTES.get(rdtype) == len(rdata)
    if is_address and len(found.addresses) < MAX_ADDRESSES:
        found.addresses.append(str(ipaddress.ip_address(rdata)))


def _skip_name(reader: Reader) -> None:
    while length := reader.u8():
        if length >= _POINTER:
            reader.take(1)
            return
        reader.take(length)


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
