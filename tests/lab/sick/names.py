"""
A DNS server that fails as the name says.

The first label is `q-A-AAAA`: what is answered to each question, with a third word for what is
answered over TCP. A search domain whose first label is `s-WORD` answers every name below it alike.
Words: see `_answer`; `ok` is the address of `as`.
"""

import asyncio
import socket

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from ..dns_udp import Reply, Udp
from . import places

TTL_S = 60
SLOW_S = 1.5
RCODES = {
    "nx": dns.rcode.NXDOMAIN,
    "servfail": dns.rcode.SERVFAIL,
    "refused": dns.rcode.REFUSED,
    "formerr": dns.rcode.FORMERR,
    "notimp": dns.rcode.NOTIMP,
    "yxdomain": dns.rcode.YXDOMAIN,
    "notauth": dns.rcode.NOTAUTH,
}
ADDRESSES = {
    dns.rdatatype.A: {
        "ok": places.AS, "dead": places.NOBODY4, "zero": "0.0.0.0", "self": "127.0.0.1",
    },
    dns.rdatatype.AAAA: {"ok": places.AS6, "dead": places.NOBODY6, "zero": "::", "self": "::1"},
}  # fmt: skip


def word_for(name: str, qtype: dns.rdatatype.RdataType, over_tcp: bool) -> str:
    """What the name wants for this question. Pure."""
    labels = name.rstrip(".").lower().split(".")
    for label in labels[1:]:
        if label.startswith("s-"):
            return label.removeprefix("s-")
    if not labels[0].startswith("q-"):
        return "nx"
    _, a, aaaa, *tcp = labels[0].split("-")
    if over_tcp and tcp:
        return tcp[0]
    return aaaa if qtype == dns.rdatatype.AAAA else a


def answer(query: dns.message.Message, over_tcp: bool, tries: int) -> Reply:
    """The reply to one question, asked `tries` times before. Pure."""
    question = query.question[0]
    word = word_for(question.name.to_text(), question.rdtype, over_tcp)
    if word == "odd":  # every other question is lost
        word = "ok" if tries % 2 else "silent"
    return _answer(query, word, over_tcp)


def _answer(query: dns.message.Message, word: str, over_tcp: bool) -> Reply:
    reply = dns.message.make_response(query, recursion_available=word != "lame")
    question = query.question[0]
    if word in ("silent", "close", "refuse"):
        return Reply(None)
    if word == "empty":
        return Reply(b"")
    if word == "garbled":
        return Reply(query.id.to_bytes(2, "big") + b"\xff" * 30)
    if word == "short":
        return Reply(reply.to_wire()[:7])
    if word == "wrongid":
        reply.id ^= 0x5555
    if word == "wrongname":
        other = dns.message.make_query("elsewhere.example.", question.rdtype)
        other.id = query.id
        return Reply(dns.message.make_response(other, recursion_available=True).to_wire())
    if word == "tc" and not over_tcp:
        reply.flags |= dns.flags.TC
        return Reply(reply.to_wire())
    reply.set_rcode(RCODES.get(word, dns.rcode.NOERROR))
    if word == "cname":
        reply.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "CNAME", "gone.test."))
    address = ADDRESSES.get(question.rdtype, {}).get("ok" if word in ("slow", "tc") else word)
    if address is not None:
        reply.answer.append(
            dns.rrset.from_text(question.name, TTL_S, "IN", question.rdtype, address)
        )
    return Reply(reply.to_wire(), SLOW_S if word == "slow" else 0.0)


async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Over TCP, one question per connection."""
    length = int.from_bytes(await reader.readexactly(2))
    query = dns.message.from_wire(await reader.readexactly(length))
    question = query.question[0]
    word = word_for(question.name.to_text(), question.rdtype, over_tcp=True)
    reply = _answer(query, word, over_tcp=True)
    if word == "silent":
        await asyncio.sleep(3600)
    await asyncio.sleep(reply.delay_s)
    if reply.wire is not None:
        writer.write(len(reply.wire).to_bytes(2) + reply.wire)
        await writer.drain()
    writer.close()


async def listen() -> None:
    """UDP at DNS_SICK; UDP and TCP at the address after it, so that TCP is refused at the first."""
    loop = asyncio.get_running_loop()
    for address in (places.DNS_SICK, places.DNS_SICK_TCP):
        await loop.create_datagram_endpoint(
            lambda: Udp(answer), local_addr=(address, 53), family=socket.AF_INET
        )
    await asyncio.start_server(tcp, places.DNS_SICK_TCP, 53)
