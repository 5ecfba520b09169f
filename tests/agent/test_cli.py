"""The commands, and what they do with files and exit codes."""

import configparser
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import stories

from modpulse.agent import cli
from modpulse.agent.cli import CANNOT_OBSERVE, main
from modpulse.agent.commands import agent as daemon
from modpulse.agent.commands import run
from modpulse.agent.kernel import compilation
from modpulse.agent.kernel.compilation import KernelError, KernelOptions
from modpulse.agent.machine import host


class NoCompilation:
    """Stands for the child that compiles, which needs root."""

    def __init__(self, options: KernelOptions) -> None:
        self.options = options


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """`modpulse run` without a kernel: what it was called with; its command exits with 3."""
    calls: list[tuple] = []

    def fake_run(*arguments: object) -> tuple:
        calls.append(arguments)
        return stories.document(), 3

    monkeypatch.setattr(compilation, "Compilation", NoCompilation)
    monkeypatch.setattr(run, "run", fake_run)
    monkeypatch.delenv("SUDO_USER", raising=False)
    return calls


def empty_capture(path: Path) -> Path:
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101))
    return path


def test_run(watched: list[tuple], capsys: pytest.CaptureFixture[str]) -> None:
    """The waterfall goes to stderr, stdout is the command's; the exit code is too."""
    code = main(["run", "--", "go", "mod", "download"])

    shown = capsys.readouterr()
    assert (code, shown.out) == (3, "")
    assert shown.err != ""
    ((command, made, _, witness),) = watched
    assert command == ["go", "mod", "download"]
    assert (made.options.scoped, made.options.trace, witness) == (True, False, None)


def test_json_to_stdout(watched: list[tuple], capsys: pytest.CaptureFixture[str]) -> None:
    """`-` is stdout: one document on one line."""
    main(["run", "--json", "-", "--", "go", "version"])

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["schema"] == 1


def test_files(watched: list[tuple], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records and packets are written to the files that were named, `-` being one for packets."""
    monkeypatch.chdir(tmp_path)

    code = main(["run", "--json", "r.json", "--trace", "-", "--", "go"])

    assert code == 3
    assert json.loads(Path("r.json").read_text())["schema"] == 1
    assert Path("-").read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    ((_, made, _, witness),) = watched
    assert made.options.trace
    assert witness is not None


def test_a_file_that_cannot_be_opened(watched: list[tuple], tmp_path: Path) -> None:
    """It is found out before the command is started."""
    assert main(["run", "--json", str(tmp_path), "--", "go"]) == CANNOT_OBSERVE
    assert watched == []


@pytest.mark.parametrize(("ended_with", "code"), [(3, 3), (0, CANNOT_OBSERVE)])
def test_a_report_that_cannot_be_written(
    ended_with: int,
    code: int,
    watched: list[tuple],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A failure of the command counts first; 0 says that each FILE is there, and each is named."""
    monkeypatch.setattr(run, "run", lambda *_: (stories.document(), ended_with))

    found = main(["run", "--json", "/dev/full", "--trace", "/dev/full", "--", "go"])

    assert found == code
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("modpulse:")]
    assert told == ["modpulse: /dev/full: No space left on device"] * 2


