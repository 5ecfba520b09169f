"""Who is a `go` is told by the binary, not by the name; and one flood starves only itself."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import has_bpf, needs
from eyes import Eyes, Seen, assert_identity, gather
from floods import ENDLESS, HELD, SHORT, copied, flood, python_flood, undecided
from lab import parts
from lab.lab import Lab

from modpulse.agent.kernel.bpfcall import map_keys

pytestmark = pytest.mark.root


def download(lab: Lab, eyes: Eyes) -> Seen:
    """What a real command does while others live on: only its own records."""
    done = lab.go("mod", "download", goproxy=lab.url("ok"), requires=["m00"])
    assert done.returncode == 0
    eyes.look(3.0)  # the tracker lets a process linger before it gives out the last of it
    seen = gather(eyes._records)
    (pid,) = {request.pid for request in seen.requests}
    return Seen(*([each for each in kind if each.pid == pid] for kind in vars_of(seen)))


def vars_of(seen: Seen) -> tuple:
    return seen.processes, seen.lookups, seen.connections, seen.handshakes, seen.requests


def assert_whole(seen: Seen) -> None:
    """Every record of the command is there: DNS, connect, TLS, certificate, requests."""
    assert [made.exit_code for made in seen.processes] == [0]
    assert len(seen.requests) == 3
    assert {request.status for request in seen.requests} == {200}
    assert {lookup.outcome for lookup in seen.lookups} == {"ok"}
    assert all(query.rcode for lookup in seen.lookups for query in lookup.queries)
    used = {request.connection for request in seen.requests}
    made = {connection.cookie: connection for connection in seen.connections}
    assert used <= set(made)
    assert all(made[cookie].connect_ns and made[cookie].outcome for cookie in used)
    shaken = {handshake.connection: handshake for handshake in seen.handshakes}
    assert all(shaken[cookie].certificate and shaken[cookie].server_hello_at_ns for cookie in used)


def gone(losses: Mapping[str, int]) -> dict[str, int]:
    """What a real command may have lost."""
    names = ("ring_full", "map_full", "process_full", "tracker_full", "decode_errors")
    return {name: losses[name] for name in names if losses[name]}


@pytest.fixture
def all_eyes() -> Iterator[Eyes]:
    needs(has_bpf(), "the Debian package python3-bpfcc")
    with Eyes() as eyes:
        yield eyes


STRANGERS: dict[str, Callable[[Path], list[str | Path]]] = {
    "a program in Go": lambda folder: [copied(folder, parts.flood(), "go.d.plugin")],
    "called exactly go": lambda folder: [copied(folder, parts.flood(), "go")],
    "python": python_flood,
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_by_name(stranger: str, lab: Lab, all_eyes: Eyes, tmp_path: Path) -> None:
    """A program with a name like `go` leaves no record and takes nothing from a real command."""
    eyes = all_eyes
    command = STRANGERS[stranger](tmp_path)
    eyes.forget()  # what it took to build it
    before = eyes.observer.losses()["seen"]
    with flood(command, eyes.look):
        told = eyes.observer.losses()["seen"] - before
        seen = download(lab, eyes)

    assert_whole(seen)
    assert gone(eyes.observer.losses()) == {}
    everything = eyes.seen()
    assert [made.pid for made in everything.processes] == [seen.processes[0].pid]
    assert {made.pid for made in everything.connections} == {seen.processes[0].pid}
    # What came before it was looked at, a moment that a busy machine makes longer.
    assert told < SHORT // 10
    assert kernel_holds(eyes) == {"tracked": 0, "flows": 0, "sockets": 0, "dns_sockets": 0}


def kernel_holds(eyes: Eyes) -> dict[str, int]:
    """How many elements the maps have, by their names and the bytes of their keys."""
    keys = {"tracked": 4, "flows": 8, "sockets": 8, "dns_sockets": 8}
    held = eyes.observer.kernel._held
    return {name: len(map_keys(held[name], size, 100_000)) for name, size in keys.items()}


FLOODS: dict[str, Callable[[Path], list[str | Path]]] = {
    "a go": lambda _: [parts.flooding_go(), "version"],
    "not to be told": undecided,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood(name: str, lab: Lab, all_eyes: Eyes, tmp_path: Path) -> None:
    """What is a `go`, or may be one, has a share: beyond it its own connections are lost, and are
    counted by their own name. What it closes is given back, all of it at its end."""
    eyes = all_eyes
    command = FLOODS[name](tmp_path)
    eyes.forget()
    before = eyes.observer.losses()
    with flood(command, eyes.look):
        eyes.look()
        held = kernel_holds(eyes)
        followed = len(eyes.observer.tracker._connections)
        seen = download(lab, eyes)
        after = eyes.observer.losses()
    eyes.seen()

    assert_whole(seen)
    assert held == {"tracked": 1, "flows": 512, "sockets": 512, "dns_sockets": 0}
    assert followed <= 1024
    # More where it writes faster than the ring is read: then that is its own loss too.
    assert after["process_full"] - before["process_full"] >= HELD - 512
    assert set(gone(after)) <= {"process_full", "tracker_full"}
    assert_identity(eyes.observer.losses())
    assert kernel_holds(eyes) == dict.fromkeys(held, 0)


@pytest.mark.parametrize("name", FLOODS)
def test_during_a_flood(name: str, lab: Lab, all_eyes: Eyes, tmp_path: Path) -> None:
    """While the ring is nearly full its last part is for those that write little."""
    eyes = all_eyes
    command = FLOODS[name](tmp_path)
    eyes.forget()
    with flood(command, eyes.look, ENDLESS):
        seen = download(lab, eyes)

    assert_whole(seen)
    assert set(gone(eyes.observer.losses())) <= {"process_full", "tracker_full"}
    eyes.seen()
    assert_identity(eyes.observer.losses())


def test_dns_sockets_are_given_back(lab: Lab, all_eyes: Eyes, tmp_path: Path) -> None:
    """They are the process's own share as well, and end with their last descriptor."""
    eyes = all_eyes
    eyes.forget()
    with flood(undecided(tmp_path, "dns"), eyes.look, 9_000, 600):
        held, lost = kernel_holds(eyes), eyes.observer.losses()
        seen = download(lab, eyes)
    eyes.seen()

    assert_whole(seen)
    assert (held["dns_sockets"], held["flows"]) == (512, 0)
    assert gone(lost) == {"process_full": 600 - 512}
    assert kernel_holds(eyes) == dict.fromkeys(held, 0)


