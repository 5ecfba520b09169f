"""
What was not seen, so that its absence proves nothing. Pure.
"""

from collections.abc import Sequence

from ..records.document import Document
from ..records.losses import EVENTS
from ..records.records import Process
from ..screen import words

_SHOWN_PIDS = 5
_FOUND = 200
_RUNNERS = ("test", "run", "generate", "tool")


def caveats(document: Document, blind: Sequence[int]) -> list[str]:
    """
    Return a paragraph for each thing that is missing.

    Args:
        document: Of one command, or a capture.
        blind: Processes whose rows are connections.
    """
    said = [*_lost(document)]
    if blind and document.clock == "realtime":
        said.append("Told by packets alone: under TLS a row is a connection, not a request.")
    elif blind:
        said.append(
            f"Process {_pids(blind)} was seen by its packets alone, so its rows are connections, "
            "not requests: `modpulse check` says which probes are missing."
        )
    said += [text for pid, text in _unwatched(document) if pid not in blind]
    waiting = sum(request.final is None for request in document.requests)
    if waiting:
        said.append(f"{words.count(waiting, 'request')} had no end when this was written.")
    return said


def unseen(document: Document) -> list[str]:
    """Return what may have been the reason and was not seen."""
    found = [text for _, text in _unwatched(document)]
    if may_have_run_git(document):
        found.append("Never watched: hg, svn, bzr and fossil below go, which fetch for `direct`.")
    programs = [name for made in document.processes if (name := _runs_programs(made))]
    if programs:
        asked = " and ".join(f"`go {name}`" for name in dict.fromkeys(programs))
        found.append(f"Never watched: what {asked} ran; what that asked of a network was not seen.")
    return [*found, *_lost(document)]


def may_have_run_git(document: Document) -> bool:
    """Whether a chain came to `direct`, where git and its like fetch, mostly unasked by `go`."""
    if any(
        request.endpoint == "go-get" and request.status == _FOUND for request in document.requests
    ):
        return True
    for process in document.processes:
        chain = [entry.url for entry in process.goproxy or ()]
        tried = [
            request.chain_index + 1
            for request in document.requests
            if request.pid == process.pid
            and request.final == "fell_through"
            and request.chain_index is not None
        ]
        if process.gonoproxy or "direct" in chain[: max(tried, default=0) + 1]:
            return True
    return False


def _runs_programs(process: Process) -> str | None:
    """Return the command of `go` that runs a program of its user's."""
    words = [word for word in (process.argv or ())[1:] if not word.startswith("-")]
    return words[0] if words and words[0] in _RUNNERS else None


def is_blind(process: Process) -> bool:
    """Whether it ran without probes to its end: what it asked was not seen."""
    looked_at = process.exe is not None or process.go_version is not None
    return looked_at and (process.armed_at_ns is None or _is_too_late(process))


def _is_too_late(process: Process) -> bool:
    armed_at_ns, end_at_ns = process.armed_at_ns, process.end_at_ns
    return armed_at_ns is not None and end_at_ns is not None and end_at_ns < armed_at_ns


def late_ns(process: Process) -> int:
    """Return how long it ran before its probes were there; 0 where they came first."""
    return max(0, (process.armed_at_ns or 0) - process.start_at_ns)


def _unwatched(document: Document) -> list[tuple[int, str]]:
    if document.clock == "realtime":
        return []
    found = []
    asking = {request.pid for request in document.requests}
    for process in document.processes:
        version = f" ({process.go_version})" if process.go_version else ""
        who = f"process {process.pid}{version}"
        if is_blind(process) and process.pid not in asking:
            why = "ended before its probes were there" if _is_too_late(process) else "has no probes"
            text = f"Never watched: {who} {why}, so its requests were not seen."
            found.append((process.pid, text))
        elif late_ns(process):
            took = words.duration(late_ns(process))
            text = f"Watched late: what {who} asked in its first {took} was not seen."
            found.append((process.pid, text))
    return found


def _lost(document: Document) -> list[str]:
    lost = document.lost
    if not lost:
        return []
    names = "; ".join(
        f"{name} {number}" + (f" ({EVENTS[name]})" if name in EVENTS else "")
        for name, number in sorted(lost.items())
    )
    return [
        f"{words.count(sum(lost.values()), 'event')} lost, so a row, or a part of one, may be "
        f"missing above: {names}."
    ]


def _pids(pids: Sequence[int]) -> str:
    return ", ".join(str(pid) for pid in sorted(pids)[:_SHOWN_PIDS])
