"""Whether `go` finds certificate authorities."""

import os
import subprocess
from pathlib import Path

import pytest

from modpulse.agent.machine import authorities
from modpulse.agent.machine.authorities import has_authorities

ME = os.getpid()
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The usual places are those of a bare container."""
    monkeypatch.setattr(authorities, "_FILES", (str(tmp_path / "usual.crt"),))
    monkeypatch.setattr(authorities, "_FOLDERS", (str(tmp_path / "certs"),))


def test_a_bare_container() -> None:
    """Where nothing is there is no authority."""
    assert has_authorities(ME, {}) is False


def test_the_usual_file(tmp_path: Path) -> None:
    """Where the usual file lies there is nothing to look for."""
    (tmp_path / "usual.crt").write_text(PEM)

    assert has_authorities(ME, {}) is None


def test_an_empty_file(tmp_path: Path) -> None:
    """Without content it is as good as none."""
    (tmp_path / "usual.crt").touch()

    assert has_authorities(ME, {}) is False


def test_who_has_ended() -> None:
    """Of a zombie nothing can be told: it has no root to look below."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert has_authorities(child.pid, {}) is None
        assert has_authorities(child.pid, {"SSL_CERT_FILE": "/none"}) is None
    finally:
        child.wait()


@pytest.mark.parametrize("name", ["relative.pem", "./certs", "/one:two"])
def test_a_relative_name(name: str) -> None:
    """What it means is known to who is in that folder."""
    variable = "SSL_CERT_DIR" if ":" in name else "SSL_CERT_FILE"

    assert has_authorities(ME, {variable: name}) is None


def test_the_usual_folder(tmp_path: Path) -> None:
    """One certificate in the folder is enough."""
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ours.pem").write_text(PEM)

    assert has_authorities(ME, {}) is True


@pytest.mark.parametrize(
    ("text", "found"), [(PEM, True), ("no certificate", False), ("", False), (None, False)]
)
def test_a_file_that_is_named(tmp_path: Path, text: str | None, found: bool) -> None:
    """What SSL_CERT_FILE names takes the place of the usual files."""
    (tmp_path / "usual.crt").write_text(PEM)
    path = tmp_path / "named.pem"
    if text is not None:
        path.write_text(text)

    assert has_authorities(ME, {"SSL_CERT_FILE": str(path)}) is found


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder, a pipe and a device are no files of authorities."""
    os.mkfifo(tmp_path / "pipe")
    names = (str(tmp_path), str(tmp_path / "pipe"), "/dev/zero", "/\0")

    assert {has_authorities(ME, {"SSL_CERT_FILE": name}) for name in names} == {False}


def test_folders_that_are_named(tmp_path: Path) -> None:
    """SSL_CERT_DIR has several, of which one will do."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.pem").write_text(PEM)
    folders = f"/nowhere:{tmp_path / 'mine'}"

    assert has_authorities(ME, {"SSL_CERT_DIR": folders}) is True
    assert has_authorities(ME, {"SSL_CERT_DIR": "/nowhere:"}) is False
