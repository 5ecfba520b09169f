"""Rules of the command line, where no collector is needed."""

import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from collectors import PROGRAM

from modpulse.collector import cli
from modpulse.collector.asking import SICK
from modpulse.collector.cli import BUSY, MISTAKE, main

DOCUMENT = Path(__file__).parents[2] / "docs" / "collector.md"


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own configuration and environment out."""
    for name in ("MODPULSE_URL", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("modpulse.collector.config.DEFAULT_PATH", tmp_path / "none.toml")


def answer_once(content: bytes) -> str:
    """Answer one connection on loopback with these bytes; return the URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(content)

    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """A collector that is not there is one line and exit code 1."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        code = main(["status", "--url", url])
    error = capsys.readouterr().err

    assert code == 1
    assert error == f"modpulse status: no collector answers at {url}: Connection refused\n"
    assert error.count("\n") == 1


@pytest.mark.parametrize("before", ["", "ab", "u:", "u:12", "u:p", "to/"])
def test_an_address_with_a_password(before: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no address is neither asked nor repeated: what of it is secret is not known."""
    secret = "hunter2Secret"
    rests = [f"{split}{secret}@h.example" for split in [*"<>`'\" \n\r[]{}|\\^%;?#", ""]]
    for rest in [
        *rests,
        f"?{secret}",
        f" {secret}",
        f"<{secret}",
        *[f":{secret}"][: before == "ab"],
    ]:
        code = main(["status", "--url", f"https://{before}{rest}"])
        error = capsys.readouterr().err

        assert (code, error.count("\n")) == (1, 1)
        assert "hunter" not in error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "no modpulse collector at"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "unexpected answer"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"proxies":5}', "unexpected answer"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"proxies":[5]}', "unexpected answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe", "no modpulse collector at"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no collector answers at"),
        (b"", "no collector answers at"),
        (
            b'HTTP/1.1 401 No\r\nContent-Length: 25\r\n\r\n{"error":"unknown token"} ',
            "answers 401: unknown token",
        ),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "answers 500: Oops"),
    ],
)
def test_not_a_collector(content: bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever answers instead, it is one line and exit code 1."""
    code = main(["status", "--url", answer_once(content)])
    error = capsys.readouterr().err

    assert (code, error.count("\n")) == (1, 1)
    assert words in error


def proxies(*states: str) -> bytes:
    """The answer of a collector that knows proxies in these states."""
    known = [{"proxy": "p", "state": state} for state in states]
    content = json.dumps({"schema": 1, "proxies": known})
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()


@pytest.mark.parametrize(
    ("states", "fail_on", "code"),
    [
        (["healthy", "down"], None, 0),
        (["healthy", "degraded"], "degraded", SICK),
        (["unknown", "down"], "degraded", SICK),
        (["degraded", "unknown"], "down", 0),
        (["healthy", "down"], "down", SICK),
        ([], "degraded", 0),
    ],
)
def test_fail_on(states: list[str], fail_on: str | None, code: int) -> None:
    """A script learns by the exit code whether any proxy is that ill, or worse."""
    asked = ["status", "--url", answer_once(proxies(*states))]

    assert main(asked + (["--fail-on", fail_on] if fail_on else [])) == code
    # With the document as well: whoever reads that may still want to stop at it.
    asked = ["status", "--json", "--url", answer_once(proxies(*states))]
    assert main(asked + (["--fail-on", fail_on] if fail_on else [])) == code


def test_whom_status_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The option wins over MODPULSE_URL, and that over the configuration."""
    nobody = "http://127.0.0.1:1"
    file = tmp_path / "c.toml"
    file.write_text(f'collector_url = "{nobody}/file"\n')
    asked = ["status", "--config", str(file)]

    assert main(asked) == 1
    monkeypatch.setenv("MODPULSE_URL", f"{nobody}/environment")
    assert main(asked) == 1
    assert main([*asked, "--url", f"{nobody}/option"]) == 1
    told = [line.split(": ")[1].rpartition("/")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["file", "environment", "option"]


@pytest.mark.parametrize(
    ("variables", "options", "coloured"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": "1"}, ["--color"], True),
        ({"FORCE_COLOR": "1"}, ["--no-color"], False),
    ],
)
def test_colour_into_a_pipe(
    variables: dict[str, str],
    options: list[str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a terminal colour comes by FORCE_COLOR or the option, as with `modpulse run`."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    main(["status", *options, "--url", answer_once(proxies("healthy"))])

    assert ("\x1b[32mhealthy" in capsys.readouterr().out) is coloured


@pytest.mark.parametrize("url", ["ftp://host/", "localhost:6637", "http://[", "http://a b/"])
def test_urls_that_are_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped URL is one line as well."""
    code = main(["status", "--url", url])

    assert (code, capsys.readouterr().err.count("\n")) == (1, 1)


def test_mistakes_in_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake is one line with the file, and exit code 2, for either command."""
    file = tmp_path / "c.toml"
    file.write_text("slow = 1\n")
    codes = [main([command, "--config", str(file)]) for command in ("serve", "status")]
    lines = capsys.readouterr().err.splitlines()

    assert codes == [2, 2]
    assert lines[0] == f"modpulse collector: {file}: unknown key 'slow'"
    assert lines[1] == f"modpulse status: {file}: unknown key 'slow'"


def test_a_library_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who installed without the extra `collector` is told so in one line."""

    def miss(*_: object) -> int:
        raise ModuleNotFoundError("No module named 'uvloop'", name="uvloop")

    monkeypatch.setattr(cli, "_serve", miss)

    assert main(["serve"]) == MISTAKE
    told = "modpulse collector: No module named 'uvloop': pip install 'modpulse[collector]'\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("command", ["serve", "status"])
def test_each_help_ends_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for help sees what it is for, and a line that works."""
    with pytest.raises(SystemExit):
        main([command, "--help"])

    *_, examples = capsys.readouterr().out.partition("\nexample:\n")
    assert examples
    assert all(line.startswith("  modpulse ") for line in examples.splitlines())


def test_every_flag_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/collector.md names every flag of either command."""
    for command in ("serve", "status"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    documented = set(re.findall(r"--[a-z-]+", DOCUMENT.read_text()))

    assert flags
    assert flags <= documented


def test_exit_codes_are_documented() -> None:
    """docs/collector.md says what each exit code of the collector means."""
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| [^|]+ \|$", DOCUMENT.read_text(), re.MULTILINE)

    assert [int(code) for code in rows] == [0, MISTAKE, BUSY]


def test_simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a script those that there are; exit code 1 where the truth is not told, 2 for a
    mistake in a script."""
    assert main(["simulate"]) == 0
    assert "\noutage " in capsys.readouterr().out
    fleet = """title = "t"
hours = 0.1
[[hosts]]
site = "ams"
[[proxy]]
name = "https://a.example"
"""
    mine = tmp_path / "mine.toml"
    mine.write_text(fleet)
    assert main(["simulate", "--json", str(mine)]) == 0
    assert json.loads(capsys.readouterr().out)["met"] is True
    mine.write_text(
        fleet
        + """[[happening]]
name = "h"
kind = "lossy"
[[truth]]
happening = "h"
proxy = "https://a.example"
state = "down"
"""
    )
    assert main(["simulate", str(mine)]) == 1
    assert "it is never said" in capsys.readouterr().out
    mine.write_text("title = 5")
    assert main(["simulate", str(mine)]) == 2
    assert capsys.readouterr().err == f"modpulse simulate: {mine}: title = 5: expected text\n"


def test_a_script_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that names none is told as one, with where to look."""
    assert main(["simulate", "outages"]) == 2
    assert capsys.readouterr().err == (
        "modpulse simulate: outages: no file, nor a script that `modpulse simulate` lists\n"
    )


def test_check_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault of a file that it names is a line, and the code 2; none is 0; nothing is made."""
    path, token = tmp_path / "c.toml", tmp_path / "token"
    channel = '[[channel]]\nname = "n"\nkind = "slack"\nurl_file = "/dev/zero"\n'
    keys = f'token_file = "{token}"\ndatabase = "{tmp_path}/c.db"\n'
    path.write_text(keys + channel)
    bad = main(["serve", "--check-config", "--config", str(path)])
    lines = capsys.readouterr().err.splitlines()
    token.write_text("0123456789abcdef\n")
    path.write_text(keys)
    good = main(["serve", "--check-config", "--config", str(path)])

    assert (bad, lines) == (2, [
        f"modpulse collector: token_file = '{token}': No such file or directory",
        "modpulse collector: url_file = '/dev/zero': a device, not a regular file",
    ])  # fmt: skip
    assert (good, capsys.readouterr().out) == (
        0, "modpulse collector: the configuration can be used\n",
    )  # fmt: skip
    assert sorted(tmp_path.iterdir()) == [path, token]


def test_one_incident(capsys: pytest.CaptureFixture[str]) -> None:
    """By its id or number, with what happened and its worst requests as bars."""
    worst = {"module": "m.example", "version": "v1.0.0", "endpoint": "zip", "agent": "build-1"}
    worst |= {"outcome": "tcp.timeout", "evidence": "no answer", "elapsed_ms": 100}
    quick = {"outcome": "http.5xx", "elapsed_ms": 25, "phases_ms": {"wait": 1e9, "transfer": "x"}}
    told = {"at": "2027-01-15T08:00:00Z", "what": "fired", "rule": "down", "words": "nothing works"}
    shown = {"id": "12-1800000000", "state": "closed", "timeline": [told, 5]}
    shown["worst"] = [worst | {"phases_ms": {"wait": 25, "processing": 50}}, quick, None]
    listed = {"schema": 1, "incidents": [{"id": "2-1", "state": "open"}, shown]}
    body = json.dumps(listed).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def asked(*words: str) -> tuple[int, str, str]:
        code = main(["incidents", *words, "--url", answer_once(answer)])
        return code, *capsys.readouterr()

    code, out, _ = asked("12")
    assert code == 0
    assert "incident 12-1800000000" in out
    assert "incident 2-1" not in out
    assert "2027-01-15 08:00 UTC  fired down: nothing works" in out
    assert f"|{'·' * 10}{'▒' * 20}{'░' * 10}| m.example@v1.0.0 zip" in out
    assert f"|{'·' * 10:<40}| -" in out
    code, out, _ = asked("--json", "12-1800000000")
    assert (code, [one["id"] for one in json.loads(out)["incidents"]]) == (0, ["12-1800000000"])
    assert asked("3") == (1, "", "modpulse incidents: no incident 3\n")


def test_an_output_that_takes_nothing() -> None:
    """A full disk behind stdout ends a command with a line, not with a traceback."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, "simulate"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (
        2, "modpulse simulate: [Errno 28] No space left on device\n",
    )  # fmt: skip


@pytest.mark.parametrize("seconds", ["0", "now", "nan"])
def test_how_often_top_asks(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is out of bounds is told with them."""
    with pytest.raises(SystemExit):
        cli.main(["top", "--every", seconds])

    assert f"'{seconds}': not seconds from 0.5 to 3600" in capsys.readouterr().err
