"""
How log lines leave: as logfmt, each through `say`, whoever wrote what is in it, and not without
end.

`event=batch.refused reason="the disk is full"`: under the journal behind its priority, elsewhere
behind `time=` and `level=`.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from .foreign import CUT, say
from .lines import Lines
from .units import NS

log = logging.getLogger("modpulse")

MAX_LINE_CHARS = 2048
MAX_LINES = 100
"""Of one message; a traceback has some tens, of which the last says most."""
MAX_MESSAGE_BYTES = 16 << 10
LAST_LINES = 20
INDENT = "  "
"""Before every line but a message's first: no foreign word begins an event."""
JOURNAL_VARIABLE = "JOURNAL_STREAM"
"""Device and inode of what the journal reads, `10:1234` (systemd.exec(5))."""
PRIORITIES: Mapping[int, int] = {
    logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2,
}  # fmt: skip
"""As the journal reads them at a line's beginning (sd-daemon(3))."""


class SaidFormatter(logging.Formatter):
    """
    Writes a record as logfmt, and says every line of it, a traceback's too.

    Our own code logs an event and its fields: `log.info("agent.started links=%s", kind)`. What is
    no number is put in quotes where it needs them.
    """

    def __init__(self, *, for_journal: bool) -> None:
        super().__init__()
        self._for_journal = for_journal

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """Return the first line."""
        fields = _fields(record)
        if self._for_journal:
            return fields
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return f"time={at.removesuffix('+00:00')}Z level={record.levelname.lower()} {fields}"

    def format(self, record: logging.LogRecord) -> str:
        """Return the message as it may leave."""
        lines = super().format(record).split("\n")
        if len(lines) > MAX_LINES:
            lines = [*lines[: MAX_LINES - LAST_LINES - 1], CUT, *lines[-LAST_LINES:]]
        head = f"<{PRIORITIES[record.levelno]}>" if self._for_journal else ""
        text = head + f"\n{head}{INDENT}".join(say(line, MAX_LINE_CHARS) for line in lines)
        data = text.encode()
        if len(data) <= MAX_MESSAGE_BYTES:
            return text
        return data[: MAX_MESSAGE_BYTES - len(CUT.encode())].decode(errors="ignore") + CUT


def _fields(record: logging.LogRecord) -> str:
    """Return a record as logfmt, `event` first."""
    if not _is_ours(record):
        return f"event={record.name} message={_value(record.getMessage())}"
    # A single mapping is not wrapped (LogRecord in logging/__init__.py).
    args = record.args if isinstance(record.args, tuple) else (record.args,)
    words = tuple(arg if isinstance(arg, int | float) else _value(str(arg)) for arg in args)
    return f"event={str(record.msg) % words}"


def _value(text: str) -> str:
    """Say it before quotes in it are marked: what is secret is found by the quotes around it."""
    return quoted(say(text, MAX_LINE_CHARS))


def quoted(text: str) -> str:
    """Return a value of logfmt, in quotes where it must be."""
    if text.isprintable() and text and not set(text) & set(' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=False)


def counters(counts: Mapping[str, int]) -> str:
    """Return several numbers as one value, by their names."""
    return " ".join(f"{name}={count}" for name, count in sorted(counts.items()))


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "modpulse"


class BoundedHandler(logging.StreamHandler):  # type: ignore[type-arg]  # of stderr, whatever it is
    """
    Writes what `Lines` admits, and once a minute how much it did not: `lines=1234`.

    An event is the first word of what our own code logs, or the name of another's logger; a
    record's `whose` (`extra={"whose": …}`) is the party that it is about.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._lines = Lines()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it; the caller holds the lock."""
        now_ns = time.monotonic_ns()
        self._tell(now_ns)
        event = event_of(record)
        if self._lines.admit(event, getattr(record, "whose", ""), now_ns):
            self._lines.wrote(event, self._write(record))
        elif self._timer is None:
            self._wake(now_ns)

    def close(self) -> None:
        """Tell what is not told yet."""
        with self.lock or threading.Lock():
            if self._timer:
                self._timer.cancel()
            self._tell(1 << 63)
        super().close()

    def _write(self, record: logging.LogRecord) -> int:
        """Write a line; returns its bytes."""
        try:
            line = self.format(record) + self.terminator
            self.stream.write(line)
            self.flush()
        except Exception:  # noqa: BLE001  # nobody reads the log: that harms nobody else
            self.handleError(record)
            return 0
        return len(line.encode())

    def _tell(self, now_ns: int) -> None:
        for event, count in self._lines.ended(now_ns):
            text = "log.suppressed lines=%d of=%s"
            args = (count, event)
            self._write(logging.LogRecord(log.name, logging.WARNING, "", 0, text, args, None))

    def _wake(self, now_ns: int) -> None:
        """Tell the number also when nothing follows."""
        end_ns = self._lines.next_end_ns()
        if end_ns is not None:
            self._timer = threading.Timer((end_ns - now_ns) / NS, self._woken)
            self._timer.daemon = True
            self._timer.start()

    def _woken(self) -> None:
        with self.lock or threading.Lock():
            now_ns = time.monotonic_ns()
            self._tell(now_ns)
            self._timer = None
            self._wake(now_ns)


def event_of(record: logging.LogRecord) -> str:
    """Return what kind of event a record is: of these there are few, whatever is logged."""
    if _is_ours(record):
        return str(record.msg).split(maxsplit=1)[0]
    return record.name


def _unraisable(what: "sys.UnraisableHookArgs") -> None:
    """Python would write it by itself, each time."""
    error = what.exc_value
    log.error("python.unraisable object=%s", f"{what.object!r:.200}", exc_info=error or True)


def is_journal(environ: Mapping[str, str], stream: TextIO) -> bool:
    """Whether the journal reads what is written there: a service may have sent it elsewhere."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:
        return False
    return environ.get(JOURNAL_VARIABLE) == f"{status.st_dev}:{status.st_ino}"


def log_to_stderr() -> None:
    """Log to stderr."""
    sys.unraisablehook = _unraisable
    handler = BoundedHandler()
    handler.setFormatter(SaidFormatter(for_journal=is_journal(os.environ, sys.stderr)))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
