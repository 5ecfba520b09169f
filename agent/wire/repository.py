"""
What git and ssh are asked to fetch, by their arguments, without its secrets.

Pure, never raises. Sources: cmd/go/internal/modfetch/codehost/git.go, cmd/go/internal/vcs, and
git-remote-helpers(7); an address `user@host:path` is of git's own (git-fetch(1), GIT URLS).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from .urls import redact

_FETCHING = ("ls-remote", "fetch", "clone", "pull")
_WITH_VALUE = {"git": ("-c", "-C", "--git-dir"), "ssh": ("-o", "-p", "-i", "-l", "-F", "-J", "-E")}
_SCHEMES = re.compile(r"(?:https?|git|ssh|git\+ssh|ftps?)://", re.I)
_SHORT = re.compile(r"(?P<host>(?:[^/:\s]*@)?[^/:\s]+):(?P<path>[^:\s].*)")
_QUOTED = re.compile(r"'(/?[^']*)'\Z")


class Fetching(NamedTuple):
    """Which program fetches, and from where."""

    role: str
    """`git` or `ssh`."""
    repository: str | None
    """URL without user info and query; None where the arguments do not name it."""


def fetching(arguments: Sequence[str]) -> Fetching | None:
    """
    Read a command line, the program first.

    Returns:
        None where it asks nothing of a network: git's commands for what is here already, and its
        front, of which the helper tells.
    """
    program, *rest = arguments or ("",)
    name = program.rpartition("/")[2]
    if name in ("git-remote-https", "git-remote-http"):
        return Fetching("git", _first_url(rest))
    if name == "ssh":
        return Fetching("ssh", _of_ssh(_operands("ssh", rest), rest))
    operands = _operands("git", rest)
    if name != "git" or not operands or operands[0] not in _FETCHING:
        return None
    named = _operands("git", rest[rest.index(operands[0]) + 1 :])
    if named and (named[0].startswith(("/", ".")) or named[0].lower().startswith("file:")):
        return None
    return Fetching("git", _first_url(named[:1]))


def host_of(repository: str) -> str:
    """Return the host of a repository's URL, with its port if it names one."""
    return repository.partition("://")[2].partition("/")[0]


def _operands(program: str, rest: Sequence[str]) -> list[str]:
    """Return what is no option, nor the value of one."""
    found, skips = [], False
    for argument in rest:
        if skips:
            skips = False
        elif argument in _WITH_VALUE[program]:
            skips = True
        elif not argument.startswith("-"):
            found.append(argument)
    return found


def _first_url(operands: Sequence[str]) -> str | None:
    for operand in operands:
        if _SCHEMES.match(operand):
            return _shown(operand)
        short = _SHORT.fullmatch(operand)
        if short:
            return _shown(f"ssh://{short['host']}/{short['path'].lstrip('/')}")
    return None


def _of_ssh(operands: Sequence[str], rest: Sequence[str]) -> str | None:
    if len(operands) < 2:
        return None
    port = next((rest[i + 1] for i, word in enumerate(rest[:-1]) if word == "-p"), None)
    path = _QUOTED.search(operands[-1])
    host = operands[0] + (f":{port}" if port is not None else "")
    return _shown(f"ssh://{host}/{path[1].lstrip('/') if path else ''}")


def _shown(url: str) -> str:
    return redact(url.removeprefix("git+")).rstrip("/")
