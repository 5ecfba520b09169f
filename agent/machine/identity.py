"""
As whom a watched command runs: under sudo as the user who called sudo, with that user's
environment, so that a module cache never gets files of root.

The decision is pure; `load` reads /proc and the user database.
"""

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from .procfs import read_environ

_LOST_BY_SUDO = ("GOPROXY", "GOSUMDB", "GOPRIVATE", "GOFLAGS", "GOMODCACHE", "HTTPS_PROXY", "PATH")
"""What matters to `go` and what sudo's default env_reset takes away."""
_MAX_ANCESTORS = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the command is run as."""

    uid: int | None
    """None: as whoever runs modpulse."""
    gid: int
    groups: tuple[int, ...]
    environ: Mapping[str, str]
    note: str | None = None
    """What to tell the user about an environment that could not be had."""


def decide(
    environ: Mapping[str, str],
    before_sudo: Mapping[str, str] | None,
    user: pwd.struct_passwd | None,
    groups: tuple[int, ...],
) -> Identity:
    """
    Decide from facts.

    Args:
        environ: Our own environment.
        before_sudo: The environment sudo was called with; None when it could not be read.
        user: Who called sudo; None when nobody did.
        groups: All groups of that user.
    """
    if user is None:
        return Identity(None, 0, (), environ)
    if before_sudo is not None:
        return Identity(user.pw_uid, user.pw_gid, groups, before_sudo)
    guessed = {name: value for name, value in environ.items() if not name.startswith("SUDO_")}
    guessed |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    missing = ", ".join(name for name in _LOST_BY_SUDO if name not in environ or name == "PATH")
    note = f"the environment before sudo could not be read; may be missing: {missing}"
    return Identity(user.pw_uid, user.pw_gid, groups, guessed, note)


def load(environ: Mapping[str, str]) -> Identity:
    """Look at who called sudo, if anybody did."""
    name = environ.get("SUDO_USER")
    if os.geteuid() != 0 or not name or environ.get("SUDO_UID") == "0":
        return decide(environ, None, None, ())
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return decide(environ, None, None, ())
    groups = tuple(os.getgrouplist(name, user.pw_gid))
    sudo = _ancestor("sudo")
    return decide(environ, read_environ(sudo) if sudo else None, user, groups)


@contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Open files with the user's rights and as the user's own, then be root again."""
    if identity.uid is None:
        yield
        return
    ours = os.getgroups()
    os.setgroups(identity.groups)
    os.setegid(identity.gid)
    os.seteuid(identity.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(ours)


def _ancestor(comm: str) -> int | None:
    """Return the nearest ancestor process of that name."""
    pid = os.getppid()
    for _ in range(_MAX_ANCESTORS):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                name, _, rest = file.read().partition(" (")[2].rpartition(") ")
        except OSError:
            return None
        if name == comm:
            return pid
        pid = int(rest.split()[1])
        if pid <= 1:
            return None
    return None
