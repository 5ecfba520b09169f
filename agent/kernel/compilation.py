"""
The compilation of the eBPF programs, in a child, from its start to their descriptors.

Imports as little as it can: a command that is to be observed waits for its end, so it is started
first, and everything else is imported while it runs. That is why there are no dataclasses here, nor
in what it imports: they take 6 ms to import.
"""

import json
import os
import socket
import subprocess
import sys
from typing import NamedTuple, Self

from modpulse import bpf

from ..binary.offsets import FIXED
from ..machine.mounts import mount_point
from .btf import VMLINUX, field_offset

TRACEFS = "/sys/kernel/tracing"


class KernelError(RuntimeError):
    """This host cannot be observed; says why in words for its administrator."""


class KernelOptions(NamedTuple):
    """What the programs are compiled with."""

    ring_bytes: int = 4 << 20
    """A power of two, at least a page."""
    snap_bytes: int = 2048
    """Of one packet; longer ones are cut."""
    first_packets: int = 12
    """With payload, copied of each connection."""
    scoped: bool = False
    """Watch only the tasks below those that `watch` names."""
    trace: bool = False
    """Copy the headers of every packet too."""
    multi_uprobe: bool = True
    """Use one link for each binary where the kernel has it."""

    @classmethod
    def of_command(cls, trace: bool = False) -> Self:
        """Return the options that suit one command, with packets for a trace or without."""
        return cls(
            snap_bytes=16384 if trace else 2048,
            first_packets=32 if trace else 12,
            scoped=True,
            trace=trace,
        )


class Compilation:
    """A compilation under way in a child; `descriptors` waits for its end."""

    def __init__(self, options: KernelOptions) -> None:
        """Start it."""
        constants = {
            "RING_PAGES": options.ring_bytes // 4096,
            "SNAP_BYTES": options.snap_bytes,
            "FIRST_PACKETS": options.first_packets,
            "SCOPED": int(options.scoped),
            "TRACE": int(options.trace),
            "MULTI_UPROBE": int(options.multi_uprobe),
            "TASK_EXIT_CODE": _exit_code_offset(),
            **{name: offset for name, (_, offset) in FIXED.items()},
        }
        self.options = options
        if os.geteuid() != 0:
            raise KernelError("eBPF programs are loaded by root only: sudo modpulse …")
        if mounted("tracefs") is None:
            _mount_tracefs()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = ours
        # As a file and without site: finding packages anew would take a tenth of the compilation.
        compiler = os.path.join(os.path.dirname(__file__), "compiler.py")
        programs = os.path.dirname(bpf.__file__)
        arguments = [str(theirs.fileno()), programs, json.dumps(constants)]
        path = os.pathsep.join(folder for folder in sys.path if os.path.isabs(folder))
        self._child = subprocess.Popen(
            [sys.executable, "-S", "-P", compiler, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=[theirs.fileno()],
            cwd="/",  # ours may be deleted, and bcc looks at it
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()

    def descriptors(self) -> dict[str, int]:
        """
        Return name -> descriptor of every program and map.

        Raises:
            KernelError: what bcc or the kernel refused.
        """
        with self._channel as channel:
            message, received, _, _ = socket.recv_fds(channel, 65536, 64)
        _, complaint = self._child.communicate()
        answer = json.loads(message) if message else {"error": "the compiler died"}
        if "error" in answer:
            said = complaint.decode("utf-8", "replace").strip()
            raise KernelError(f"eBPF: {answer['error']}" + (f"\n{said[-2000:]}" if said else ""))
        return dict(zip(answer["names"], received, strict=True))


def _exit_code_offset() -> int:
    """Return where a task has what wait(2) will say of it; 0 where the kernel does not tell."""
    try:
        with open(VMLINUX, "rb", buffering=0) as file:
            found = field_offset(
                lambda at, length: os.pread(file.fileno(), length, at), "task_struct", "exit_code"
            )
    except OSError:
        return 0
    return found or 0


def mounted(kind: str) -> str | None:
    """Return where a file system of this kind is mounted; None where none is."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return mount_point(file.read(), kind)


def _mount_tracefs() -> None:
    """Mount it where every tool looks for it: without it no tracepoint can be named."""
    command = ["mount", "-t", "tracefs", "tracefs", TRACEFS]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise KernelError(f"tracefs is not mounted: {' '.join(command)}: {made.stderr.strip()}")
