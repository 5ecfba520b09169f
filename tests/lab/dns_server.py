"""
Two DNS servers: Debian's dnsmasq, which behaves, and one of our own, which has faults by name.

`dnsmasq_argv` is the command of the first. The second is this module run as
`python -m lab.dns_server`; it answers for every host of the lab and says `ready` on stdout.
"""

import asyncio
import ipaddress
import socket
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from . import hosts
from .dns_udp import Reply, Udp
from .sick import places

TTL_S = 60
SLOW_S = 1.5
RCODES = {
    "dns-servfail": dns.rcode.SERVFAIL,
    "dns-refused": dns.rcode.REFUSED,
    "dns-nxdomain": dns.rcode.NXDOMAIN,
}


def dnsmasq_argv(pid_file: Path) -> list[str]:
    """A dnsmasq that knows the hosts that have addresses, and NXDOMAIN for the rest of lab.test."""
    argv = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--group=root",
        "--no-resolv",
        "--no-hosts",
        "--no-round-robin",
        "--bind-interfaces",
        f"--listen-address={hosts.DNSMASQ},{hosts.DNSMASQ6}",
        f"--pid-file={pid_file}",
        f"--local=/{hosts.DOMAIN}/",
        f"--local-ttl={TTL_S}",
    ]
    for host in hosts.HOSTS.values():
        argv += [f"--host-record={host.fqdn},{address}" for address in host.addresses]
    for name, addresses in places.records().items():
        argv += [f"--host-record={name},{address}" for address in addresses]
    argv += [f"--address=/{name}/{address}" for name, address in places.WILDCARDS.items()]
    return argv


def answer(query: dns.message.Message, over_tcp: bool, tries: int) -> Reply:
    """
    The reply to one question. Pure.

    `tries` is how often this question was asked before.
    """
    reply = dns.message.make_response(query, recursion_available=True)
    question = query.question[0]
    name = question.name.to_text().rstrip(".").lower().removesuffix(f".{hosts.DOMAIN}")
    host = hosts.HOSTS.get(name)
    if name == "dns-silent" or (name == "dns-first-lost" and tries % 2 == 0):
        return Reply(None)
    if name == "dns-truncated" and not over_tcp:
        reply.flags |= dns.flags.TC
        return Reply(reply.to_wire())
    rcode = RCODES.get(name, dns.rcode.NOERROR if host else dns.rcode.NXDOMAIN)
    reply.set_rcode(rcode)
    if host and rcode == dns.rcode.NOERROR:
        version = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype)
        found = [a for a in host.addresses if ipaddress.ip_address(a).version == version]
        if found:
            rrset = dns.rrset.from_text(question.name, TTL_S, "IN", question.rdtype, *found)
            reply.answer.append(rrset)
    return Reply(reply.to_wire(), SLOW_S if name == "dns-slow" else 0.0)


async def tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """DNS over TCP, one question per connection."""
    length = int.from_bytes(await reader.readexactly(2))
    query = dns.message.from_wire(await reader.readexactly(length))
    wire, delay_s = answer(query, over_tcp=True, tries=1)
    await asyncio.sleep(delay_s)
    if wire is not None:
        writer.write(len(wire).to_bytes(2) + wire)
        await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until the process is killed."""
    place = (hosts.DNS_FAULTS, 53)
    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Udp(answer), local_addr=place, family=socket.AF_INET
    )
    await asyncio.start_server(tcp, *place)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
