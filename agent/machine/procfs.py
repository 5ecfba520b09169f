"""
What /proc tells of a process that has just begun: read at once, for it may live 30 ms.

Turns files into fields of the process record. Whatever cannot be read is None.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..service.commandline import is_called_go
from ..service.foreign import said, say_arguments
from ..wire.urls import redact, redact_gosumdb
from .authorities import has_authorities
from .goenv import effective, module_cache, parse_settings, unusable
from .named import is_missing, open_named

MAX_BYTES = 1 << 20
"""Of one file; argv and environment are limited by the kernel to 2 MiB together."""
MAX_ARGUMENTS = 256
MAX_SETTINGS_BYTES = 1 << 16
"""Of the file of `go env -w`; a larger one is not read."""
_INITIAL_PID_NAMESPACE = 0xEFFFFFFC
"""include/linux/proc_ns.h: PROC_PID_INIT_INO."""
_CONTAINER = re.compile(
    r"(?:docker|cri-containerd|libpod|crio)[-/]([0-9a-f]{64})|/([0-9a-f]{64})(?:/|$)"
)
_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?:/|$)")


@dataclass(frozen=True, slots=True)
class Environment:
    """What a `go` command settles its settings by, in the order in which it looks."""

    variables: Mapping[str, str]
    settings: Mapping[str, str]
    """Of the file that `go env -w` writes."""

    def get(self, name: str) -> str | None:
        """Return a setting; an empty one counts as none."""
        return effective(name, self.variables, self.settings)

    def module_cache(self) -> str | None:
        """Return where it keeps modules."""
        return module_cache(self.variables, self.settings)


def read_environment(pid: int) -> Environment | None:
    """Return the environment of a `go` command; None when it cannot be read."""
    variables = read_environ(pid)
    if variables is None:
        return None
    return Environment(variables, parse_settings(user_settings(pid, variables)))


def read_environ(pid: int) -> dict[str, str] | None:
    """Return the environment a process was started with; None when it cannot be read."""
    data = _read(f"/proc/{pid}/environ")
    if data is None:
        return None
    pairs = (part.partition(b"=") for part in data.split(b"\0") if b"=" in part)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def read_facts(
    pid: int,
    environment: Environment | None,
    job_variables: Sequence[str],
    *,
    is_go: bool = False,
) -> dict[str, Any]:
    """
    Return fields of records.Process, by name; those that are not known are left out.

    Args:
        pid: The process.
        environment: Its own; None where it could not be read.
        job_variables: Names of the environment variables that are kept.
        is_go: It is the `go` command, whatever it is called.
    """
    facts: dict[str, Any] = {}
    arguments = read_arguments(pid)
    if arguments:
        program, *rest = arguments
        # By another name its arguments would be read as those of whatever has that name.
        name = "go" if is_go and not is_called_go(program) else program
        facts["argv"] = say_arguments([name, *rest])
    if environment is not None:
        facts |= _of_environment(pid, environment, job_variables)
        facts["authorities"] = has_authorities(pid, environment.variables)
    cgroup = _read(f"/proc/{pid}/cgroup")
    if cgroup:
        facts |= cgroup_facts(cgroup.decode("utf-8", "replace"))
    return said(facts)


def read_arguments(pid: int) -> list[str]:
    """Return the command line of a process, secrets and all; empty when it cannot be read."""
    data = _read(f"/proc/{pid}/cmdline")
    if not data:
        return []
    words = data.rstrip(b"\0").split(b"\0")[:MAX_ARGUMENTS]
    return [os.fsdecode(word) for word in words]


def differs(pid: int, offset: int, original: bytes) -> bool:
    """
    Tell whether a process has other instructions than its file: a breakpoint.

    Args:
        pid: The process.
        offset: In its executable file.
        original: What the file has there.

    Raises:
        OSError: the process is gone, or not ours to read.
    """
    address = _address_of(_read(f"/proc/{pid}/maps") or b"", offset)
    if address is None:
        raise ProcessLookupError(f"process {pid} has no executable file in memory")
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), len(original), address) != original


def _address_of(maps: bytes, offset: int) -> int | None:
    """Return where instructions of the executable file lie: it is mapped below all libraries."""
    for line in maps.splitlines():
        span, mode, start, *_ = line.split(maxsplit=3)
        first, end = (int(address, 16) for address in span.split(b"-"))
        into = offset - int(start, 16)
        if b"x" in mode and 0 <= into < end - first:
            return first + into
    return None


def read_name(pid: int) -> bytes | None:
    """Return what a process is called: of the file that it ran last; None when it is gone."""
    name = _read(f"/proc/{pid}/comm")
    return None if name is None else name.removesuffix(b"\n")


def exists(pid: int) -> bool:
    """Whether there is such a process, a zombie included."""
    return os.path.exists(f"/proc/{pid}")


def sees_all_processes() -> bool:
    """Whether /proc numbers processes as the kernel side does: not in a container's namespace."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino == _INITIAL_PID_NAMESPACE
    except OSError:
        return False


