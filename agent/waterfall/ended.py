"""
What ended a command from outside: a signal, and what was waited for then. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace

from ..records.document import Document
from ..records.records import Process, Reason, Record, Request
from ..screen import words

_SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM",
    15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip
"""signal(7), on x86_64 and aarch64."""
_SIGKILL = 9
_OF_SHELLS = 128
"""A shell ends with this and the number of the signal that ended its command."""
_ANSWERED = 200
_MAX_TOLD = 3
"""Answers under way; more are counted."""
_OF_TIMEOUT = 124
"""timeout(1) ends with it when it was."""


def signal_name(number: int) -> str:
    """Return the name of a signal."""
    return _SIGNALS.get(number, f"signal {number}")


def with_status(records: Sequence[Record], pid: int, code: int) -> list[Record]:
    """
    Say how the command itself ended as its parent knows it: a crash is no signal.

    Args:
        records: Of all kinds.
        pid: The command's.
        code: Its exit code, or below 0 the signal that ended it.
    """
    own = [made for made in records if isinstance(made, Process) and made.pid == pid]
    if not own:
        return list(records)
    last = max(own, key=lambda made: made.start_at_ns)
    if code < 0:
        known = replace(last, exit_code=None, ended_by="signal")
    else:
        crashed = last.ended_by in ("signal", "crash") and code != 0
        known = replace(last, exit_code=code, ended_by="crash" if crashed else "exit")
    return [known if made is last else made for made in records]


def killed(document: Document) -> list[Reason]:
    """Return what was ended, and by what as far as that is known."""
    by_signal = [made for made in document.processes if made.ended_by == "signal"]
    ended = [made for made in by_signal if not _is_help(made)]
    if document.signal is not None:
        took = _took(document.started_at_ns, document.ended_at_ns)
        text = f"the command was ended by {signal_name(document.signal)}{took}"
        return [_reason(text, None, ended, document)]
    found = []
    for process in ended:
        took = _took(process.start_at_ns, process.end_at_ns)
        text = f"{command_of(process)} was ended by a signal, or crashed{took}{_code(document)}"
        found.append(_reason(text, process.pid, [process], document))
    return found


def command_of(process: Process) -> str:
    """Return what of `go` a process was: `go mod download`, without its arguments."""
    given = [word for word in (process.argv or ())[1:] if not word.startswith("-")]
    return " ".join(["go", *given[: 2 if given[:1] in (["mod"], ["tool"], ["work"]) else 1]])


def _is_help(process: Process) -> bool:
    # The one command of `go` that returns without an exit of its own.
    return (process.argv or ())[1:2] == ("help",)


def _took(start_ns: int, end_ns: int | None) -> str:
    return "" if end_ns is None else f" after {words.duration(end_ns - start_ns)}"


def _code(document: Document) -> str:
    code = document.exit_code
    if code == _OF_TIMEOUT:
        return "; exit code 124 is that of timeout(1)"
    if code is not None and code - _OF_SHELLS in _SIGNALS:
        return f"; exit code {code} is a shell's for {signal_name(code - _OF_SHELLS)}"
    return ""


def _reason(text: str, pid: int | None, ended: Sequence[Process], document: Document) -> Reason:
    pids = {process.pid for process in ended}
    waiting = [
        request
        for request in document.requests
        if request.pid in pids and request.final in ("cancelled", None)
    ]
    failed = [request.failure for request in waiting if request.failure is not None]
    if failed:
        told = dict.fromkeys(f"{failure.cls} of {failure.host}" for failure in failed)
        advice = [f"It waited for an answer: see {', '.join(told)} above."]
    elif waiting:
        advice = _under_way(waiting, document)
    else:
        advice = ["Nothing on the network was waited for."]
    advice += for_want_of_memory(document)
    if any(made.for_memory and made.signal == document.signal for made in document.programs):
        advice.append("It was the kernel, for want of memory.")
    elif not document.oom_kills and document.signal == _SIGKILL:
        advice.append("SIGKILL does not tell who sent it: a time-out, a limit, or somebody.")
    return Reason(section="killed", pid=pid, words=text, advice=tuple(advice))


def for_want_of_memory(document: Document) -> list[str]:
    """Say that the kernel has killed processes meanwhile, if it has."""
    if not document.oom_kills:
        return []
    many = words.count(document.oom_kills, "process", "processes")
    return [f"The kernel killed {many} of this machine for want of memory meanwhile."]


def was_under_way(process: Process, document: Document) -> list[str]:
    """Say what a process had asked for and not got when it ended; nothing where it had all."""
    waiting = [
        request
        for request in document.requests
        if request.pid == process.pid and request.final in ("cancelled", None)
    ]
    return _under_way(waiting, document)


def _under_way(waiting: Sequence[Request], document: Document) -> list[str]:
    arriving = [request for request in waiting if request.status == _ANSWERED]
    unanswered = [request for request in waiting if request.status != _ANSWERED]
    told = [_arriving(request, document) for request in arriving[:_MAX_TOLD]]
    if len(arriving) > _MAX_TOLD:
        told.append(f"{len(arriving) - _MAX_TOLD} more were still sending.")
    if unanswered:
        many = words.count(len(unanswered), "request")
        first_ns = min(request.at_ns for request in unanswered)
        since = _took(first_ns, document.ended_at_ns).removeprefix(" after ") or "a while"
        told.append(f"{many} had no answer yet; the first was asked {since} before.")
    return told


def _arriving(request: Request, document: Document) -> str:
    who = request.redirects[-1] if request.redirects else request.host
    what = f"{who} was still sending {request.module or ''} {request.endpoint or ''}".strip()
    connection = next(
        (
            made
            for made in document.connections
            if made.pid == request.pid and made.cookie == request.connection
        ),
        None,
    )
    if connection is None or connection.bytes_in is None:
        return f"{what}."
    of = "" if request.body_bytes is None else f"; its body has {words.size(request.body_bytes)}"
    return f"{what}; {words.size(connection.bytes_in)} so far on its connection{of}."
