"""
The program that is every sick host: `python -m lab.sick.server FOLDER`, says `ready` on stdout.

FOLDER is the lab's, with its authority; requests are appended to FOLDER/sick.jsonl.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import threading
import time
from functools import partial
from pathlib import Path

from .. import http_server
from ..answers import Answer, Content, Request
from ..hosts import Host
from ..proxy_server import Log, tls_context
from . import answers, certificates, http, names, places, proxies, tls

GARBAGE = b"\x17\x03\x03\x00\x40" + b"g" * 64
REFUSED_S = 0.1
TLS13, TLS12 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2


def respond(content: Content, log: Log, request: Request, version: str) -> Answer:
    answer = answers.respond(content, request)
    fault = getattr(answer, "fault", "")
    log.write(host=request.host, path=request.path, status=answer.status, http=version, fault=fault)
    return answer


def by_name(paths: dict[str, Path], folder: Path) -> ssl.SSLContext:
    """TLS whose certificate is that of the first label that the client names."""
    contexts = {}
    for name, path in paths.items():
        context = contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # for a weak certificate
        context.load_cert_chain(path)
        context.set_alpn_protocols(["h2", "http/1.1"])

    def choose(sslobj: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        chosen = contexts.get((name or "good").split(".")[0], contexts["good"])
        # A context handed over late brings its certificate, but not all of its options.
        sslobj.context = chosen
        return None

    contexts["good"].sni_callback = choose  # type: ignore[assignment]
    return contexts["good"]


def required(path: Path, folder: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """TLS that wants a certificate of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / "ca.pem")
    context.maximum_version = version
    return context


def refuse(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Handshakes that fail with the library's own alert, which asyncio would not send."""
    while True:
        connection, _ = listener.accept()
        tls = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError):
            tls.do_handshake()
        time.sleep(REFUSED_S)  # for the client to read it before a RST
        tls.close()


async def corrupt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A record that nobody can decrypt, under the TLS library's feet."""
    await reader.read(1)
    os.write(writer.get_extra_info("socket").fileno(), GARBAGE)
    await asyncio.sleep(0.05)
    writer.close()


async def main(folder: Path) -> None:
    """Serve until the process is killed."""
    content = Content()
    log = Log(folder / "sick.jsonl")
    paths = certificates.write_all(folder)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
    serve = partial(http.serve, respond=partial(respond, content, log))
    good = {
        places.AS: Host("as"), places.AS6: Host("as"),
        places.NARROW_TO: Host("as"),
        places.AS_H1: Host("as-h1", alpn=("http/1.1",)),
    }  # fmt: skip
    for address, host in good.items():
        await asyncio.start_server(serve, address, 443, ssl=tls_context(host, folder), backlog=512)
        await asyncio.start_server(serve, address, 80, backlog=512)
    crt = places.CRT
    for address in (crt, places.NARROW_FROM):
        await asyncio.start_server(serve, address, 443, ssl=by_name(paths, folder), backlog=512)
    for port, version in ((444, TLS13), (445, TLS12)):
        context = required(paths["client-certificate"], folder, version)
        listener = socket.create_server((crt, port))
        threading.Thread(target=refuse, args=(listener, context), daemon=True).start()
    for port, version in ((446, TLS13), (447, TLS12)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(paths["good"])
        context.maximum_version = version
        await asyncio.start_server(corrupt, crt, port, ssl=context)
    await asyncio.start_server(tls.serve, places.TLS, 443)
    await proxies.listen(paths)
    await names.listen()
    print("ready", flush=True)
    await asyncio.sleep(http_server.FOREVER_S)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
