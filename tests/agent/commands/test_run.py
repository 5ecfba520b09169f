"""The command that is run: held, become, waited for. What is seen of it: tests/root/test_run.py."""

import os
import signal

import pytest

from modpulse.agent.commands.run import Child
from modpulse.agent.machine.identity import Identity

OURSELVES = Identity(None, 0, (), {"PATH": os.environ["PATH"], "WORD": "hello"})


def wait(child: Child) -> int:
    _, status = os.waitpid(child.pid, 0)
    return os.waitstatus_to_exitcode(status)


def started(*command: str, identity: Identity = OURSELVES) -> Child:
    child = Child(command, identity)
    child.start()
    return child


def test_held_until_it_is_started() -> None:
    """The command does not run before the probes are armed."""
    child = Child(["true"], OURSELVES)
    before = child.poll()
    child.start()

    assert before is None
    assert wait(child) == 0


def test_never_started() -> None:
    """Where this host cannot be observed, the command does not run at all."""
    child = Child(["true"], OURSELVES)
    os.close(child._release)

    assert wait(child) == 125


def test_its_environment() -> None:
    """It has the environment of its identity and nothing of ours."""
    child = started("sh", "-c", '[ "$WORD$HOME" = hello ]')

    assert wait(child) == 0


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("no-such-command", 127, "no such command"),
        ("/none/\udcff", 127, "no such command"),
        ("/", 126, "Permission denied"),
        ("", 126, "execve: argv first element cannot be empty"),
    ],
)
def test_a_command_that_cannot_run(
    command: str, code: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit codes and words as env(1) has them."""
    child = started(command)

    assert wait(child) == code
    shown = command.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    assert capfd.readouterr().err == f"modpulse: {shown}: {words}\n"


def test_signals_are_handed_on() -> None:
    """A signal for us is one for the command."""
    child = started("sleep", "60")
    child.forward(signal.SIGTERM, None)

    assert wait(child) == -signal.SIGTERM


def test_its_pid_is_not_signalled_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it was waited for, its pid may be another's."""
    child = started("true")
    while child.poll() is None:
        pass
    sent: list[object] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))

    child.forward(signal.SIGTERM, None)

    assert sent == []


def test_signals_that_python_ignores() -> None:
    """A command ends by a closed pipe, as it would without us."""
    child = started("sh", "-c", "kill -PIPE $$")

    assert wait(child) == -signal.SIGPIPE
