"""
Which programs below a failed command did not end well, and how. Pure.

A compiler, a linker, a test, git: none is watched, but the kernel tells how each has ended. What
one failed with it mostly had from one below it, as `cgo` from `gcc` and that from `cc1`; and what
ended well made good what failed below it.
"""

from collections.abc import Sequence

from ..records.document import Document
from ..records.records import Process, Program, Reason
from .ended import signal_name

MAX_TOLD = 3
"""Programs told of; of several that ended alike, how many."""
MAX_DEPTH = 16
"""Of a program below others; no build nests deeper."""
Path = tuple[Program, ...]
"""A program below a command, and below it the one that it failed with, and so on."""
_MEMORY = (
    "More memory, or fewer at a time: `go build -p=1`, GOFLAGS=-p=1, GOMAXPROCS; in a container"
    " see its limit."
)


def failed_below(process: Process, document: Document) -> list[Path]:
    """Return what a `go` command may have failed with: what was killed, and what failed last."""
    end_ns = process.end_at_ns if process.end_at_ns is not None else document.ended_at_ns
    return _below(process.pid, process.start_at_ns, end_ns, document.programs)


def failed_without_go(document: Document) -> list[Path]:
    """The same of the whole command, where no `go` failed."""
    gos = {process.pid for process in document.processes}
    others = {program.pid for program in document.programs}
    tops = [made for made in document.programs if made.parent_pid not in gos | others]
    paths = _paths(tops, document.programs, 0)
    return [path for path in paths if len(path) > 1]  # of the command itself the exit code tells


def told(paths: Sequence[Path]) -> str:
    """Say how they ended, in half a sentence; empty without one."""
    said: dict[str, int] = {}
    for path in paths:
        text = f"{_named(path)} {_ending(path[-1])}"
        said[text] = said.get(text, 0) + 1
    texts = [text if count == 1 else f"{text} ({count} times)" for text, count in said.items()]
    if len(texts) > MAX_TOLD:
        texts = [*texts[:MAX_TOLD], f"{len(texts) - MAX_TOLD} more failed"]
    return "; ".join(texts)


def starved(failed: Sequence[Process], document: Document) -> list[Reason]:
    """Return what failed because the kernel killed a program below it for want of memory."""
    found: list[tuple[int | None, Path]]
    found = [(made.pid, path) for made in failed for path in failed_below(made, document)]
    if not failed:
        found = [(None, path) for path in failed_without_go(document)]
    named = {_named(path): pid for pid, path in reversed(found) if path[-1].for_memory}
    return [
        Reason(
            section="machine",
            pid=pid,
            words=f"local.memory: the kernel killed {name} for want of memory",
            advice=(_MEMORY,),
            cls="local.memory",
        )
        for name, pid in list(named.items())[:MAX_TOLD]
    ]


def _below(
    pid: int, start_ns: int | None, end_ns: int | None, programs: Sequence[Program], depth: int = 0
) -> list[Path]:
    # By then a pid may have been another's.
    children = [
        made
        for made in programs
        if made.parent_pid == pid
        and made.end_at_ns >= (start_ns or 0)
        and (end_ns is None or made.end_at_ns <= end_ns)
    ]
    return _paths(children, programs, depth)


def _paths(children: Sequence[Program], programs: Sequence[Program], depth: int) -> list[Path]:
    last = [made for made in children if made.signal is None][-1:]
    found: list[Path] = []
    for made in [*(made for made in children if made.signal is not None), *last]:
        below: list[Path] = []
        if depth < MAX_DEPTH:
            below = _below(made.pid, made.start_at_ns, made.end_at_ns, programs, depth + 1)
        own = () if made.exe is None else (made,)
        found += [(*own, *path) for path in below] or [own]
    return [path for path in found if path]


def _name(program: Program) -> str:
    return (program.exe or "").rpartition("/")[2]


def _named(path: Path) -> str:
    above = ", ".join(_name(program) for program in reversed(path[:-1]))
    return _name(path[-1]) + (f" (below {above})" if above else "")


def _ending(program: Program) -> str:
    if program.for_memory:
        return "was killed by the kernel for want of memory"
    if program.signal is not None:
        return f"was killed by {signal_name(program.signal)}"
    return f"ended with exit code {program.exit_code}"