def test_the_others_are_written(
    watched: list[tuple], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where one FILE takes nothing the next ones are whole all the same."""
    page, packets = tmp_path / "page", tmp_path / "packets"
    words = ["run", "--json", "/dev/full", "-o", str(page), "--trace", str(packets), "--", "go"]

    assert main(words) == 3
    assert "modpulse: /dev/full: " in capsys.readouterr().err
    assert page.read_text() != ""
    assert packets.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


def test_a_pipe_that_nobody_reads(
    watched: list[tuple], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command does not wait for a reader that may never come; one that waits gets it all."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert main(["run", "--json", str(pipe), "--", "go"]) == CANNOT_OBSERVE
    assert watched == []
    assert capsys.readouterr().err == f"modpulse: {pipe}: a named pipe that nobody reads\n"

    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        while main(["run", "--json", str(pipe), "--", "go"]) == CANNOT_OBSERVE:
            pass  # it has not opened its end yet
        read, _ = reader.communicate()
    assert json.loads(read)["schema"] == 1


def test_a_host_that_cannot_be_observed(
    watched: list[tuple], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command is not started, and the reason is told, with what says more."""

    def refuse(*_: object) -> None:
        raise KernelError("not root")

    monkeypatch.setattr(run, "run", refuse)

    assert main(["run", "--", "go"]) == CANNOT_OBSERVE
    assert capsys.readouterr().err.splitlines() == [
        "modpulse: not root",
        "`modpulse check` says what this host lacks",
    ]


def test_a_library_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who installed without the extra `agent` is told so in one line."""

    def miss(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'capstone'", name="capstone")

    monkeypatch.setattr(host, "run_check", miss)

    assert main(["check"]) == CANNOT_OBSERVE
    told = "modpulse: No module named 'capstone': pip install 'modpulse[agent]'\n"
    assert capsys.readouterr().err == told


def test_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A capture is shown, and written where asked for."""
    path = empty_capture(tmp_path / "empty.pcap")

    codes = [
        main(["replay", str(path)]),
        main(["replay", "--json", str(tmp_path / "r.json"), str(path)]),
        main(["replay", "--json", "-", str(path)]),
    ]

    assert codes == [0, 0, 0]
    assert json.loads(capsys.readouterr().out)["clock"] == "realtime"
    assert json.loads((tmp_path / "r.json").read_text())["requests"] == []


def test_replay_of_no_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It fails with one line that names the file."""
    (tmp_path / "text").write_text("hello")

    codes = [main(["replay", str(tmp_path / name)]) for name in ("text", "missing")]

    assert codes == [1, 1]
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["modpulse"] * 2


def test_other_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """`agent` and `check` are handed what they need; their code is ours."""
    monkeypatch.setattr(daemon, "main", lambda config: (config, "agent"))
    monkeypatch.setattr(host, "run_check", lambda *arguments: arguments[3])

    assert main(["agent", "--config", "a.toml"]) == ("a.toml", "agent")
    assert main(["check", "--json"]) is True


def test_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`modpulse` alone says what there is."""
    assert main([]) == 0
    assert "usage: modpulse" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints what setup.cfg has."""
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")

    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"modpulse {setup['metadata']['version']}\n"


@pytest.mark.parametrize("command", [(), ("run",), ("replay",), ("agent",), ("check",)])
def test_each_help_ends_with_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asks for help sees a line that works."""
    with pytest.raises(SystemExit):
        main([*command, "--help"])

    *_, last = capsys.readouterr().out.splitlines()
    assert "modpulse" in last
    assert last.startswith("  ")


def test_the_waterfall_in_a_file(
    watched: list[tuple], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With -o it goes to the file alone, in colours only where they were asked for."""
    plain, coloured = tmp_path / "plain.txt", tmp_path / "coloured.txt"

    codes = [
        main(["run", "-o", str(plain), "--", "go"]),
        main(["run", "--output", str(coloured), "--color", "--", "go"]),
        main(["replay", "-o", str(tmp_path / "r.txt"), str(empty_capture(tmp_path / "e.pcap"))]),
    ]

    assert codes == [3, 3, 0]
    assert capsys.readouterr().err == ""
    assert "\x1b[" not in plain.read_text()
    assert re.sub(r"\x1b\[\d*m", "", coloured.read_text()) == plain.read_text()
    assert (tmp_path / "r.txt").read_text() != ""


@pytest.mark.parametrize("given", [["run"], ["replay"], ["nonsense"]])
def test_usage(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is not understood is exit code 2 and a line of usage."""
    with pytest.raises(SystemExit) as ended:
        main(given)

    assert ended.value.code == 2
    assert "usage: modpulse" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "theirs"), [("collector", "serve"), ("status", "status")])
def test_the_collector_is_another_program(
    command: str, theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is executed with all arguments, from beside us or from the PATH."""
    executed: list[tuple] = []
    monkeypatch.setattr(os, "execv", lambda *arguments: executed.append(arguments))
    program = tmp_path / "modpulse-collector"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for beside, path in ((tmp_path, "/nowhere"), (Path("/nowhere"), tmp_path)):
        monkeypatch.setattr(sys, "argv", [str(beside / "modpulse")])
        monkeypatch.setenv("PATH", str(path))
        main([command, "--help"])

    assert executed == [(str(program), [str(program), theirs, "--help"])] * 2


def test_without_the_collector(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent may be installed alone."""
    monkeypatch.setattr(sys, "argv", ["/nowhere/modpulse", "status"])
    monkeypatch.setenv("PATH", "/nowhere")

    assert cli.main() == CANNOT_OBSERVE
    assert "modpulse-collector" in capsys.readouterr().err


def test_check_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each fault is a line with its file or variable and its key, and the code 2; none is 0."""
    path = tmp_path / "agent.toml"
    path.write_text(f'agent_id = "a"\nspool_dir = "{tmp_path}/spool"\n')
    monkeypatch.setenv("MODPULSE_AGENT_PORT", "1")
    good = main(["agent", "--check-config", "--config", str(path)])
    shown = capsys.readouterr()
    path.write_text('colour = 1\nring_bytes = "x"\n')
    monkeypatch.setenv("MODPULSE_AGENT_WINDOW_SECONDS", "99")
    bad = main(["agent", "--check-config", "--config", str(path)])
    lines = capsys.readouterr().err.splitlines()

    assert (good, shown.out) == (0, "modpulse agent: the configuration can be used\n")
    assert shown.err == "modpulse agent: MODPULSE_AGENT_PORT: no key is called so\n"
    assert (bad, lines) == (2, [
        f"modpulse agent: {path}: unknown key 'colour'",
        f"modpulse agent: {path}: ring_bytes = 'x': expected a whole number",
        "modpulse agent: MODPULSE_AGENT_WINDOW_SECONDS: window_seconds = 99.0: "
        "must be from 1 to 60",
    ])  # fmt: skip
    assert list(tmp_path.iterdir()) == [path]