def test_a_go_by_another_name(lab: Lab, tmp_path: Path) -> None:
    """A binary that is probed is a `go` whatever its name, from its first hit on."""
    named = tmp_path / "mygo"
    named.symlink_to(os.path.realpath(lab.go_command))
    with Eyes() as eyes:
        done = lab.go("mod", "download", goproxy=lab.url("ok"), requires=["m00"], go=named)
        seen = eyes.seen()

    assert done.returncode == 0
    assert_whole(seen)


@pytest.mark.parametrize("when", ["met at once", "met when it is gone"])
def test_a_script_called_go(when: str, lab: Lab, all_eyes: Eyes, tmp_path: Path) -> None:
    """Its shell is none; the `go` that it becomes, in the same pid, is one."""
    eyes = all_eyes
    script = tmp_path / "go"
    script.write_text(f'#!/bin/sh\nexec "{lab.go_command}" "$@"\n')
    script.chmod(0o755)
    for _ in range(10):
        eyes.forget()
        asked = ("mod", "download")
        process = lab.start_go(*asked, goproxy=lab.url("ok"), requires=["m00"], go=script)
        while when == "met at once" and process.poll() is None:
            eyes.look(0.01, step_seconds=0.005)
        process.communicate()
        seen = eyes.seen()

        assert process.returncode == 0
        assert {made.go_version is None for made in seen.processes} <= {False}
        assert len({made.pid for made in seen.processes}) == 1
        seen.processes = seen.processes[-1:]
        assert_whole(seen)


def test_a_go_that_becomes_something_else_and_back(all_eyes: Eyes, tmp_path: Path) -> None:
    """It ends there, though its pid lives on; what is in between leaves no record."""
    eyes = all_eyes
    go, (python, *_) = parts.machine_go(), undecided(tmp_path)
    back = f"import os, time; time.sleep(1); os.execv({go!r}, ['go', 'version'])"
    code = f"import os; os.execv('/usr/bin/python3', ['python3', '-S', '-c', {back!r}])"
    eyes.forget()
    subprocess.run([python, "-S", "-c", code], check=True, stdout=subprocess.DEVNULL)

    first, second = eyes.seen().processes

    assert first.pid == second.pid
    assert first.end_at_ns is not None
    assert second.start_at_ns - first.end_at_ns > 500_000_000
    assert (first.go_version is None, second.go_version is None) == (True, False)


def test_more_processes_than_are_held(lab: Lab, all_eyes: Eyes) -> None:
    """Those below a command that have ended make room for others, and its threads take none."""
    eyes = all_eyes
    code = (
        "import os, threading\n"
        "for _ in range(17_000):\n"
        "    if os.fork() == 0: os._exit(0)\n"
        "    os.wait()\n"
        "for _ in range(3_000):\n"
        "    thread = threading.Thread(target=int)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    subprocess.run(["/usr/bin/python3", "-S", "-c", code], check=True)
    held = len(map_keys(eyes.observer.kernel._held["scope"], 4, 100_000))
    seen = download(lab, eyes)

    assert_whole(seen)
    assert held < 100
    assert gone(eyes.observer.losses()) == {}


def test_a_stranger_that_is_met_late(lab: Lab, all_eyes: Eyes, tmp_path: Path) -> None:
    """What it had by then is given back while it lives on, and counted apart from losses."""
    eyes = all_eyes
    command = [copied(tmp_path, parts.flood(), "go.d.plugin")]
    eyes.forget()
    with flood(command, time.sleep, 100, 400):
        before = kernel_holds(eyes)
        eyes.look(0.1)
        after = kernel_holds(eyes)
        seen = download(lab, eyes)

    assert_whole(seen)
    assert before == {"tracked": 1, "flows": 400, "sockets": 400, "dns_sockets": 0}
    assert after == dict.fromkeys(before, 0)
    losses = eyes.observer.losses()
    assert losses["dismissed"] > 1_000
    assert gone(losses) == {}
    assert_identity(losses)
