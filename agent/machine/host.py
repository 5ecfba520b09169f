"""What this machine offers to an observer: collects the facts that check.py judges."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

from ..binary.elf import BinaryError
from ..binary.plan import plan
from ..screen.terminal import style_of
from . import check
from .check import Facts, GoBinary
from .findgo import find_go, read_image
from .mounts import mount_point
from .procfs import sees_all_processes

IMPORT_TIMEOUT_S = 30
"""Importing bcc takes 0.3 s, and seconds on an emulated machine."""
MAX_TEXT_BYTES = 1 << 20
"""Of a file in /proc or /sys."""


def run_check(
    try_links: Callable[[], str], environ: Mapping[str, str], stream: TextIO, as_json: bool = False
) -> int:
    """
    Check this host and print the answer; return the exit code, 0 when it can be observed.

    Args:
        try_links: Makes and drops a link of each kind; returns a key of `check.LINKS`, or why
            there is none.
        environ: Of the user whose `go` is looked for.
    """
    facts = collect(try_links, environ)
    findings = check.findings_of(facts)
    if as_json:
        stream.write(json.dumps(check.to_json(facts, findings)) + "\n")
    else:
        stream.write(check.render(findings, style_of(stream, environ)))
    return 0 if check.is_observable(findings) else 1


def collect(try_links: Callable[[], str], environ: Mapping[str, str]) -> Facts:
    """Look at this machine; nothing is changed, and nothing needs root to be looked at."""
    mounts = _read("/proc/self/mountinfo") or ""
    tracefs = mount_point(mounts, "tracefs")
    capabilities = _effective_capabilities(_read("/proc/self/status") or "")
    return Facts(
        release=platform.release(),
        machine=platform.machine(),
        capabilities=capabilities,
        lockdown=_lockdown(_read("/sys/kernel/security/lockdown")),
        cgroup2=mount_point(mounts, "cgroup2"),
        tracefs=tracefs,
        tracefs_readable=tracefs is not None and os.access(f"{tracefs}/events", os.R_OK | os.X_OK),
        btf=Path("/sys/kernel/btf/vmlinux").exists(),
        bcc=_bcc_version(),
        links=_links(try_links, capabilities),
        sees_all_processes=sees_all_processes(),
        binaries=tuple(_binary(candidate.path) for candidate in find_go(environ)),
    )


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAX_TEXT_BYTES)
    except OSError:
        return None


def _effective_capabilities(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _lockdown(text: str | None) -> str | None:
    """Return the mode in brackets: `none [integrity] confidentiality`."""
    return text.partition("[")[2].partition("]")[0] or None if text else None


def _bcc_version() -> str | None:
    # In a child: it is large, it may end the process, and a package of PyPI has its name.
    code = "import bcc; bcc.BPF.load_func; print(bcc.__version__)"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _links(try_links: Callable[[], str], capabilities: int) -> str:
    if not capabilities >> check.CAPABILITIES["CAP_SYS_ADMIN"] & 1:
        return "not tried without CAP_SYS_ADMIN"
    try:
        return try_links()
    except OSError as error:
        return str(error)


def _binary(path: str) -> GoBinary:
    image = read_image(path)
    if image is None:
        return GoBinary(path=path, error="cannot be read, or is too large")
    try:
        found = plan(image)
    except BinaryError as error:
        return GoBinary(path=path, error=error.reason)
    return GoBinary(
        path=path,
        version=found.version,
        arch=found.arch,
        pie=found.pie,
        points=len(found.points),
        found=tuple(dict.fromkeys(point.site.name for point in found.points)),
        missing={site.name: why for site, why in found.missing.items()},
    )
