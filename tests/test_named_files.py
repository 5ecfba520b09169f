"""Files that a configuration names, of agent and collector: each bad one is one line, at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from collectors import write_certificates

PROGRAMS = {
    "agent": "import sys; from modpulse.agent.commands.agent import main; sys.exit(main({}))",
    "serve": "import sys; from modpulse.collector.cli import main; "
    "sys.exit(main(['serve', '--config', {}] if {} else ['serve']))",
    "status": "import sys; from modpulse.collector.cli import main; "
    "sys.exit(main(['status', '--config', {}] if {} else ['status']))",
}
KINDS = {
    "missing": "No such file or directory",
    "pipe": "a named pipe, not a regular file",
    "/dev/zero": "a device, not a regular file",
    "folder": "a directory, not a regular file",
    "large": "more than",
}
KEYS = [
    ("agent", "token_file", {}),
    ("agent", "module_key_file", {}),
    ("agent", "ca_file", {"collector_url": "https://127.0.0.1:9"}),
    ("agent", "tls_certificate", {"collector_url": "https://127.0.0.1:9", "tls_key": "good"}),
    ("agent", "tls_key", {"collector_url": "https://127.0.0.1:9", "tls_certificate": "good"}),
    ("serve", "token_file", {}),
    ("serve", "access_file", {}),
    ("serve", "tls_certificate", {"tls_key": "good"}),
    ("serve", "tls_key", {"tls_certificate": "good"}),
    ("serve", "tls_client_ca", {"tls_key": "good", "tls_certificate": "good"}),
    ("status", "token_file", {}),
    ("status", "ca_file", {"url": "https://127.0.0.1:9"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind, and a good certificate with its key."""
    made = tmp_path_factory.mktemp("named")
    write_certificates(made)
    (made / "server.pem").rename(made / "good")
    os.mkfifo(made / "pipe")
    (made / "folder").mkdir()
    (made / "binary").write_bytes(b"window_seconds = '\xff'")
    (made / "nul").write_bytes(bytes(100))
    (made / "cafe").write_text("café" * 10)
    (made / "empty").touch()
    (made / "crlf.toml").write_bytes(b"\r\nno = 1\r\n")
    with (made / "large").open("wb") as file:
        file.truncate(10 << 30)
    subprocess.run(
        ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", "good", "-out", "encrypted"],
        cwd=made, check=True, capture_output=True,
    )  # fmt: skip
    return made


def start(
    program: str, folder: Path, keys: dict[str, str], config: str | None = None
) -> tuple[int, str]:
    """Start a program that must not get far, on a terminal's place; return code and last line."""
    prefix = "MODPULSE_AGENT_" if program == "agent" else "MODPULSE_COLLECTOR_"
    clean = {name: value for name, value in os.environ.items() if "MODPULSE" not in name}
    own = {"database": "c.db", "listen": "127.0.0.1:0"} if program == "serve" else {}
    if program == "agent":
        own = {"agent_id": "a", "spool_dir": str(folder / "spool")}
    environ = clean | {prefix + key.upper(): value for key, value in (own | keys).items()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[program].replace("{}", repr(config))],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(("program", "key", "others"), KEYS)
def test_keys(program: str, key: str, others: dict[str, str], folder: Path) -> None:
    """Whatever stands in its place, the line has key and path, and the code is that of mistakes."""
    for path, words in KINDS.items():
        code, line = start(program, folder, {**others, key: path})

        assert f"{key} = '{path}': {words}" in line
        assert code == 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_configuration(program: str, folder: Path) -> None:
    """So it is with the file that --config names."""
    more = {"binary": "byte 18 is no UTF-8", "nul": "not valid TOML", "crlf.toml": "unknown key"}
    for path, words in (KINDS | more).items():
        code, line = start(program, folder, {}, path)

        assert f"{path}: {words}" in line
        assert code == 2


@pytest.mark.parametrize(
    ("program", "keys", "words"),
    [
        ("agent", {"token_file": "cafe"}, "token_file = 'cafe': line 1 is not one word"),
        ("serve", {"token_file": "cafe"}, "token_file = 'cafe': line 1 is not one word"),
        ("serve", {"access_file": "cafe"}, "access_file = 'cafe': line 1 is no ASCII"),
        ("status", {"token_file": "cafe"}, "token_file = 'cafe': line 1 is not one word"),
        ("agent", {"token_file": "empty"}, "token_file = 'empty': no token in it"),
        ("serve", {"token_file": "empty"}, "token_file = 'empty': no token in it"),
        ("status", {"token_file": "empty"}, "token_file = 'empty': no token in it"),
        ("serve", {"tls_certificate": "good", "tls_key": "encrypted"}, "is encrypted"),
        ("agent", {"tls_certificate": "good", "tls_key": "encrypted",
                   "collector_url": "https://127.0.0.1:9"}, "is encrypted"),
        ("agent", {"collector_url": "http://[fe80::1%nope]:8080"}, "no such network interface"),
        ("serve", {"listen": "[fe80::1%nope]:8080"}, "MODPULSE_COLLECTOR_LISTEN: listen = "),
        ("agent", {"window_seconds": "no"}, "MODPULSE_AGENT_WINDOW_SECONDS: window_seconds = 'no'"),
        ("serve", {"window_seconds": "no"},
         "MODPULSE_COLLECTOR_WINDOW_SECONDS: window_seconds = 'no'"),
    ],
)  # fmt: skip
def test_what_is_in_them(program: str, keys: dict[str, str], words: str, folder: Path) -> None:
    """What a file has and what a variable says is told as well, with who said it."""
    code, line = start(program, folder, keys)

    assert words in line
    assert code == 2
