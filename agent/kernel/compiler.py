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

MAPS = (
    "events", "ring_read", "counters", "scope", "tracked", "sockets", "flows", "dns_sockets",
    "layouts", "wrapped",
)  # fmt: skip
"""The maps that user space reads or fills."""

_CGROUP_INET4_CONNECT, _CGROUP_INET6_CONNECT = 10, 11
_CGROUP_INGRESS = 0
_CGROUP_RELEASE = 34
_UPROBE_MULTI = 48
_CLONE_NEWNS = 0x20000
_MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
_FLAGS = ("-g0", "-Xclang", "-disable-llvm-passes")
"""bcc optimizes what clang makes (cc/bpf_module.cc, run_pass_manager): once is enough."""
_TRACEPOINTS = (
    "on_exec", "on_new_task", "on_exit", "on_starved", "on_tcp_state", "on_retransmit", "on_reset",
)  # fmt: skip
_CGROUP_PROGRAMS = (
    ("on_connect4", "on_connect", "CGROUP_SOCK_ADDR", _CGROUP_INET4_CONNECT),
    ("on_connect6", "on_connect", "CGROUP_SOCK_ADDR", _CGROUP_INET6_CONNECT),
    ("on_release", "on_release", "CGROUP_SOCK", _CGROUP_RELEASE),
    ("on_packet", "on_packet", "CGROUP_SKB", _CGROUP_INGRESS),
)
"""Name, function, kind, where it may be attached; packets may be at both ends, whatever is said."""


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
        Name -> descriptor of programs and maps; `on_go` in place of `on_go_multi` where the kernel
        has no multi-uprobe link, or is not to be asked for one (MULTI_UPROBE).
    """
    os.environ["BCC_KERNEL_SOURCE"] = f"{folder}/stub"
    text = "".join(f'#line 1 "{name}"\n{_read(f"{folder}/{name}")}' for name in SOURCES)
    _hide_kallsyms()
    from bcc import BPF  # noqa: PLC0415  only here, see above

    defined = [f"-D{name}={value}" for name, value in constants.items()]
    bpf = BPF(text=text, cflags=[f"-I{folder}", *_FLAGS, *defined])
    loaded = {name: bpf.load_func(name, BPF.TRACEPOINT).fd for name in _TRACEPOINTS}
    for name, function, kind, attach_type in _CGROUP_PROGRAMS:
        bpf.funcs.pop(function.encode(), None)  # else bcc gives out what it has loaded of it
        loaded[name] = bpf.load_func(function, getattr(BPF, kind), None, attach_type).fd
    if constants["MULTI_UPROBE"]:
        try:
            loaded["on_go_multi"] = bpf.load_func("on_go", BPF.KPROBE, None, _UPROBE_MULTI).fd
        except Exception as error:  # noqa: BLE001  bcc raises a bare Exception on kernels before 6.6
            print(f"no multi-uprobe link: {error}", file=sys.stderr)  # noqa: T201
    if "on_go_multi" not in loaded:
        loaded["on_go"] = bpf.load_func("on_go", BPF.KPROBE).fd
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
