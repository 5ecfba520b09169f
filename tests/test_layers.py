"""Who may import what: the rules of ARCHITECTURE.md, read from the sources."""

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]

SHELL = {
    "agent.armer.toolchains": "reads /proc for binaries that have just been started",
    "agent.kernel.bpfcall": "bpf(2) and perf_event_open(2)",
    "agent.source.capture": "capture files",
    "agent.cli": "the command line",
    "agent.kernel.compilation": "the child that compiles",
    "agent.kernel.compiler": "that child: bcc",
    "agent.config": "has its file read",
    "agent.commands.agent": "wires the agent",
    "agent.commands.startup": "reads what the configuration names",
    "agent.machine.commanded": "looks at the files that a command names",
    "agent.machine.findgo": "looks for `go` binaries on disk",
    "agent.armer.newcomers": "looks at processes that have begun",
    "agent.armer.strangers": "reads binaries that are no `go`",
    "agent.machine.host": "asks this host for `check`",
    "agent.machine.identity": "who called sudo",
    "agent.service.credentials": "reads tokens, certificates and keys",
    "agent.service.regular": "reads a file",
    "agent.service.outputs": "opens files that are written",
    "agent.service.streams": "standard streams that are closed",
    "agent.service.settings": "reads the configuration's file",
    "agent.service.logs": "how log lines look",
    "agent.kernel.attach": "maps, programs, links",
    "agent.kernel.lease": "leases on files, and the thread that is told of writers",
    "agent.kernel.outlast": "open files on their way through sockets",
    "agent.service.notify": "systemd's socket",
    "agent.observer": "reads the kernel into the tracker",
    "agent.armer.apart": "a process that reads one file",
    "agent.armer.plans": "has binaries read, and compares them",
    "agent.armer.prober": "opens, reads and probes binaries",
    "agent.machine.authorities": "looks for certificate authorities",
    "agent.machine.pressure": "what the kernel killed",
    "agent.machine.procfs": "/proc of one process",
    "agent.machine.sums": "looks into module caches",
    "agent.commands.replay": "reads a capture file into the tracker",
    "agent.machine.filesystems": "asks which file system it is",
    "agent.machine.mounttable": "what is mounted, and copies of mounts",
    "agent.machine.named": "opens what others named",
    "agent.kernel.ring": "the ring buffer's memory",
    "agent.commands.run": "starts the command and waits for it",
    "agent.delivery.ship": "the network and its retries",
    "agent.delivery.spool": "the disk",
    "agent.delivery.writer": "the thread that waits for the disk",
    "agent.screen.terminal": "how wide the terminal is",
    "collector.access.file": "reads and exchanges a file",
    "collector.admin": "commands of those who run a collector",
    "collector.asking": "prints what a collector answers",
    "collector.http.acts": "waits for the disk",
    "collector.http.app": "HTTP in, JSON out",
    "collector.http.reads": "makes answers between requests",
    "collector.archive": "asks the store between requests",
    "collector.cli": "the command line",
    "collector.client.backup": "asks for a copy of the database, or makes it",
    "collector.client.client": "asks a collector",
    "collector.client.live": "draws on a terminal and reads its keys",
    "collector.store.backup": "copies the database",
    "collector.store.complaints": "SQLite's error codes",
    "collector.config": "has its file read",
    "collector.outbox": "jobs of the writer's thread",
    "collector.people": "jobs of the writer's thread",
    "collector.store.people": "rows of what people do",
    "collector.channels.by_apprise": "has Apprise tell services",
    "collector.channels.sender": "takes notices to their channels",
    "collector.channels.wires": "HTTP and SMTP",
    "collector.history": "asks the store between requests",
    "collector.learning": "the same",
    "collector.memories": "the same",
    "collector.past": "the same",
    "collector.recents": "the same",
    "collector.incidents": "reads the store at start, and steps beside the loop",
    "collector.http.scrape": "makes the answer between requests",
    "collector.http.shown": "makes the answer between requests",
    "collector.store.incidents": "rows of incidents",
    "collector.store.outbox": "rows of notices that wait",
    "collector.store.past": "rows of what was seen",
    "collector.store.insert": "rows of the database, many at once",
    "collector.store.memories": "rows of what is remembered",
    "collector.store.keeping": "rows of the database that bound it",
    "collector.http.incidentpages": "makes what is shown between requests",
    "collector.http.live": "waits for the next judgement",
    "collector.http.login": "waits for its form",
    "collector.http.once": "makes what is shown between requests",
    "collector.http.overview": "the same",
    "collector.http.pages": "asks the service",
    "collector.http.details": "asks the service between requests",
    "collector.http.publicpage": "the same",
    "collector.page.files": "reads templates and assets",
    "collector.server.desk": "a socket beside the database",
    "collector.server.door": "takes connections",
    "collector.store.migrations": "changes the database",
    "collector.store.place": "the database's files and their lock",
    "collector.server.connection": "limits of one connection",
    "collector.server.conversation": "HTTP on one connection",
    "collector.store.packing": "teaches SQLite to pack rows",
    "collector.store.rollups": "rows of the history",
    "collector.store.pruning": "rows that are too old, and its time slices",
    "collector.store.readback": "reads the log between requests",
    "collector.store.recall": "the database, read",
    "collector.store.restore": "the database, read at start",
    "collector.store.roll": "rolls the log up between requests",
    "collector.store.seen": "the database's ranges of seq",
    "collector.http.document": "reads the service",
    "collector.server.pulse": "answers on a socket, by a thread",
    "collector.server.request": "waits for its body",
    "collector.server.startup": "reads what the configuration names",
    "collector.server.process": "wires the collector",
    "collector.stopping": "signals, and the thread they wake",
    "collector.service": "log and scorer in one process",
    "collector.store.database": "the database",
    "collector.simulate.drive": "reads scripts, runs a collector with a database",
    "collector.server.tls": "OpenSSL, without a socket",
    "collector.store.watched": "whether a file is as it was left",
    "collector.store.writer": "the thread that writes it",
    "collector.turns": "what is done between two steps of the loop",
}
"""Modules that touch the world, and what of it. Every other one is pure."""

