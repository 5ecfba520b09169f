"""Who may import what: the rules of ARCHITECTURE.md, read from the sources."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]

SHELL = {
    "agent.binary.arrivals": "reads /proc for binaries that have just been started",
    "agent.kernel.bpfcall": "bpf(2) and perf_event_open(2)",
    "agent.capture": "capture files",
    "agent.cli": "the command line",
    "agent.kernel.compilation": "the child that compiles",
    "agent.kernel.compiler": "that child: bcc",
    "agent.config": "reads its file",
    "agent.daemon": "wires the agent",
    "agent.binary.findgo": "looks for `go` binaries on disk",
    "agent.host": "asks this host for `check`",
    "agent.identity": "who called sudo",
    "agent.kernel.attach": "maps, programs, links",
    "agent.notify": "systemd's socket",
    "agent.observer": "reads the kernel into the tracker",
    "agent.procfs": "/proc of one process",
    "agent.replay": "reads a capture file into the tracker",
    "agent.kernel.ring": "the ring buffer's memory",
    "agent.run": "starts the command and waits for it",
    "agent.delivery.ship": "the network and its retries",
    "agent.delivery.spool": "the disk",
    "agent.waterfall.terminal": "how wide the terminal is",
    "collector.app": "HTTP in, JSON out",
    "collector.cli": "the command line",
    "collector.client": "asks a collector",
    "collector.config": "reads its file",
    "collector.migrations": "changes the database",
    "collector.notify": "systemd's socket",
    "collector.protocol": "limits of one HTTP connection",
    "collector.server": "wires the collector",
    "collector.service": "log and scorer in one process",
    "collector.store": "the database",
    "collector.writer": "the thread that writes it",
}
"""Modules that touch the world, and what of it. Every other one is pure."""

WORLD = frozenset({
    "asyncio", "bcc", "concurrent", "ctypes", "fcntl", "http", "io", "logging", "mmap",
    "multiprocessing", "os", "pathlib", "pyroute2", "random", "scapy", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "urllib.request", "uvicorn", "uvloop",
})  # fmt: skip
"""What a pure module never imports."""
CLOCKS = frozenset({"now", "utcnow", "today", "time_ns", "monotonic_ns"})

LIBRARIES = {
    "bcc": {"agent.kernel.compiler"},
    "capstone": {"agent.binary.disasm"},
    "cryptography": {"agent.certificate"},
    "dns": {"agent.wire.dns"},
    "msgpack": {"agent.batch"},
    "scapy": {"agent.capture"},
    "uvicorn": {"collector.protocol", "collector.server"},
    "uvloop": {"collector.server"},
}
"""Import name of each library -> who imports it: so that it can be exchanged."""
DISTRIBUTIONS = {"dns": "dnspython"}
"""Where the package has another name than the import."""
INDIRECT = {"httptools": "uvicorn's parser, named in collector/protocol.py"}

SHARED = {"modpulse.agent.batch", "modpulse.agent.sketch"}
"""What the collector knows of the agent."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of both packages, `agent.wire.dns`, with its syntax tree."""
    found = {}
    for package in ("agent", "collector"):
        for path in (TOP / package).rglob("*.py"):
            name = ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")
            found[name] = ast.parse(path.read_text(), str(path))
    return found


@cache
def imports(module: str) -> frozenset[str]:
    """Full names of what a module imports, wherever it does; ours begin with `modpulse.`."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom):
            package = ["modpulse", *module.split(".")][: -node.level]
            if node.module:
                yield ".".join([*package, node.module])
            else:
                yield from (".".join([*package, alias.name]) for alias in node.names)


def called(module: str) -> set[str]:
    """Last names of everything that a module calls."""
    calls = [node.func for node in ast.walk(modules()[module]) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    return names | {call.attr for call in calls if isinstance(call, ast.Attribute)}


def is_or_in(name: str, packages: frozenset[str]) -> bool:
    """Whether `urllib.request.x` is in one of the packages."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in packages for end in range(1, len(parts) + 1))


PURE = sorted(set(modules()) - set(SHELL))


def test_the_table_names_modules_that_exist():
    """A module that is gone leaves the table."""
    assert sorted(set(SHELL) - set(modules())) == []


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_do_not_touch_the_world(module):
    """Bytes and `now_ns` come in as arguments, values go out."""
    touched = {name for name in imports(module) if is_or_in(name, WORLD)}

    assert touched == set()
    assert called(module) & (CLOCKS | {"open", "print", "input"}) == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_pure_modules(module):
    """What is pure stays so with everything that it needs."""
    ours = {name.removeprefix("modpulse.") for name in imports(module) if "modpulse." in name}

    assert ours & set(SHELL) == set()


@pytest.mark.parametrize("module", sorted(name for name in modules() if name[:5] == "agent"))
def test_the_agent_does_not_know_the_collector(module):
    """Two packages stay possible."""
    assert [name for name in imports(module) if "collector" in name.split(".")] == []


def test_the_collector_knows_batch_and_sketch():
    """Agent and collector share what is on the wire, and nothing else."""
    collector = [name for name in modules() if name.startswith("collector")]
    shared = {n for name in collector for n in imports(name) if n.startswith("modpulse.agent")}

    assert shared == SHARED


@pytest.mark.parametrize("module", sorted(modules()))
def test_our_own_modules_have_one_name(module):
    """`import agent.x` would be a second copy of `modpulse.agent.x`."""
    tops = {name.split(".")[0] for name in imports(module)}

    assert tops & {"agent", "bpf", "collector", "systemd", "tests"} == set()


def test_each_library_has_one_home():
    """A library is imported by one module, so that it can be exchanged."""
    standard = sys.stdlib_module_names | {"modpulse"}
    homes: dict[str, set[str]] = {}
    for module in modules():
        for top in {name.split(".")[0] for name in imports(module)} - standard:
            homes.setdefault(top, set()).add(module)

    assert homes == LIBRARIES


def test_what_is_required_is_used():
    """setup.cfg requires what is imported and nothing else; bcc comes from the distribution."""
    text = (TOP / "setup.cfg").read_text()
    (block,) = re.findall(r"^install_requires =\n((?:    .*\n)+)", text, re.MULTILINE)
    required = {line.split()[0] for line in block.splitlines()}
    used = {DISTRIBUTIONS.get(name, name) for name in LIBRARIES if name != "bcc"}

    assert required == used | set(INDIRECT)


def test_bcc_is_not_needed_to_start():
    """`modpulse --help` and `import modpulse.agent.cli` work where bcc is missing."""
    program = (
        "import sys; sys.modules['bcc'] = None; from modpulse.agent.cli import main; "
        "sys.exit(main(['--help']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: modpulse")


def test_tests_mirror_modules():
    """tests/agent/wire/test_dns.py tests agent/wire/dns.py."""
    missing = [
        str(path.relative_to(TOP))
        for package in ("agent", "collector")
        for path in (TOP / "tests" / package).rglob("test_*.py")
        if not (
            TOP / path.relative_to(TOP / "tests").with_name(path.name.removeprefix("test_"))
        ).exists()
    ]

    assert missing == []
