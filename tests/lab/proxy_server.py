"""
The program that is every module proxy of the lab: one process, one address per host.

Started as `python -m lab.proxy_server FOLDER [GOROOT...]`, where FOLDER holds the certificates of
ca.py and the GOROOTs are served as toolchains; says `ready` on stdout, and appends one JSON line
per request to FOLDER/requests.jsonl as it arrives.
"""

import asyncio
import json
import ssl
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from . import connect_proxy, http_server, modules
from .answers import ANSWERS, Answer, Content, Request
from .hosts import DOMAIN, HOSTS, Host
from .wire_faults import WIRE_FAULTS

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
BACKLOG = 512


class Log:
    """Requests as the servers saw them: what tests compare records with."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def write(self, **entry: Any) -> None:
        """Add `at_ns` (CLOCK_MONOTONIC) and write the line at once."""
        self._file.write(json.dumps({"at_ns": time.monotonic_ns(), **entry}) + "\n")


def tls_context(host: Host, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{host.certificate}.pem")
    context.minimum_version = VERSIONS[host.tls[0]]
    context.maximum_version = VERSIONS[host.tls[-1]]
    if host.alpn:
        context.set_alpn_protocols(list(host.alpn))
    return context


def respond(host: Host, content: Content, log: Log, request: Request, http: str) -> Answer:
    answer = ANSWERS[host.answer](content, request)
    log.write(
        host=request.host,
        method=request.method,
        path=request.path,
        status=None if answer.stop in ("stall_head", "reset") else answer.status,
        http=http,
        tls=request.tls,
        client_port=request.client_port,
        user_agent=request.headers.get("user-agent", ""),
        authorized="authorization" in request.headers,
        stop=answer.stop,
    )
    return answer


async def listen(host: Host, content: Content, log: Log, folder: Path) -> None:
    """Open the ports of one host: 443 as its `wire` says, and 80 where it serves."""
    addresses = list(host.own)
    if host.wire in WIRE_FAULTS:
        await asyncio.start_server(_closing(WIRE_FAULTS[host.wire]), addresses, 443)
        return
    serve = partial(http_server.serve, respond=partial(respond, host, content, log))
    await asyncio.start_server(
        serve, addresses, 443, ssl=tls_context(host, folder), backlog=BACKLOG
    )
    await asyncio.start_server(serve, addresses, 80, backlog=BACKLOG)


def _closing(fault: Any) -> Any:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await fault(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    return handle


async def listen_connect(name: str, log: Log) -> None:
    """Open the port of one CONNECT proxy."""

    def seen(target: str, status: int) -> None:
        log.write(host=f"{name}.{DOMAIN}", method="CONNECT", path=target, status=status)

    serve = partial(connect_proxy.serve, status=connect_proxy.STATUS[name], log=seen)
    await asyncio.start_server(serve, list(HOSTS[name].own), connect_proxy.PORT)


def toolchain(goroot: Path) -> modules.Module:
    """The part of a GOROOT that `go mod` and `go list` need, and enough more to take some time."""
    files = {name: (goroot / name).read_bytes() for name in ("VERSION", "go.env", "bin/go")}
    bulk = [*(goroot / "src" / "cmd").rglob("*.go"), *(goroot / "pkg" / "tool").rglob("*")]
    files |= {
        str(path.relative_to(goroot)): path.read_bytes() for path in sorted(bulk) if path.is_file()
    }
    # go makes these executable after a download, and wants them to be there.
    files |= dict.fromkeys(("lib/nothing", "bin/gofmt"), b"")
    return modules.toolchain(files["VERSION"].decode().split()[0], files)


async def main(folder: Path, goroots: list[Path]) -> None:
    """Serve until the process is killed."""
    content = Content([toolchain(goroot) for goroot in goroots])
    log = Log(folder / "requests.jsonl")
    loop = asyncio.get_running_loop()
    # Clients that break off a handshake are the lab's daily business, not worth a traceback.
    loop.set_exception_handler(lambda _, context: print(context, file=sys.stderr))
    for host in HOSTS.values():
        if host.own and host.wire != "none" and not host.alias_of:
            await listen(host, content, log, folder)
    for name in connect_proxy.STATUS:
        await listen_connect(name, log)
    print("ready", flush=True)
    await asyncio.sleep(http_server.FOREVER_S)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), list(map(Path, sys.argv[2:]))))
