"""Programs that open more connections than anything in the agent holds, under names like `go`."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SHORT, HELD = 25_000, 2_000
"""More than anything in the agent holds, on the host or of one process."""
ENDLESS = 1_000_000_000
IN_NAMESPACE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@contextmanager
def flood(
    command: Sequence[str | Path],
    look: Callable[[float], None],
    short: int = SHORT,
    held: int = HELD,
) -> Iterator["subprocess.Popen[str]"]:
    """Run what floods, in a network of its own, until all its connections are made; it lives on.
    With ENDLESS of them it floods all the while."""
    process = subprocess.Popen(
        [*IN_NAMESPACE, *map(str, command)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"FLOOD": f"{short},{held}"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        os.set_blocking(process.stdout.fileno(), False)
        look(0.5)
        said = b""
        while short != ENDLESS and process.poll() is None and b"flooded" not in said:
            # Without Python's buffers: a line that comes in pieces is one all the same.
            with suppress(BlockingIOError):
                said += os.read(process.stdout.fileno(), 64)
            look(0.05)
        yield process
        assert process.poll() is None, "it ended by itself"
    finally:
        process.stdin.close()
        process.kill()
        process.stdout.close()
        process.wait()


def copied(folder: Path, program: Path | str, name: str) -> Path:
    """The program under another name."""
    return Path(shutil.copy(os.path.realpath(program), folder / name))


def python_flood(folder: Path, kind: str = "tcp") -> list[str | Path]:
    """An interpreter that is called like `go`; does as gomain/flood does, or with DNS sockets."""
    script = folder / "flood.py"
    script.write_text(_FLOOD)
    return [copied(folder, "/usr/bin/python3", "go-daemon"), "-S", script, kind]


def undecided(folder: Path, kind: str = "tcp") -> list[str | Path]:
    """The same with build information that is not read, as of an old Go: it may be one."""
    command = python_flood(folder, kind)
    with Path(command[0]).open("ab") as file:
        file.write(b"\xff Go buildinf:")
    return command


_FLOOD = """
import os, resource, socket, struct, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
listener = socket.create_server(("127.0.0.1", 0), backlog=512)

def tcp():
    ours = socket.create_connection(listener.getsockname())
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ours, listener.accept()[0]

def dns():
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.connect(("127.0.0.1", 53))
    return (ours,)

short, held = map(int, os.environ["FLOOD"].split(","))
kept = []
for number in range(short + held):
    made = globals()[sys.argv[1]]()
    if number < short:
        for each in made:
            each.close()
    else:
        kept.append(made)
print("flooded", flush=True)
sys.stdin.read()
"""
