"""`modpulse run`: the command untouched, its records complete, its user's files the user's."""

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import has_bpf, needs
from lab.lab import Lab

pytestmark = pytest.mark.root

PROGRAM = str(Path(sys.executable).with_name("modpulse"))
SCHEMA = json.loads((Path(__file__).parents[1] / "records.schema.json").read_text())
USER = "modpulse-test"


@pytest.fixture(autouse=True)
def _needs_root() -> None:
    needs(os.geteuid() == 0, "root, to load eBPF programs")
    needs(has_bpf(), "the Debian package python3-bpfcc")


def _modpulse(*words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_exit_code_and_streams() -> None:
    """stdin, stdout, stderr and exit code are the command's own."""
    script = "cat; echo out; echo err >&2; exit 7"
    done = _modpulse("run", "--", "sh", "-c", script, input="in\n")

    assert done.returncode == 7
    assert done.stdout == "in\nout\n"
    assert done.stderr.startswith("err\n")
    assert "exit 7" in done.stderr


def test_signal_dispositions() -> None:
    """The command ignores no signal that it would not ignore by itself."""
    command = ["grep", "SigIgn", "/proc/self/status"]
    by_itself = subprocess.run(command, capture_output=True, text=True, check=True)
    done = _modpulse("run", "--", *command)

    assert done.stdout == by_itself.stdout


def test_no_secret_leaves(lab: Lab, tmp_path: Path) -> None:
    """Credentials in a GOPROXY or an argument are in no record and on no screen."""
    file = tmp_path / "doc.json"
    secret = "https://somebody:hunter2@auth.lab.test"
    script = '"$@"; go env -w GOPROXY=' + secret
    done = lab.go(
        "mod", "download", goproxy=secret, requires=["m00"],
        before=[PROGRAM, "run", "--json", file, "--", "sh", "-c", script, "sh"],
    )  # fmt: skip

    document = json.loads(file.read_text())

    assert len(document["processes"]) == 2
    assert {request["proxy"] for request in document["requests"]} == {"https://auth.lab.test"}
    assert "hunter2" not in file.read_text() + done.stderr


def test_a_pid_namespace_of_its_own(tmp_path: Path) -> None:
    """Where a command cannot be followed it is not started, rather than seen to do nothing."""
    made = tmp_path / "made"
    apart = ["unshare", "--pid", "--fork", "--mount-proc"]
    done = subprocess.run(
        [*apart, PROGRAM, "run", "--", "touch", made],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 125
    assert "--pid=host" in done.stderr
    assert not made.exists()


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    """The command starts there all the same."""
    script = f"mkdir {tmp_path}/gone; cd {tmp_path}/gone; rmdir ../gone; exec {PROGRAM} run -- true"
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr


def test_not_root(tmp_path: Path) -> None:
    """Without root the command is not started, and the message says what to do."""
    made = tmp_path / "made"
    # The checkout may be in root's own folder: nobody may read it, and nothing else.
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reading = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    done = subprocess.run(
        [*nobody, *reading, PROGRAM, "run", "--", "touch", made],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 125
    assert "sudo modpulse" in done.stderr
    assert not made.exists()


def test_unknown_command() -> None:
    """A command that does not exist is reported as a shell does."""
    done = _modpulse("run", "--", "no-such-command-here")

    assert done.returncode == 127
    assert "no-such-command-here: no such command" in done.stderr


def test_death_by_signal() -> None:
    """A command killed by a signal gives 128 + its number, and no exit code in the document."""
    done = _modpulse("run", "--json", "-", "--", "sh", "-c", "kill -TERM $$")

    assert done.returncode == 128 + signal.SIGTERM
    assert json.loads(done.stdout)["exit_code"] is None


def test_signals_are_forwarded() -> None:
    """SIGTERM to modpulse reaches the command, which decides what to do about it."""
    script = "trap 'echo trapped; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        [PROGRAM, "run", "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)

    assert (process.returncode, out) == (3, b"trapped\n")


def test_document(lab: Lab, tmp_path: Path) -> None:
    """The document is valid, complete, and says what the server saw."""
    file = tmp_path / "doc.json"
    done = lab.go(
        "mod", "download", goproxy=lab.url("e404", "ok"), requires=["m00"],
        before=[PROGRAM, "run", "--json", file, "--"],
    )  # fmt: skip

    document = json.loads(file.read_text())

    assert done.returncode == 0
    jsonschema.validate(document, SCHEMA)
    assert [request["status"] for request in document["requests"]] == [404, 200] * 3
    assert [request["final"] for request in document["requests"]] == ["fell_through", "ok"] * 3
    (process,) = document["processes"]
    assert process["argv"][1:] == ["mod", "download"]
    assert document["losses"]["ring_full"] == document["losses"]["orphan"] == 0
    assert "e404.lab.test" in done.stderr


def test_children_count_and_others_do_not(lab: Lab, tmp_path: Path) -> None:
    """What the command's children do is seen; a `go` beside it is not."""
    file = tmp_path / "doc.json"
    beside = lab.start_go("mod", "download", goproxy=lab.url("slow"), requires=["m01"])
    lab.go(
        "mod", "download", goproxy=lab.url("ok"), requires=["m00"],
        before=[PROGRAM, "run", "--json", file, "--", "sh", "-c", '"$@"; true', "sh"],
    )  # fmt: skip
    beside.kill()
    beside.communicate()

    document = json.loads(file.read_text())

    assert {request["host"] for request in document["requests"]} == {"ok.lab.test"}
    assert len(document["requests"]) == 3


def test_trace_and_replay(lab: Lab, tmp_path: Path) -> None:
    """A trace opens without a warning, names its requests, and replays to the same records as far
    as packets tell."""
    file, trace, again = (tmp_path / name for name in ("doc.json", "run.pcapng", "replay.json"))
    lab.go(
        "mod", "download", goproxy=lab.url("ok", "h1-tls12"), requires=["m00", "m01"],
        before=[PROGRAM, "run", "--json", file, "--trace", trace, "--"],
    )  # fmt: skip
    replayed = _modpulse("replay", "--json", str(again), str(trace))
    needs(shutil.which("tshark") is not None, "tshark")
    shown = subprocess.run(
        ["tshark", "-r", str(trace), "-T", "fields", "-e", "frame.comment"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    ours, theirs = json.loads(file.read_text()), json.loads(again.read_text())
    complaints = [line for line in shown.stderr.splitlines() if "Running as user" not in line]

    assert replayed.returncode == 0
    assert complaints == []
    jsonschema.validate(theirs, SCHEMA)
    assert theirs["clock"] == "realtime"
    same = ("cookie", "pid", "host", "address", "port", "outcome", "bytes_in", "bytes_out")
    # Sorted: of two at once, Go may begin the one and send the other's packets first.
    assert sorted([made[name] for name in same] for made in theirs["connections"]) == sorted(
        [made[name] for name in same] for made in ours["connections"]
    )
    same = ("connection", "sni", "version", "cipher", "outcome", "pid")
    assert sorted([made[name] for name in same] for made in theirs["handshakes"]) == sorted(
        [made[name] for name in same] for made in ours["handshakes"]
    )
    same = ("host", "outcome", "source")
    asked = [found for found in ours["lookups"] if found["queries"]]
    # Of two at once for one name packets do not tell which asked what.
    assert {tuple(found[name] for name in same) for found in theirs["lookups"]} == {
        tuple(found[name] for name in same) for found in asked
    }
    assert theirs["requests"] == []
    assert any("module=mod.lab.test/m0" in line for line in shown.stdout.splitlines())


WITHOUT_MULTI = """
import time
from eyes import Eyes

with Eyes(multi=False):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        ([PROGRAM, "run", "--", "sh", "-c", "echo ready; exec sleep 60"], 2),
        ([sys.executable, "-c", WITHOUT_MULTI], 15),
    ],
    ids=["uprobe-multi", "perf"],
)
def test_killed_and_gone(command: list[str], seconds: float) -> None:
    """After kill -9 nothing of ours is loaded or attached any more: at once with the multi-uprobe
    link, within 15 seconds with one perf link per probe."""
    needs(shutil.which("bpftool") is not None, "bpftool")
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        process_group=0,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    # Only its own: other tests load programs at the same time.
    held = _held(process.pid)
    during = _attached()
    os.killpg(process.pid, signal.SIGKILL)
    until = time.monotonic() + seconds
    process.wait()
    process.stdout.close()
    while (left := _attached() & held) and time.monotonic() < until:
        time.sleep(0.1)

    assert len(held) >= 12
    assert held <= during
    assert left == set()


def _held(pid: int) -> set[tuple[str, int]]:
    """Ids of the programs and links that a process holds, from its descriptors."""
    texts = []
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        # It reads other files meanwhile, and closes them.
        with contextlib.suppress(FileNotFoundError):
            texts.append(info.read_text())
    pairs = re.findall(r"^(prog|link)_id:\t(\d+)$", "".join(texts), re.MULTILINE)
    return {(kind, int(number)) for kind, number in pairs}


def _attached() -> set[tuple[str, int]]:
    found = set()
    for kind in ("prog", "link"):
        listed = subprocess.run(
            ["bpftool", "-j", kind, "show"], capture_output=True, text=True, check=True
        )
        found |= {(kind, entry["id"]) for entry in json.loads(listed.stdout or "[]")}
    return found


@pytest.fixture
def user() -> Iterator[pwd.struct_passwd]:
    """Somebody who may call sudo."""
    needs(shutil.which("sudo") is not None, "sudo")
    subprocess.run(["useradd", "--create-home", USER], check=True)
    rule = Path("/etc/sudoers.d/modpulse-test")
    rule.write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    rule.chmod(0o440)
    yield pwd.getpwnam(USER)
    rule.unlink()
    subprocess.run(["userdel", "--remove", USER], check=False, capture_output=True)


def test_under_sudo(user: pwd.struct_passwd) -> None:
    """The command runs as the user who called sudo, with that user's environment and groups, and
    what it writes is the user's; so is the document."""
    script = "id -u; id -g; id -G; echo $GOPROXY $HOME; touch made"
    words = ["sudo", PROGRAM, "run", "--json", "doc.json", "--", "sh", "-c", script]
    environ = {"PATH": os.environ["PATH"], "HOME": user.pw_dir, "GOPROXY": "https://corp.example"}
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, env=environ,
        cwd=user.pw_dir, user=user.pw_uid, group=user.pw_gid, extra_groups=[],
    )  # fmt: skip

    uid, gid, groups, settings = done.stdout.splitlines()

    assert done.returncode == 0
    assert (int(uid), int(gid)) == (user.pw_uid, user.pw_gid)
    assert [int(group) for group in groups.split()] == os.getgrouplist(USER, user.pw_gid)
    assert settings == f"https://corp.example {user.pw_dir}"
    for name in ("made", "doc.json"):
        assert (Path(user.pw_dir) / name).stat().st_uid == user.pw_uid
