"""As whom a watched command runs."""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import needs

from modpulse.agent.machine import identity
from modpulse.agent.machine.identity import Identity, acting_as, decide, load

USER = pwd.struct_passwd(("ann", "x", 1000, 1001, "", "/home/ann", "/bin/sh"))
NOBODY = pwd.getpwnam("nobody")


def test_without_sudo() -> None:
    """Nobody called sudo: as whoever runs us, with our environment."""
    environ = {"PATH": "/bin"}

    assert decide(environ, None, None, ()) == Identity(None, 0, (), environ)


def test_the_environment_before_sudo() -> None:
    """What sudo was called with is what the user's command gets."""
    found = decide({"PATH": "/sbin"}, {"GOPROXY": "off"}, USER, (1001, 27))

    assert found == Identity(1000, 1001, (1001, 27), {"GOPROXY": "off"})


def test_an_environment_that_could_not_be_read() -> None:
    """It is guessed, and the user hears what may be missing."""
    environ = {"SUDO_USER": "ann", "PATH": "/sbin", "GOPROXY": "off", "HOME": "/root"}

    found = decide(environ, None, USER, (1001,))

    assert found.environ == {
        "PATH": "/sbin", "GOPROXY": "off", "HOME": "/home/ann", "USER": "ann", "LOGNAME": "ann",
    }  # fmt: skip
    assert found.note is not None
    assert "GOSUMDB" in found.note
    assert "PATH" in found.note
    assert "GOPROXY" not in found.note


@pytest.mark.parametrize(
    ("uid", "environ"),
    [
        (1000, {"SUDO_USER": "nobody", "SUDO_UID": str(NOBODY.pw_uid)}),
        (0, {}),
        (0, {"SUDO_USER": "root", "SUDO_UID": "0"}),
        (0, {"SUDO_USER": "no such user", "SUDO_UID": "9"}),
    ],
)
def test_who_is_nobody_else(uid: int, environ: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root can become another, and only one that sudo names and the system knows."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    assert load(environ) == Identity(None, 0, (), environ)


def test_called_by_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of sudo, with all groups; without a sudo above us the environment is guessed."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(identity, "_ancestor", lambda _: None)

    found = load({"SUDO_USER": "nobody", "SUDO_UID": str(NOBODY.pw_uid)})

    assert (found.uid, found.gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert NOBODY.pw_gid in found.groups
    assert found.note is not None


def test_ancestor() -> None:
    """The nearest process of that name above us; a name may have blanks and brackets."""
    program = (
        "from modpulse.agent.machine.identity import _ancestor as a; import os;"
        "print(a('sh) 1 (x') == os.getppid(), a('no such'))"
    )
    rename = "printf 'sh) 1 (x' > /proc/$$/comm; "
    done = subprocess.run(
        ["sh", "-c", f'{rename} "$0" -c "$1"; true', sys.executable, program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout == "True None\n"


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may write in, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_files_are_the_user_s(shared_folder: Path) -> None:
    """A file opened as the user belongs to the user, and root is root again."""
    needs(os.geteuid() == 0, "root, to be somebody else")
    before = os.geteuid(), os.getegid(), os.getgroups()
    user = Identity(NOBODY.pw_uid, NOBODY.pw_gid, (NOBODY.pw_gid,), {})
    trace = shared_folder / "trace"

    with acting_as(user):
        trace.touch()
        groups = os.getgroups()

    status = trace.stat()
    assert (status.st_uid, status.st_gid) == (NOBODY.pw_uid, NOBODY.pw_gid)
    assert groups == [NOBODY.pw_gid]
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before


def test_acting_as_ourselves() -> None:
    """Nobody called sudo: nothing changes."""
    before = os.geteuid()

    with acting_as(Identity(None, 0, (), {})):
        assert os.geteuid() == before
