"""Provokes members in one lab, several side by side."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.lab import GOOD_DNS, HOSTS_FILE, Lab
from lab.sick import sandbox

from .member import Member

QUICK_AT_ONCE = 6
"""Of those that end by themselves at once: the machine has few processors."""
LIMIT_S = 75.0


@dataclass(frozen=True)
class Outcome:
    """How a member's command ended."""

    member: Member
    pid: int
    exit_code: int
    said: str
    took_s: float

    @property
    def complaint(self) -> str:
        """What is not as the member says; "" when all is."""
        wrong = []
        if self.exit_code != self.member.exit_code:
            wrong.append(f"exit code {self.exit_code}, not {self.member.exit_code}")
        if not re.search(self.member.says, self.said):
            wrong.append(f"did not say {self.member.says!r}")
        if self.took_s > LIMIT_S:
            wrong.append("never ended")
        return "; ".join(wrong)


LISTENING = ("env", "--default-signal=INT,HUP")
"""To the signals that end a command: who runs the tests in the background ignores these two."""


@dataclass
class _Running:
    member: Member
    process: "subprocess.Popen[str]"
    output: Path
    began: float
    is_ended: bool = False


def _start(lab: Lab, member: Member) -> _Running:
    folder = lab.workspace(member.requires, member.go_sum)
    # Sandboxed commands run as nobody, who must get to their files.
    words = {"folder": str(folder), "ca": str(lab.ca_file), "sandbox": str(sandbox.__file__)}

    def fill(text: str) -> str:
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        return text

    output = folder / "said"
    with output.open("w") as file:
        process = lab.popen(
            [*LISTENING, *map(fill, member.before), lab.go_command, *member.args],
            resolver=tuple(member.resolver) or GOOD_DNS,
            hosts_file=member.hosts_file or HOSTS_FILE,
            cwd=folder / "src",
            env=lab.env(
                folder, fill(member.goproxy),
                **{name: fill(value) for name, value in member.env.items()},
            ),
            stdin=subprocess.DEVNULL, stdout=file, stderr=file,
        )  # fmt: skip
    return _Running(member, process, output, time.monotonic())


def _poll(running: _Running) -> Outcome | None:
    took_s = time.monotonic() - running.began
    end = running.member.end
    if end is not None and took_s >= end[0] and not running.is_ended:
        running.is_ended = True
        running.process.send_signal(end[1])
    code = running.process.poll()
    if code is None and took_s < LIMIT_S:
        return None
    if code is None:
        running.process.kill()
        running.process.wait()
        code = -signal.SIGKILL
    said = running.output.read_text(errors="replace")
    return Outcome(running.member, running.process.pid, code, said, took_s)


def provoke(
    lab: Lab, members: Iterable[Member], meanwhile: Callable[[], Any] = lambda: time.sleep(0.01)
) -> list[Outcome]:
    """Run them all; `meanwhile` is called again and again. In the order of the members."""
    members = list(members)
    waiting = sorted(members, key=lambda member: -member.takes_s)
    running: list[_Running] = []
    ended: dict[str, Outcome] = {}
    while waiting or running:
        quick = sum(1 for one in running if not one.member.takes_s)
        while waiting and (waiting[0].takes_s or quick < QUICK_AT_ONCE):
            quick += not waiting[0].takes_s
            running.append(_start(lab, waiting.pop(0)))
            meanwhile()
        for one in list(running):
            if outcome := _poll(one):
                running.remove(one)
                ended[one.member.id] = outcome
        meanwhile()
    return [ended[member.id] for member in members]
