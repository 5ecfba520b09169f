"""
The lab: servers in one network namespace, real `go` commands in another.

    with Lab() as lab:
        done = lab.go("mod", "download", goproxy=lab.url("e404", "ok"), requires=["m00@v1.1.0"])

Needs root, util-linux, dnsmasq and a `go`; leaves nothing behind, also when the test is killed.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from . import answers, ca, dns_server, hosts, modules, netns, sumdb, workspace
from .processes import end, finish

GOOD_DNS = (hosts.DNSMASQ,)
FAULTY_DNS = (hosts.DNS_FAULTS,)
DEAD_DNS = (hosts.DNS_DEAD,)
"""Nameservers to give to `resolver=`; they combine, first asked first."""
NSSWITCH = "hosts: files dns\n"
HOSTS_FILE = "127.0.0.1 localhost\n::1 localhost\n"
START_S = 10.0
SHM = Path("/dev/shm")


def _line(entry: str) -> str:
    """A line of resolv.conf: a nameserver's address, or the line itself (`search a.test`)."""
    return entry if " " in entry else f"nameserver {entry}"


class Lab:
    """Everything, for the time of a `with` block. One process may have several."""

    def __init__(
        self, go: str | Path | None = None, toolchains: Iterable[Path] = (), sick: bool = False
    ) -> None:
        """
        `go` is the command used unless a call names another; by default the PATH's.

        `toolchains` are GOROOTs that the proxies serve as modules, for a toolchain switch; `sick`
        adds the hosts of lab/sick.
        """
        found = go or shutil.which("go")
        if found is None:
            raise RuntimeError("the lab needs a go command in PATH")
        self.go_command = Path(found)
        self._toolchains = [str(goroot) for goroot in toolchains]
        self._sick = sick
        self._stack = contextlib.ExitStack()
        self._views: dict[tuple[tuple[str, ...], str], netns.Namespace] = {}
        self._workspaces = 0
        self._read_from = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            base = SHM if SHM.is_dir() else None
            self.folder = Path(tempfile.mkdtemp(prefix="modpulse-lab-", dir=base))
            self.folder.chmod(0o755)
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            ca.write_all(self.folder)
            self._client, self._servers = stack.enter_context(
                netns.network(self.folder, self._sick)
            )
            self._stack = stack
            self._start_servers()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_servers(self) -> None:
        pid_file = self.folder / "dnsmasq.pid"
        self.serve(dns_server.dnsmasq_argv(pid_file))
        programs = [["lab.proxy_server", str(self.folder), *self._toolchains], ["lab.dns_server"]]
        if self._sick:
            programs.append(["lab.sick.server", str(self.folder)])
        started = [
            self.serve(
                [sys.executable, "-P", "-m", *program],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(netns.TESTS)},
            )
            for program in programs
        ]
        for process in started:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"{process.args!r} did not start: {self.server_errors()}")
        # dnsmasq writes its pid once its sockets are bound.
        deadline = time.monotonic() + START_S
        while not pid_file.exists():
            if time.monotonic() > deadline:
                raise RuntimeError(f"dnsmasq did not start: {self.server_errors()}")
            time.sleep(0.005)

    @staticmethod
    def host(name: str) -> str:
        """The DNS name of a host in hosts.py."""
        return hosts.HOSTS[name].fqdn

    @classmethod
    def url(cls, *names: str, separator: str = ",") -> str:
        """A GOPROXY list of these hosts; `direct` and `off` stay as they are."""
        words = {"direct", "off"}
        return separator.join(n if n in words else f"https://{cls.host(n)}" for n in names)

    @staticmethod
    def address(name: str) -> str:
        """The host's first own address."""
        return hosts.HOSTS[name].own[0]

    def certificate(self, name: str = "good") -> Path:
        """The PEM file with leaf and key, for a real part that is to do TLS itself."""
        return self.folder / f"{name}.pem"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @staticmethod
    def gosumdb(name: str = answers.SUM_NAME, url: str = "") -> str:
        """The GOSUMDB value for a database of the lab; with `url` it is asked there, directly."""
        return f"{sumdb.Signer(name).verifier} {url}".strip()

    def view(
        self, resolver: Sequence[str] = GOOD_DNS, hosts_file: str = HOSTS_FILE
    ) -> netns.Namespace:
        """The client's network with this resolv.conf and hosts file."""
        return self._view(self._client, tuple(resolver), hosts_file)

    def _view(
        self, network: netns.Namespace, resolver: tuple[str, ...], hosts_file: str
    ) -> netns.Namespace:
        key = (str(network.pid), *resolver), hosts_file
        if key not in self._views:
            folder = self.folder / f"etc{len(self._views)}"
            folder.mkdir()
            conf = "".join(f"{_line(entry)}\n" for entry in resolver)
            texts = {"resolv.conf": conf, "nsswitch.conf": NSSWITCH, "hosts": hosts_file}
            for name, text in texts.items():
                (folder / name).write_text(text)
            view = network.view({f"/etc/{name}": folder / name for name in texts})
            self._views[key] = view
            self._stack.callback(view.close)
        return self._views[key]

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        resolver: Sequence[str] = GOOD_DNS,
        hosts_file: str = HOSTS_FILE,
        cwd: str | Path = "/",
        **options: Any,
    ) -> "subprocess.Popen[str]":
        """Start a command where the `go` commands run; ended with the lab at the latest."""
        view = self.view(resolver, hosts_file)
        return self._start([*view.enter(cwd), *map(str, argv)], **options)

    def serve(
        self, argv: Sequence[str | Path], *, cwd: str | Path = "/", **options: Any
    ) -> "subprocess.Popen[str]":
        """Start a server: give it an address of `real-a` … `real-d`. Its stderr is kept."""
        view = self._view(self._servers, GOOD_DNS, HOSTS_FILE)
        with (self.folder / "servers.stderr").open("a") as log:
            given = {"stderr": log, "stdout": log, "stdin": subprocess.DEVNULL, **options}
            command = [*view.enter(cwd), *map(str, argv)]
            return self._start(command, start_new_session=True, **given)

    @contextlib.contextmanager
    def muted(self, name: str) -> Iterator[None]:
        """While the block runs, nothing that this host sends arrives; it still hears."""
        rule = ["from", self.address(name), "blackhole"]
        family = "-6" if ":" in self.address(name) else "-4"
        finish(self.serve(["ip", family, "rule", "add", *rule]))
        try:
            yield
        finally:
            finish(self.serve(["ip", family, "rule", "del", *rule]))

    def wait_until_listening(self, name: str, port: int = 443) -> None:
        """Block until something that was given to `serve` accepts connections at this host."""
        probe = f"until : < /dev/tcp/{self.address(name)}/{port}; do sleep 0.02; done"
        with self.popen(["bash", "-c", probe], stderr=subprocess.DEVNULL) as waiting:
            if finish(waiting, START_S).returncode:
                raise RuntimeError(f"nothing listens at {name}: {self.server_errors()}")

    def tree(self) -> Path:
        """A folder with the catalogue in GOPROXY layout, for real parts that serve files."""
        root = self.folder / "tree"
        if not root.exists():
            for path, data in modules.proxy_files(modules.catalogue()).items():
                file = root / path.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        return root

    def server_errors(self) -> str:
        """What the servers wrote on stderr."""
        return (self.folder / "servers.stderr").read_text(errors="replace")

    def _start(self, argv: Sequence[str], **options: Any) -> "subprocess.Popen[str]":
        process = subprocess.Popen(argv, text=True, **options)
        self._stack.callback(end, process)
        return process

    def workspace(self, requires: Iterable[str] = (), go_sum: str = "") -> Path:
        """A fresh folder for one command, see `workspace.make`; gone with the lab at the latest."""
        self._workspaces += 1
        folder = self.folder / f"w{self._workspaces}"
        workspace.make(folder, requires, go_sum)
        return folder

    def env(
        self, folder: Path, goproxy: str, go: str | Path | None = None, **more: str
    ) -> dict[str, str]:
        """The whole environment of a `go` in this workspace: nothing of the caller's."""
        command = Path(go or self.go_command)
        return workspace.env(folder, command) | {
            "GOPROXY": goproxy,
            "SSL_CERT_FILE": str(self.ca_file),
            **more,
        }

    def start_go(
        self,
        *args: str,
        goproxy: str,
        requires: Iterable[str] = (),
        go_sum: str = "",
        env: Mapping[str, str] | None = None,
        go: str | Path | None = None,
        before: Sequence[str | Path] = (),
        folder: Path | None = None,
        resolver: Sequence[str] = GOOD_DNS,
        hosts_file: str = HOSTS_FILE,
    ) -> "subprocess.Popen[str]":
        """
        Start `go ARGS` in a fresh workspace, or in `folder`, with stdout and stderr piped.

        `env` adds to and overrides `self.env`; `before` are words before `go`, such as
        `modpulse run --`.
        """
        folder = folder or self.workspace(requires, go_sum)
        return self.popen(
            [*before, go or self.go_command, *args],
            resolver=resolver,
            hosts_file=hosts_file,
            cwd=folder / "src",
            env=self.env(folder, goproxy, go, **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def go(
        self, *args: str, timeout_s: float = 60.0, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run `go ARGS` to its end; `options` are those of `start_go`."""
        made = (
            None
            if "folder" in options
            else self.workspace(options.pop("requires", ()), options.pop("go_sum", ""))
        )
        try:
            return finish(self.start_go(*args, **{"folder": made, **options}), timeout_s)
        finally:
            if made:
                shutil.rmtree(made, ignore_errors=True)

    def requests(self, host: str | None = None) -> list[dict[str, Any]]:
        """Requests since the last `forget`, in order of arrival; only those to `host` if named."""
        with (self.folder / "requests.jsonl").open() as log:
            log.seek(self._read_from)
            entries = [json.loads(line) for line in log if line.endswith("\n")]
        wanted = None if host is None else self.host(host)
        return [entry for entry in entries if wanted in (None, entry["host"])]

    def forget(self) -> None:
        """Let `requests` start from now."""
        self._read_from = (self.folder / "requests.jsonl").stat().st_size
