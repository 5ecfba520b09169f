"""
Two network namespaces joined by a veth pair, and processes inside them.

`Namespace` is one namespace, alive as long as its holder process; nothing has a name, so nothing
can collide or be left behind. This module is also the holder's program: it sets up its side of the
network with pyroute2 and then waits until its stdin is closed.

    client 10.45.0.1 ── veth ── 10.45.0.2 servers (10.44.0.0/16 on lo, forwards)
                                  ├─ 10.66.0.0/16 blackhole: packets vanish, a dropped SYN
                                  └─ 10.67.0.0/16 unreachable: answered by ICMP

A third is a second way between them, for two addresses: see `sick/narrow.py`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from . import hosts
from .sick import narrow, places

TESTS = Path(__file__).resolve().parents[1]
IFA_F_NODAD = 0x02
"""linux/if_addr.h: use the address at once; detecting duplicates would take a second."""
END_S = 5.0


class Namespace:
    """
    A network and mount namespace, with files of its own laid over those of the machine.

    It ends when the pipe to its holder's stdin does: by `close`, or when this process dies.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._holder = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            start_new_session=True,  # Ctrl-C is for the one who made it
        )
        self.pid = self._holder.pid
        try:
            self.wait_for("here")
        except RuntimeError:
            self.close()
            raise

    @classmethod
    def holding(cls, role: str, *args: object) -> Self:
        """Make a network namespace whose holder takes `role` (see `main`)."""
        holder = [sys.executable, "-P", "-m", "lab.netns", role, *map(str, args)]
        return cls(["unshare", "--net", "--mount", *holder])

    def view(self, files: dict[str, Path]) -> "Namespace":
        """The same network with other files: `files` maps a path of the machine to its stand-in."""
        mounts = "".join(
            f"mount --bind {source} $(readlink -f {target}) && " for target, source in files.items()
        )
        inside = ["nsenter", f"--net=/proc/{self.pid}/ns/net", "unshare", "--mount"]
        return Namespace([*inside, "sh", "-ec", f"{mounts} echo here; exec cat"])

    def wait_for(self, word: str) -> None:
        """Block until the holder says `word`."""
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline().strip()
        if said != word:
            raise RuntimeError(f"holder of a namespace said {said!r}, not {word!r}")

    def tell(self, word: str) -> None:
        """Send the holder a line."""
        assert self._holder.stdin is not None
        self._holder.stdin.write(word + "\n")
        self._holder.stdin.flush()

    def enter(self, cwd: str | Path = "/") -> list[str]:
        """
        The words before a command that run it here, in `cwd`, in the same pid.

        The command dies with the process that started it, so that no test leaves anything running.
        """
        return [
            *("setpriv", "--pdeathsig=KILL"),
            *("nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt"),
            *("env", f"--chdir={cwd}"),
        ]

    def close(self) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._holder.stdin.close()
        try:
            self._holder.wait(END_S)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        self._holder.stdout.close()


@contextlib.contextmanager
def network(folder: Path, sick: bool) -> Iterator[tuple[Namespace, Namespace]]:
    """The client's and the servers' namespace, joined; gone with `folder` when the block ends.

    With `sick` there is the second way too.
    """
    with contextlib.ExitStack() as stack:
        client = Namespace.holding("client", folder)
        stack.callback(client.close)
        servers = Namespace.holding("servers", client.pid)
        stack.callback(servers.close)
        servers.wait_for("ready")
        client.tell("joined")
        client.wait_for("ready")
        if sick:
            between = Namespace.holding("between", client.pid, servers.pid)
            stack.callback(between.close)
            between.wait_for("ready")
        yield client, servers


def _up(ip: Any, name: str, addresses: Sequence[str]) -> int:
    """Give the interface its `addresses` and set it up; answers its index."""
    index: int = ip.link_lookup(ifname=name)[0]
    for address in addresses:
        whole = 128 if ":" in address else 32
        prefixlen = whole if name == "lo" else {128: 64, 32: 24}[whole]
        flags = {"flags": IFA_F_NODAD} if whole == 128 else {}
        ip.addr("add", index=index, address=address, prefixlen=prefixlen, **flags)
    ip.link("set", index=index, state="up")
    return index


def set_up_servers(ip: Any, client_pid: int) -> None:
    """Addresses of all servers, the pair, and two kinds of nowhere."""
    _up(ip, "lo", (*hosts.server_addresses(), *places.ADDRESSES))
    peer = {"ifname": "client0", "net_ns_pid": client_pid}
    ip.link("add", ifname="servers0", kind="veth", peer=peer)
    _up(ip, "servers0", (hosts.ROUTER4, hosts.ROUTER6))
    for net in hosts.DROPPED_NETS:
        ip.route("add", dst=net, type="blackhole")
    for net in hosts.UNREACHABLE_NETS:
        ip.route("add", dst=net, type="unreachable")
    ip.route("add", dst=f"{places.PROHIBITED4}/32", type="prohibit")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
    for family in ("ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"):
        Path(f"/proc/sys/net/{family}").write_text("0")


def set_up_client(ip: Any) -> None:
    """One interface, everything else behind it."""
    _up(ip, "lo", ())
    _up(ip, "client0", (hosts.CLIENT4, hosts.CLIENT6))
    ip.route("add", dst="0.0.0.0/0", gateway=hosts.ROUTER4)
    ip.route("add", dst="::/0", gateway=hosts.ROUTER6)
    for kind, address in places.LOCAL.items():
        ip.route("add", dst=f"{address}/32", type=kind)


def main(role: str, *args: str) -> None:
    """Hold a namespace: `client FOLDER_TO_REMOVE_AT_THE_END`, `servers CLIENT_PID`, or
    `between CLIENT_PID SERVERS_PID`."""
    # Link-local addresses would else be tentative for a second, and IPv6 deaf as long.
    for which in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{which}/accept_dad").write_text("0")
    print("here", flush=True)
    from pyroute2 import IPRoute  # noqa: PLC0415, a quarter of a second that the peer need not wait

    with IPRoute() as ip:
        if role == "client":
            sys.stdin.readline()
            set_up_client(ip)
        elif role == "between":
            narrow.set_up(ip, *map(int, args))
        else:
            set_up_servers(ip, int(args[0]))
    print("ready", flush=True)
    sys.stdin.read()
    if role == "client":
        _remove(Path(args[0]))


def _remove(folder: Path) -> None:
    """Remove the lab's folder; whoever still writes there has been killed, but may not know yet."""
    deadline = time.monotonic() + END_S
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
