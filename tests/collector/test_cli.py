"""Rules of the command line, where no collector is needed."""

import re
import socket
import threading
from pathlib import Path

import pytest

from modpulse.collector.cli import main

DOCUMENT = Path(__file__).parents[2] / "docs" / "collector.md"


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own configuration out."""
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
    assert error.startswith(f"modpulse status: no collector answers at {url}: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "no modpulse collector at"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "unexpected answer"),
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
    assert lines[1] == f"modpulse status: {file}: unknown key 'slow'"


def test_every_flag_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/collector.md names every flag of either command."""
    for command in ("serve", "status"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    flags = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    documented = set(re.findall(r"--[a-z]+", DOCUMENT.read_text()))

    assert flags
    assert flags <= documented
