"""
How the real parts are run: command lines and configurations (pure), and one way to run them here.

In the lab's namespaces use `Lab.serve` with the same command lines; `running` is for loopback.
"""

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import parts
from .processes import end

NGINX = "/usr/sbin/nginx"
START_S = 10.0

REFUSING_URL = "http://127.0.0.1:1"
"""An upstream that is down: nothing listens on port 1 (tcpmux)."""


def nginx_config(
    folder: Path,
    address: str,
    root: Path | None = None,
    *,
    certificate: Path | None = None,
    http2: bool = False,
    status: int | None = None,
    upstream: str | None = None,
) -> str:
    """
    Return the configuration of an nginx that is a module proxy.

    Args:
        folder: Its own folder, for temporary files and `access.log` (method, target, status).
        address: "ADDRESS:PORT" to listen on.
        root: The tree in GOPROXY layout that it serves; or instead of it
        status: what it answers to everything, or
        upstream: the URL that it passes everything on to.
        certificate: PEM with chain and key: it speaks TLS.
        http2: It offers h2.
    """
    listen = address + (" ssl" if certificate else "") + (" http2" if http2 else "")
    pem = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
    answer = f"root {root};"
    if status is not None:
        answer = f"return {status};"
    elif upstream is not None:
        answer = f"proxy_pass {upstream};"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
{temporary}
log_format target '$request_method $request_uri $status $server_protocol';
access_log {folder}/access.log target;
default_type application/octet-stream;
server {{
listen {listen};
{pem if certificate else ""}
location / {{ {answer} }}
}}
}}
"""


def nginx_command(config: Path) -> list[str]:
    """Return the command line for a configuration of `nginx_config`."""
    return [NGINX, "-e", "stderr", "-c", str(config)]


def goproxy_command(folder: Path, address: str, certificate: Path | None = None) -> list[str]:
    """Return the command line of a goproxy that caches in `folder`, which exists."""
    command = [str(parts.goproxy()), "server", f"--address={address}"]
    command += [f"--cacher-dir={folder}/cache", f"--temp-dir={folder}"]
    if certificate:
        command += [f"--tls-cert-file={certificate}", f"--tls-key-file={certificate}"]
    return command


def goproxy_environment(folder: Path, upstream: str) -> dict[str, str]:
    """Return goproxy's whole environment: its upstream is the GOPROXY of its own environment."""
    return {
        "PATH": f"{Path(parts.machine_go()).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "GOPROXY": upstream,
        "GOSUMDB": "off",
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
    }


def toxiproxy_command(address: str) -> list[str]:
    """Return the command line of a toxiproxy whose API listens on `address`."""
    host, _, port = address.rpartition(":")
    return [str(parts.toxiproxy()), "-host", host, "-port", port]


def toxiproxy_call(api: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    """
    Post to toxiproxy's API: "proxies", "proxies/NAME" or "proxies/NAME/toxics".

    Raises:
        urllib.error.HTTPError: it refused.
    """
    request = urllib.request.Request(f"http://{api}/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=START_S) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def sumdb_command(
    address: str,
    modules: Path,
    *,
    name: str = "sum.lab.test",
    certificate: Path | None = None,
    wrong: str = "",
) -> list[str]:
    """
    Return the command line of a checksum database.

    Args:
        address: "ADDRESS:PORT" to listen on.
        modules: A tree in GOPROXY layout: what it knows.
        name: The name of its key.
        certificate: PEM with chain and key: it speaks TLS.
        wrong: "MODULE@VERSION" whose zip it gives a wrong hash.
    """
    command = [str(parts.sumdb()), f"-address={address}", f"-modules={modules}", f"-name={name}"]
    command += [f"-wrong={wrong}"] if wrong else []
    return command + (
        [f"-tls-cert={certificate}", f"-tls-key={certificate}"] if certificate else []
    )


def sumdb_key(name: str = "sum.lab.test") -> str:
    """Return the verifier key for GOSUMDB; it depends on the name alone."""
    command = [str(parts.sumdb()), "-key", f"-name={name}"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def connect_proxy_command(address: str) -> list[str]:
    """Return the command line of a forward proxy that writes each request to stderr."""
    return [str(parts.connect_proxy()), f"-address={address}", "-verbose"]


def loopback_address() -> str:
    """Return "127.0.0.1:PORT" with a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextlib.contextmanager
def running(
    command: Sequence[str], address: str, log: Path, env: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """
    Run a server until the block ends; it accepts connections when the block begins.

    Raises:
        RuntimeError: it ended, or did not listen within START_S; with what it wrote.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait_until_it_listens(process, address, log)
        yield process
    finally:
        end(process)


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=START_S).close()
            return
        time.sleep(0.01)
    raise RuntimeError(f"{process.args!r} does not listen: {log.read_text(errors='replace')}")


@contextlib.contextmanager
def running_nginx(folder: Path, root: Path | None = None, **config: Any) -> Iterator[str]:
    """Run nginx on loopback; yields "127.0.0.1:PORT". Arguments as for `nginx_config`."""
    folder.mkdir(parents=True, exist_ok=True)
    address = loopback_address()
    path = folder / "nginx.conf"
    path.write_text(nginx_config(folder, address, root, **config))
    with running(nginx_command(path), address, folder / "log"):
        yield address


@contextlib.contextmanager
def running_goproxy(folder: Path, upstream: str, certificate: Path | None = None) -> Iterator[str]:
    """
    Run goproxy on loopback; yields "127.0.0.1:PORT".

    It is sick with a sick `upstream`: REFUSING_URL makes it answer 500, an nginx with status 503
    a slow 404, which lets go ask the next proxy as if the module did not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    address = loopback_address()
    command = goproxy_command(folder, address, certificate)
    with running(command, address, folder / "log", goproxy_environment(folder, upstream)):
        yield address
