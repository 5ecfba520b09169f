"""
What of the machine that asks is to blame: descriptors, disk, permission, memory.
"""

from ..events.events import GoError
from ..records.failures import FailureClass
from .cause import Cause, errno_of
from .gowords import ERRNO_WORDS

_LOCAL: dict[int, tuple[FailureClass, str]] = {
    1: ("local.permission", "operation not permitted"),
    13: ("local.permission", "permission denied"),
    5: ("local.disk", "input/output error"),
    23: ("local.files", "too many open files on this machine"),
    24: ("local.files", "too many open files in this process"),
    27: ("local.disk", "a file became too large"),
    28: ("local.disk", "no space left on the disk"),
    30: ("local.disk", "the file system is read-only"),
    122: ("local.disk", "the disk quota is used up"),
    116: ("local.disk", "a stale file handle"),
    11: ("local.files", "this machine has no resources left"),
    12: ("local.files", "this machine has no memory left"),
    105: ("local.files", "this machine has no buffers left"),
    99: ("local.files", "no free address or port on this machine"),
    97: ("local.permission", "this machine does not let it speak that protocol"),
    93: ("local.permission", "this machine does not let it speak that protocol"),
}
"""What only the machine that asks can be the cause of."""

_TOLD = {words: number for number, words in ERRNO_WORDS.items() if number in _LOCAL}
"""How an error ends that was made of another's words."""

FILE_ERRORS = frozenset({"*fs.PathError", "*os.LinkError", "*exec.Error"})
"""Types of what was being done with a file."""
SYSTEM_ROOTS = "x509.SystemRootsError"
"""Around what was wrong with the file or folder of certificate authorities."""


def local_cause(error: GoError) -> Cause | None:
    """Say what of this machine failed; None where it is not to blame."""
    number = errno_of(error)
    of_a_file = not FILE_ERRORS.isdisjoint(error.types)
    if SYSTEM_ROOTS in error.types:
        if number is None or _LOCAL.get(number, ("",))[0] != "local.files":
            return Cause("local.ca", "the authorities of this machine cannot be read", "machine")
    elif number is None or not (number in _LOCAL or of_a_file):
        return None
    assert number is not None
    why = ERRNO_WORDS.get(number, f"errno {number}")
    cls, words = _LOCAL.get(number, ("local.disk", f"a file cannot be used: {why}"))
    return Cause(cls, words, "machine")


def told_local_cause(error: GoError) -> Cause | None:
    """The same of an error that is told in words alone: libc's names of errors end it."""
    end = error.tail or error.text
    for words, number in _TOLD.items():
        if end.endswith(words):
            return Cause(*_LOCAL[number], "machine")
    return None