def _of_environment(
    pid: int, environment: Environment, job_variables: Sequence[str]
) -> dict[str, Any]:
    environ, setting = environment.variables, environment.get

    def proxy(name: str) -> str | None:
        value = environ.get(name.upper()) or environ.get(name)
        return redact(value) if value else None

    job = {name: environ[name] for name in job_variables if environ.get(name)}
    return {
        "gosumdb": redact_gosumdb(setting("GOSUMDB")),
        "gonoproxy": setting("GONOPROXY") or setting("GOPRIVATE"),
        "https_proxy": proxy("https_proxy"),
        "http_proxy": proxy("http_proxy"),
        "job": job or None,
        "unusable": unusable(environ, environment.settings) or _no_goroot(pid, setting("GOROOT")),
    }


def _no_goroot(pid: int, folder: str | None) -> str | None:
    """As `unusable`, of files: cmd/go/main.go prints it, and ends with exit code 2."""
    if folder is None or not folder.startswith("/") or not is_missing(pid, folder):
        return None
    return "GOROOT is a folder that is not there"


def user_settings(pid: int, environ: Mapping[str, str]) -> str:
    """
    Return the text of the file that `go env -w` writes; empty when there is none to be read.

    The process names it, so it is whatever that user wants: see named.py.
    """
    path = environ.get("GOENV")
    if path == "off":
        return ""
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(
        environ.get("HOME", "/nonexistent"), ".config"
    )
    handle = open_named(pid, path or os.path.join(home, "go", "env"))
    if handle is None:
        return ""
    with open(handle, "rb", buffering=0) as file:
        # A file of /proc has no size, and reading some takes from who they are for.
        if not 0 < os.fstat(handle).st_size <= MAX_SETTINGS_BYTES:
            return ""
        try:
            data = file.read(MAX_SETTINGS_BYTES)
        except OSError:
            return ""
    return data.decode("utf-8", "replace") if data else ""


def cgroup_facts(text: str) -> dict[str, Any]:
    """Read /proc/PID/cgroup: the cgroup2 path, and the container and unit it names."""
    paths = {
        line.split(":", 2)[1]: line.split(":", 2)[2]
        for line in text.splitlines()
        if line.count(":") >= 2
    }
    path = paths.get("", paths.get("name=systemd", ""))
    everywhere = "\n".join(paths.values())
    container = _CONTAINER.search(everywhere)
    unit = _UNIT.search(path) or _UNIT.search(paths.get("name=systemd", ""))
    return {
        "cgroup": path or None,
        "container": (container[1] or container[2])[:12] if container else None,
        "unit": unit[1] if unit else None,
    }


def _read(path: str) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        data = b""
        while len(data) < MAX_BYTES and (chunk := os.read(handle, 65536)):
            data += chunk
        return data
    except OSError:
        return None
    finally:
        os.close(handle)
