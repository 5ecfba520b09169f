"""
Why a command failed: what was not found, what its machine or its user's settings lacked, what ended
it; at last, that nothing which was seen explains it. Pure.

A failure of a request is told by the request (causes.py); what is here is told of the command.
"""

from collections.abc import Sequence

from ..records.document import Document
from ..records.records import Failure, Process, Reason, Request
from .ended import killed
from .local import local
from .missing import missing
from .programs import starved
from .rows import rows_of
from .unexplained import unexplained

MAX_REASONS = 12
"""One failure has one or two; more are not told."""


def reasons(document: Document) -> tuple[Reason, ...]:
    """Return why a command failed; nothing where it did not, and of a capture."""
    if not document.command or document.exit_code == 0:
        return ()
    failed = [process for process in document.processes if _has_failed(process)]
    failures = {process.pid: _not_made_good(process, document) for process in failed}
    found = [reason for process in failed for reason in missing(process, document)]
    found += [made for process in failed for made in local(process, failures[process.pid])]
    found += starved(failed, document)
    found += killed(document)
    if not found and not any(failures.values()) and not _is_told_by_packets(document):
        found.append(unexplained(failed, document))
    return tuple(found[:MAX_REASONS])


def _has_failed(process: Process) -> bool:
    return process.exit_code not in (0, None) or process.ended_by in ("signal", "crash")


def _not_made_good(process: Process, document: Document) -> list[Failure]:
    """Return the failures after which nobody else had what was asked for."""
    asked = [request for request in document.requests if request.pid == process.pid]
    return [
        request.failure
        for request in asked
        if request.failure is not None and not _is_made_good(request, asked)
    ]


def _is_made_good(request: Request, asked: Sequence[Request]) -> bool:
    return any(
        later.at_ns > request.at_ns and later.is_ok and _is_same(request, later) for later in asked
    )


def _is_same(request: Request, later: Request) -> bool:
    if request.endpoint != later.endpoint:
        return False
    if request.endpoint == "sumdb" and request.module is None:
        return True  # `supported`, after which another place is asked for records
    if request.endpoint == "git":  # `go` tries one scheme after the other
        return _place(request) == _place(later)
    return (request.module, request.version) == (later.module, later.version)


def _place(request: Request) -> str:
    return (request.url or "").partition("://")[2]


def _is_told_by_packets(document: Document) -> bool:
    """Whether a connection or a lookup failed of a process whose requests were not seen."""
    return any(row.failure is not None for row in rows_of(document) if row.request is None)
