"""
The last resort: a command failed, and nothing that was seen says why. Pure.

Said so in words, with what was fine and what was not watched: silence would look like an answer.
"""

from ..records.document import Document
from ..records.records import Process, Reason
from ..screen import words
from .caveats import is_blind, may_have_run_git, unseen
from .ended import command_of, for_want_of_memory, was_under_way
from .programs import failed_below, failed_without_go, told

_PRINTED = (
    "What it printed says why: {}a compiler, a test, a flag, a file of the project or of this"
    " machine."
)


def unexplained(failed: list[Process], document: Document) -> Reason:
    """
    Say that nothing explains it.

    Args:
        failed: The `go` commands that did not end well.
        document: Without a failure or a reason that is one.
    """
    advice = unseen(document)
    if not failed:
        text = _with(_without(document), told(failed_without_go(document)))
        return Reason(section="unexplained", words=text, advice=tuple(advice))
    last = failed[-1]
    if last.ended_by == "crash":
        text = f"{command_of(last)} crashed: exit code {last.exit_code} is of Go's own runtime"
        printed = "It printed why: memory, threads, files, SIGQUIT, or a fault of its own."
        advice = [printed, *was_under_way(last, document), *advice]
    elif is_blind(last):
        text = f"{command_of(last)} ended with exit code {last.exit_code}"
    else:
        fine = _fine(last, document)
        text = f"{command_of(last)} ended with exit code {last.exit_code}, and {fine}"
        text = _with(text, told(failed_below(last, document)))
        advice.insert(0, _PRINTED.format("git, " if may_have_run_git(document) else ""))
    advice += for_want_of_memory(document)
    return Reason(section="unexplained", pid=last.pid, words=text, advice=tuple(advice))


def _with(text: str, programs: str) -> str:
    return f"{text}; {programs}" if programs else text


def _without(document: Document) -> str:
    code = document.exit_code
    if not document.processes:
        return f"exit code {code}, and no `go` ran below this command: others are not watched"
    if any(made.exit_code is None and made.ended_by is None for made in document.processes):
        return f"exit code {code}, and how `go` ended below this command was not seen"
    return f"exit code {code}, and no `go` below this command failed"


def _fine(process: Process, document: Document) -> str:
    asked = [request for request in document.requests if request.pid == process.pid]
    if not asked:
        who = "this `go` asked nothing" if document.requests else "no `go` asked anything"
        return f"{who} of the network"
    if any(request.failure is not None for request in asked):
        return f"the failures above were made good by the next entry ({len(asked)} requests in all)"
    answered = sum(request.status is not None for request in asked)
    text = f"what it asked was answered: {words.count(answered, 'request')}"
    if answered < len(asked):
        text = f"{answered} of {words.count(len(asked), 'request')} were answered before it ended"
    misses = sum(request.is_miss for request in asked)
    if misses:
        text += f", {misses} of them with 404 or 410, as where go guesses"
    return text
