"""
The child that compiles and loads the eBPF programs, hands their descriptors over, and exits.

The only importer of bcc, which with LLVM takes 100 MB: that is why it is a process of its own.
Run as `python compiler.py FD FOLDER OPTIONS`, FD a SEQPACKET socket to the parent, FOLDER with the
programs: by itself it imports nothing of modpulse.
"""

import ctypes
import json
import os
import platform
import socket
import sys

SOURCES = (
    "maps.bpf.h",
    "process.bpf.h",
    "tcp.bpf.h",
    "packets.bpf.h",
    "govalues.bpf.h",
    "go.bpf.h",
    "probe.bpf.c",
)
"""In the order in which they make one compile unit."""

MAPS = ("events", "counters", "scope", "flows", "layouts", "wrapped")
"""The maps that user space reads or fills."""

_CGROUP_INET4_CONNECT, _CGROUP_INET6_CONNECT = 10, 11
_CGROUP_INGRESS, _CGROUP_EGRESS = 0, 1
_UPROBE_MULTI = 48
_CLONE_NEWNS = 0x20000
_MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
_TRACEPOINTS = ("on_exec", "on_fork", "on_exit", "on_tcp_state", "on_retransmit", "on_reset")
_CGROUP_PROGRAMS = (
    ("on_connect4", "CGROUP_SOCK_ADDR", _CGROUP_INET4_CONNECT),
    ("on_connect6", "CGROUP_SOCK_ADDR", _CGROUP_INET6_CONNECT),
    ("on_ingress", "CGROUP_SKB", _CGROUP_INGRESS),
    ("on_egress", "CGROUP_SKB", _CGROUP_EGRESS),
)


def main() -> None:
    """Compile, load, send one message: JSON `{"names": […]}` with descriptors, or `{"error"}`."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    try:
        descriptors = load(sys.argv[2], json.loads(sys.argv[3]))
        names = json.dumps({"names": list(descriptors)}).encode()
        socket.send_fds(channel, [names], list(descriptors.values()))
    except Exception as error:  # noqa: BLE001  the parent must hear of whatever bcc raises
        channel.send(json.dumps({"error": f"{type(error).__name__}: {error}"[:4000]}).encode())
    channel.close()
    os._exit(0)  # bcc's destructors take 50 ms and undo nothing that the exit does not


def load(folder: str, constants: dict[str, int]) -> dict[str, int]:
    """
    Compile the programs in `folder` with `-DNAME=VALUE` for each constant, load every program.

    Returns:
        Name -> descriptor of programs and maps; `on_go_multi` is missing where the kernel has no
        multi-uprobe link.
    """
    os.environ["BCC_KERNEL_SOURCE"] = f"{folder}/stub"
    text = "".join(f'#line 1 "{name}"\n{_read(f"{folder}/{name}")}' for name in SOURCES)
    _hide_kallsyms()
    from bcc import BPF  # noqa: PLC0415  only here, see above

    flags = [f"-I{folder}", "-g0", *(f"-D{name}={value}" for name, value in constants.items())]
    bpf = BPF(text=text, cflags=flags)
    loaded = {name: bpf.load_func(name, BPF.TRACEPOINT).fd for name in _TRACEPOINTS}
    for name, kind, attach_type in _CGROUP_PROGRAMS:
        loaded[name] = bpf.load_func(name, getattr(BPF, kind), None, attach_type).fd
    loaded["on_go"] = bpf.load_func("on_go", BPF.KPROBE).fd
    try:
        # The same program once more: what it may be attached to is fixed when it is loaded.
        del bpf.funcs[b"on_go"]
        loaded["on_go_multi"] = bpf.load_func("on_go", BPF.KPROBE, None, _UPROBE_MULTI).fd
    except Exception as error:  # noqa: BLE001  bcc raises a bare Exception on kernels before 6.6
        print(f"no multi-uprobe link: {error}", file=sys.stderr)  # noqa: T201
    for name in MAPS:
        loaded[name] = bpf[name].map_fd
    return loaded


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _hide_kallsyms() -> None:
    """
    Let this process alone find /proc/kallsyms empty; where that is not permitted, do nothing.

    bcc reads all of it, for 0.2 s, to choose the helper behind a name that the programs do not
    use: they name the helper's number. Source: bcc, clang/b_frontend_action.cc, DoMiscWorkAround.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNS) == 0:
        alone = libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) == 0
        if alone:
            libc.mount(b"/dev/null", b"/proc/kallsyms", None, _MS_BIND, None)


if __name__ == "__main__":
    if platform.machine() not in ("x86_64", "aarch64"):
        sys.exit(f"no eBPF programs for {platform.machine()}")
    main()
