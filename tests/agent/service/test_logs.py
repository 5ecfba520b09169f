"""Rules of the log: what floods it, and what every line of it is."""

import ast
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.service.logs import JOURNAL_VARIABLE, is_journal, quoted

TOP = Path(__file__).parents[3]
CALLS = {"debug", "info", "warning", "error", "critical", "exception"}


def logged(program: str) -> list[str]:
    """The lines that a process logs with ours."""
    head = (
        "import logging, sys\nfrom modpulse.agent.service import lines, logs\n"
        "logs.log_to_stderr()\nlog = logging.getLogger('modpulse.agent')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return [re.sub(r"^time=\S+ ", "", line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("call", "event"),
    [
        ("log.warning('batch.rejected n=%d', n)", "batch.rejected"),
        ("log.exception('poll.failed')", "poll.failed"),
        ("logging.getLogger('asyncio').error(f'Task {n}: {n * 7}')", "asyncio"),
    ],
)
def test_a_flood_is_bounded(call: str, event: str) -> None:
    """Ten thousand events leave the first lines and, at the end, the number of the others."""
    found = logged(f"for n in range(10_000):\n  try: 1 / 0\n  except ArithmeticError: {call}")
    firsts = [line for line in found if line[0] != " "]

    assert len(firsts) == 31
    assert firsts[-1] == f"level=warning event=log.suppressed lines=9970 of={event}"
    assert sum(map(len, found)) < 20_000


def test_the_number_is_told_when_nothing_follows() -> None:
    """After the minute, by itself."""
    found = logged(
        "import sys, time\nlines.MINUTE_NS = 50_000_000\n"
        "for n in range(40): log.warning('a.flood n=%d', n)\n"
        "time.sleep(1)\nlog.warning('the.end')"
    )

    assert found[-2:] == [
        "level=warning event=log.suppressed lines=10 of=a.flood",
        "level=warning event=the.end",
    ]


def test_no_foreign_word_begins_an_event() -> None:
    """A line's end in a message or in an error's words makes no line that looks like ours."""
    found = logged(
        "log.warning('a.path is=%s', 'x\\nlevel=info event=state.changed\\x1b[2J')\n"
        "try: raise ValueError('y\\nlevel=info event=state.changed')\n"
        "except ValueError: log.exception('b.failed')"
    )

    assert [line for line in found if line[0] != " "] == [
        'level=warning event=a.path is="x level=info event=state.changed"',
        "level=error event=b.failed",
    ]
    assert not any("\x1b" in line for line in found)


def test_a_message_is_bounded_in_bytes() -> None:
    """Whatever one message holds, and in whatever script, it has an end."""
    found = logged("log.warning('a.word %s', '\\n'.join('字' * 9000 for _ in range(500)))")

    assert len("\n".join(found).encode()) <= 16 << 10
    assert found[-1].endswith("…")


def test_a_long_traceback_keeps_its_end() -> None:
    """What was wrong is said last."""
    found = logged(
        "def down(n): return eval('down(n - 1)' if n else '1 / 0')\n"
        "try: down(200)\nexcept ArithmeticError: log.exception('a.failed')"
    )

    assert found[-1] == "  ZeroDivisionError: division by zero"
    assert len(found) == 100


def test_what_python_tells_by_itself_is_an_event() -> None:
    """An error where nobody can catch it is bounded as others are."""
    found = logged("class Bad:\n  def __del__(self): 1 / 0\nfor _ in range(1000): Bad()")

    assert found[0].startswith("level=error event=python.unraisable object=")
    assert found[-1] == "level=warning event=log.suppressed lines=970 of=python.unraisable"


def test_the_time_is_utc() -> None:
    """Where no journal adds it, each line begins with when it was written."""
    program = "from modpulse.agent.service.logs import *; log_to_stderr(); log.info('a.start n=1')"
    environ = {**os.environ, "TZ": "Asia/Shanghai"}
    before = datetime.now(UTC).replace(microsecond=0)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    time, _, rest = done.stderr.removeprefix("time=").partition(" ")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert before <= datetime.fromisoformat(time) <= datetime.now(UTC)
    assert rest == "level=info event=a.start n=1\n"


def test_the_journal_is_told_the_priority_of_each_line() -> None:
    """It adds time and level itself, and takes each line for a message of its own."""
    reader, writer = os.pipe()
    status = os.fstat(writer)
    program = (
        "from modpulse.agent.service.logs import *\nlog_to_stderr()\nlog.info('a.start n=1')\n"
        "try: 1 / 0\nexcept ArithmeticError: log.exception('b.failed')"
    )
    with open(reader) as file:
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, JOURNAL_VARIABLE: f"{status.st_dev}:{status.st_ino}"},
            stderr=writer, check=True,
        )  # fmt: skip
        os.close(writer)
        first, second, *others = file.read().splitlines()

    assert (first, second) == ("<6>event=a.start n=1", "<3>event=b.failed")
    assert others
    assert {line[:5] for line in others} == {"<3>  "}


def test_what_is_sent_past_the_journal_is_no_journal() -> None:
    """A service inherits the variable also where its stderr is a file."""
    with open(os.devnull) as other:
        status = os.fstat(other.fileno())
        told = f"{status.st_dev}:{status.st_ino}"

        assert is_journal({JOURNAL_VARIABLE: told}, other)
        assert not is_journal({JOURNAL_VARIABLE: told + "0"}, other)
        assert not is_journal({}, other)
    assert not is_journal({JOURNAL_VARIABLE: told}, io.StringIO())


@given(st.text())
def test_a_value_can_be_read_back(text: str) -> None:
    """It has quotes where a reader of logfmt would else see two fields, and no line's end."""
    value = quoted(text)

    assert "\n" not in value
    assert (json.loads(value) if value[0] == '"' else value) == text
    assert value[0] == '"' or not set(value) & set(' "=')


def calls() -> list[tuple[str, ast.Call]]:
    """Every call of a logger in both packages."""
    return [
        (f"{path.relative_to(TOP)}:{node.lineno}", node)
        for package in ("agent", "collector")
        for path in sorted((TOP / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLS
        and getattr(node.func.value, "id", "") == "log"
    ]


@pytest.mark.parametrize(("where", "call"), calls())
def test_every_line_begins_with_its_event(where: str, call: ast.Call) -> None:
    """A constant, so that there are few events; what varies is an argument."""
    first = call.args[0]

    assert isinstance(first, ast.Constant), where
    event = first.value.split(maxsplit=1)[0]
    assert event.count(".") == 1, where
    assert "%" not in event, where