WORLD = frozenset({
    "asyncio", "bcc", "concurrent", "ctypes", "fcntl", "http", "io", "logging", "mmap",
    "multiprocessing", "os", "pathlib", "pyroute2", "random", "resource", "scapy", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib.request", "uvloop",
})  # fmt: skip
"""What a pure module never imports."""
CLOCKS = frozenset({"now", "utcnow", "today", "time_ns", "monotonic_ns"})

LIBRARIES = {
    "apprise": {"collector.channels.by_apprise"},
    "bcc": {"agent.kernel.compiler"},
    "capstone": {"agent.binary.disasm"},
    "cryptography": {"agent.wire.certificate"},
    "dns": {"agent.wire.dns"},
    "httptools": {"collector.server.conversation"},
    "jinja2": {"collector.page.environment"},
    "msgpack": {"agent.batch.batch"},
    "msgspec": {"collector.intake.wire"},
    "numpy": {"collector.intake.fold"},
    "resvg_py": {"collector.client.png"},
    "scapy": {"agent.source.capture"},
    "uvloop": {"collector.server.process"},
}
"""Import name of each library -> who imports it: so that it can be exchanged."""
DISTRIBUTIONS = {"dns": "dnspython", "resvg_py": "resvg-py"}
"""Where the package has another name than the import."""
OPTIONAL = {"apprise", "bcc", "resvg_py"}
"""No part of what a program requires: from the distribution, and in extras of their own."""

SHARED = {
    "modpulse.agent.batch.batch", "modpulse.agent.batch.proxies",
    "modpulse.agent.batch.shares", "modpulse.agent.batch.sketch",
    "modpulse.agent.records.failures",
    "modpulse.agent.screen.terminal", "modpulse.agent.service.credentials",
    "modpulse.agent.service", "modpulse.agent.service.errors", "modpulse.agent.service.foreign",
    "modpulse.agent.service.keys",
    "modpulse.agent.service.logs", "modpulse.agent.service.loopback",
    "modpulse.agent.service.notify", "modpulse.agent.service.regular",
    "modpulse.agent.service.settings", "modpulse.agent.service.streams",
    "modpulse.agent.service.units", "modpulse.agent.service.version",
}  # fmt: skip
"""What the collector knows of the agent: what is on the wire, how words leave and look, and how
what an operator names is read."""


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


FLOORS = {
    "agent": (
        "service", "records", "batch events screen", "wire binary", "machine recorder", "kernel",
        "armer source tracker", "waterfall config", "observer delivery", "commands", "cli",
    ),
    "collector": (
        "draw errors clock pressure shares stopping turns", "intake", "access", "health",
        "alerts", "channels insight", "config page", "store", "incidents",
        "outbox history people learning memories", "archive past recents", "service",
        "http", "server client simulate", "admin", "asking", "cli",
    ),
}  # fmt: skip
"""Rooms and loose modules of each package, floor by floor: each knows what lies below it."""


def room_of(module: str) -> str:
    """`agent.wire.dns` lies in the room `wire`."""
    return module.split(".")[1]


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_know_what_lies_below(package):
    """No room imports from its own floor or from above, so that there are no circles."""
    floors = FLOORS[package]
    floor = {room: index for index, rooms in enumerate(floors) for room in rooms.split()}
    upwards = {
        (room_of(module), room_of(ours))
        for module in modules()
        if module.startswith(f"{package}.")
        for name in imports(module)
        if (ours := name.removeprefix("modpulse.")).startswith(f"{package}.")
        if room_of(module) != room_of(ours) and floor[room_of(module)] <= floor[room_of(ours)]
    }

    assert upwards == set()
    assert {room_of(name) for name in modules() if name.startswith(f"{package}.")} == set(floor)


def test_the_collector_knows_little_of_the_agent():
    """Agent and collector share what is on the wire and how words leave, and nothing else."""
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


def required(section: str, key: str) -> set[str]:
    """Distributions that setup.cfg lists under one key."""
    parser = configparser.ConfigParser()
    parser.read(TOP / "setup.cfg")
    return {line.split()[0] for line in parser[section][key].splitlines() if line}


@pytest.mark.parametrize("program", ["agent", "collector"])
def test_what_is_required_is_used(program):
    """Each program requires what it imports and nothing else; bcc comes from the distribution."""
    used = {
        DISTRIBUTIONS.get(name, name)
        for name, homes in LIBRARIES.items()
        if name not in OPTIONAL and any(home.startswith(f"{program}.") for home in homes)
    }
    common = required("options", "install_requires")

    assert required("options.extras_require", program) == used - common
    assert common == {"msgpack"}
    assert required("options.extras_require", "apprise") == {"apprise"}
    assert required("options.extras_require", "plot") == {DISTRIBUTIONS["resvg_py"]}


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
