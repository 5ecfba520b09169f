"""
Can this host be observed? The judgement: facts in, findings with their remedies out.

Knows nothing of the machine; host.py collects the facts. docs/check.md explains every check.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..binary.probes import PROBES
from ..events.sites import Site
from ..screen import words
from ..screen.style import Style

SCHEMA = 1
"""Version of the `--json` answer; only ever added to."""

Level = Literal["ok", "note", "fail"]

CAPABILITIES: Mapping[str, int] = {
    "CAP_DAC_READ_SEARCH": 2,
    "CAP_NET_ADMIN": 12,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_LEASE": 28,
    "CAP_PERFMON": 38,
    "CAP_BPF": 39,
}
"""What is needed, and the bit of each in CapEff (include/uapi/linux/capability.h)."""

RING_BUFFER_SINCE = (5, 8)
ATTACH_COOKIE_SINCE = (5, 15)
"""Kernel releases; distributions port features back, so that trying decides where it can."""

LINKS: Mapping[str, str] = {
    "uprobe-multi": "uprobe-multi: one link per binary",
    "perf": "perf: one link per probe, so the last of them are gone 35 s after the agent",
}
"""What `try_links` may answer; anything else is the reason why there is none."""

_AS_ROOT = "run it as root: sudo modpulse check"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoBinary:
    """One `go` command of this machine."""

    path: str
    version: str | None = None
    """`go1.26.8`; None when the file could not be understood, then `error` says why."""
    arch: str | None = None
    pie: bool = False
    """Position-independent: its errors cannot be named by their type."""
    points: int = 0
    """Breakpoints that can be set."""
    found: tuple[str, ...] = ()
    """Names of the probes that can be set."""
    missing: Mapping[str, str] | None = None
    """Name of a probe -> why it cannot be set."""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found; None is "could not be seen"."""

    release: str
    """`uname -r`."""
    machine: str
    """`uname -m`."""
    capabilities: int
    """CapEff of this process."""
    lockdown: str | None
    """`none`, `integrity`, `confidentiality`."""
    cgroup2: str | None
    """Mount point."""
    tracefs: str | None
    """Mount point."""
    tracefs_readable: bool
    btf: bool
    bcc: str | None
    """Version of the BPF Compiler Collection; None when it cannot be imported."""
    links: str
    """A key of `LINKS`, or why there is no kind of link."""
    sees_all_processes: bool
    """/proc numbers processes as the kernel does."""
    binaries: tuple[GoBinary, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    name: str
    """The check; docs/check.md has a section of this name."""
    level: Level
    """`note`: less is seen; `fail`: nothing, or not enough to be of use."""
    text: str
    remedy: str | None = None


def findings_of(facts: Facts) -> list[Finding]:
    """Return the findings in the order in which to mend them."""
    return [
        _kernel(facts),
        _architecture(facts),
        _capabilities(facts),
        _processes(facts),
        _lockdown(facts),
        _cgroup2(facts),
        _tracefs(facts),
        _btf(facts),
        _bcc(facts),
        _links(facts),
        *_go(facts.binaries),
    ]


def is_observable(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing failed: exit code 0."""
    return all(finding.level != "fail" for finding in findings)


def to_json(facts: Facts, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the answer of `--json`."""
    return {
        "schema": SCHEMA,
        "observable": is_observable(findings),
        "findings": [asdict(finding) for finding in findings],
        "facts": asdict(facts),
    }


def render(findings: Sequence[Finding], style: Style) -> str:
    """Return a line per finding, its remedy after an arrow, and the answer in one more line."""
    roles = {"ok": "good", "note": "warn", "fail": "bad"}
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        level = style.paint(f"{finding.level:<4}", roles[finding.level])
        remedy = f" {style.glyph('remedy')} {style.text(finding.remedy)}" if finding.remedy else ""
        lines.append(f"{level}  {finding.name:<{width}}  {style.text(finding.text)}{remedy}")
    failed = sum(finding.level == "fail" for finding in findings)
    if failed:
        answer = f"{words.count(failed, 'obstacle')}: this host cannot be observed yet."
    else:
        answer = "This host can be observed."
    return "\n".join([*lines, "", style.paint(answer, "bad" if failed else "good")]) + "\n"


def _kernel(facts: Facts) -> Finding:
    match = re.match(r"(\d+)\.(\d+)", facts.release)
    release = (int(match[1]), int(match[2])) if match else (0, 0)
    if release >= ATTACH_COOKIE_SINCE or facts.links in LINKS:
        return Finding("kernel", "ok", facts.release)
    if release >= RING_BUFFER_SINCE:
        text = f"{facts.release}, before 5.15: good if its distribution ported BPF links back"
        return Finding("kernel", "note", text, "the check of links decides")
    return Finding("kernel", "fail", f"{facts.release} is too old", "Linux 5.15 or later")


def _architecture(facts: Facts) -> Finding:
    if facts.machine == "x86_64":
        return Finding("architecture", "ok", facts.machine)
    if facts.machine == "aarch64":
        text = "aarch64: probes are set by the same tables, but have not been run on it"
        return Finding("architecture", "note", text, "compare `modpulse run` with `go -x`")
    text = f"{facts.machine}: its calling convention is not known"
    return Finding("architecture", "fail", text, "observe from an amd64 or arm64 host")


def _capabilities(facts: Facts) -> Finding:
    lacking = [name for name, bit in CAPABILITIES.items() if not facts.capabilities >> bit & 1]
    if not facts.capabilities:
        return Finding("capabilities", "fail", "none: not root", _AS_ROOT)
    if lacking:
        remedy = "grant them (docs/check.md says what each is for) or run as root"
        return Finding("capabilities", "fail", f"without {', '.join(lacking)}", remedy)
    return Finding("capabilities", "ok", "all that are needed")


def _processes(facts: Facts) -> Finding:
    if not facts.sees_all_processes:
        text = "in a PID namespace of its own: `modpulse run` cannot follow a command"
        return Finding("processes", "note", text, "start it in the host's: docker run --pid=host")
    return Finding("processes", "ok", "numbered as the kernel does")


def _lockdown(facts: Facts) -> Finding:
    if facts.lockdown == "confidentiality":
        text = "confidentiality: BPF may not read the memory of processes"
        remedy = "boot with lockdown=integrity; else packets alone are seen"
        return Finding("lockdown", "fail", text, remedy)
    return Finding("lockdown", "ok", facts.lockdown or "not in this kernel, or not to be seen")


def _cgroup2(facts: Facts) -> Finding:
    if facts.cgroup2 is None:
        remedy = "mount -t cgroup2 none /sys/fs/cgroup/unified (make the folder first)"
        return Finding("cgroup2", "fail", "not mounted: packets cannot be seen", remedy)
    return Finding("cgroup2", "ok", facts.cgroup2)


def _tracefs(facts: Facts) -> Finding:
    if facts.tracefs is None:
        remedy = "mount -t tracefs tracefs /sys/kernel/tracing"
        return Finding("tracefs", "fail", "not mounted: tracepoints cannot be found", remedy)
    if not facts.tracefs_readable:
        return Finding("tracefs", "fail", f"{facts.tracefs} may not be read", _AS_ROOT)
    return Finding("tracefs", "ok", facts.tracefs)


def _btf(facts: Facts) -> Finding:
    return Finding("btf", "ok", "there" if facts.btf else "not there, and not needed")


def _bcc(facts: Facts) -> Finding:
    if facts.bcc is None:
        remedy = (
            "apt-get install python3-bpfcc (Fedora: python3-bcc; never the bcc of pip) and make "
            "the environment with /usr/bin/python3 and system site packages"
        )
        return Finding("bcc", "fail", "cannot be imported", remedy)
    return Finding("bcc", "ok", facts.bcc)


def _links(facts: Facts) -> Finding:
    if facts.links in LINKS:
        return Finding("links", "ok", LINKS[facts.links])
    remedy = "see what failed above" if facts.capabilities else _AS_ROOT
    return Finding("links", "fail", f"no kind of link: {facts.links or 'not tried'}", remedy)


def _go(binaries: Sequence[GoBinary]) -> list[Finding]:
    if not binaries:
        remedy = "none needed: a go that comes later is probed when it first runs"
        return [Finding("go", "note", "no go command found", remedy)]
    return [_binary(binary) for binary in binaries]


def _binary(binary: GoBinary) -> Finding:
    if binary.version is None:
        text = f"{binary.path}: {binary.error or 'could not be read'}"
        return Finding("go", "note", text, "its packets alone are seen")
    name = f"{binary.path}: {binary.version} {binary.arch}"
    if not binary.points:
        why = next(iter((binary.missing or {}).values()), "no probe fits")
        return Finding("go", "note", f"{name}, {why}", "its packets alone are seen")
    missing = dict(binary.missing or {})
    later = sorted(site for site in missing if _is_too_old_for(site, binary.version))
    unexpected = sorted(set(missing) - set(later))
    text = f"{name}, {binary.points} breakpoints for {words.count(len(binary.found), 'probe')}"
    if later:
        text += f" ({', '.join(later)} is for later releases)"
    lost = [PROBES[Site[site]].lost for site in unexpected if site in Site.__members__]
    if binary.pie:
        lost.append("It is position-independent: why a request failed is told from packets only.")
    if unexpected:
        text += f", without {', '.join(f'{site} ({missing[site]})' for site in unexpected)}"
    return Finding("go", "note" if unexpected or binary.pie else "ok", text, " ".join(lost) or None)


def _is_too_old_for(site: str, version: str) -> bool:
    match = re.match(r"go1\.(\d+)", version)
    if match is None or site not in Site.__members__:
        return False
    return int(match[1]) < PROBES[Site[site]].since
