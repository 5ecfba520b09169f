"""
A router on whose links no packet over 1400 bytes goes, and which tells nobody of it.

    client 10.45.0.1 ── 10.46.0.2 router 10.47.0.2 ── servers
        to NARROW_TO ──▶                ──▶
                     ◀──                ◀── from NARROW_FROM

What goes the other way takes the way of all others.
"""

from pathlib import Path
from typing import Any

from ..hosts import CLIENT4
from . import places

MTU = 1400
LOCK_MTU = 1 << 2
"""linux/rtnetlink.h: RTAX_MTU as a bit; a router heeds the MTU of a route that is locked only."""
TABLE = 100
ICMP = 1


def set_up(ip: Any, client_pid: int, servers_pid: int) -> None:
    """In the router's namespace; the two others are there and joined."""
    from pyroute2 import NetNS  # noqa: PLC0415, as in netns.py

    targets = f"{places.NARROW_TO}/32", f"{places.NARROW_FROM}/32"
    with (
        NetNS(f"/proc/{client_pid}/ns/net", flags=0) as client,
        NetNS(f"/proc/{servers_pid}/ns/net", flags=0) as servers,
    ):
        for name, end, pid, net in (
            ("client1", client, client_pid, 46), ("servers1", servers, servers_pid, 47),
        ):  # fmt: skip
            peer = {"ifname": name, "net_ns_pid": pid}
            ip.link("add", ifname=f"to-{name}", kind="veth", peer=peer)
            for side, interface, number in ((ip, f"to-{name}", 2), (end, name, 1)):
                index = side.link_lookup(ifname=interface)[0]
                side.addr("add", index=index, address=f"10.{net}.0.{number}", prefixlen=24)
                side.link("set", index=index, state="up")
        client.route("add", dst=targets[0], gateway="10.46.0.2", prefsrc=CLIENT4)
        servers.route("add", dst="0.0.0.0/0", gateway="10.47.0.2", table=TABLE)
        servers.rule("add", src=places.NARROW_FROM, src_len=32, table=TABLE)
    narrow = {"mtu": MTU, "lock": LOCK_MTU}
    ip.route("add", dst=targets[0], gateway="10.47.0.1", metrics=narrow)
    ip.route("add", dst=f"{CLIENT4}/32", gateway="10.46.0.1", metrics=narrow)
    ip.rule("add", ip_proto=ICMP, iifname="lo", action="blackhole")  # nothing of its own
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
