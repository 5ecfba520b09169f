"""
The process: socket, TLS, signals, the tick, and systemd's watchdog around the service.

uvicorn with httptools and uvloop, because it takes 2.6 times as many POSTs a second as with h11.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
import uvloop

from .app import App
from .config import Config
from .errors import ConfigError
from .notify import notify, watchdog_s
from .protocol import TimedProtocol
from .service import Service
from .store import Store

log = logging.getLogger("modpulse.collector")

BACKLOG = 2048
"""Agents that come back together after an outage; the kernel caps it at somaxconn."""
KEEP_ALIVE_S = 30
"""Longer than the agents' window, so that a connection serves many batches."""
SHUTDOWN_S = 5
MIN_TOKEN_BYTES = 16
STARTUP_POLL_S = 0.01
"""uvicorn offers a flag, no event."""


def serve(config: Config) -> None:
    """
    Run until SIGTERM or SIGINT.

    Raises:
        ConfigError: address, certificate or tokens cannot be used.
        StoreError: the database cannot be used.
    """
    tokens = load_tokens(config.token_file)
    context = tls_context(config)
    with contextlib.closing(listen(config)) as listener:
        store = Store.open(Path(config.database))
        with contextlib.closing(store):
            uvloop.run(_run(config, store, tokens, context, listener))


def listen(config: Config) -> socket.socket:
    """Bind the configured address."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"listen = {config.listen!r}: {error.strerror}") from None
    return listener


def load_tokens(path: str) -> frozenset[bytes]:
    """Read one token per line; lines that are empty or start with # are skipped."""
    if not path:
        return frozenset()
    try:
        lines = [line.strip() for line in Path(path).read_bytes().splitlines()]
    except OSError as error:
        raise ConfigError(f"token_file = {path!r}: {error.strerror}") from None
    tokens = frozenset(line for line in lines if line and not line.startswith(b"#"))
    if not tokens or min(map(len, tokens)) < MIN_TOKEN_BYTES:
        raise ConfigError(f"token_file = {path!r}: needs tokens of {MIN_TOKEN_BYTES} bytes or more")
    return tokens


def tls_context(config: Config) -> ssl.SSLContext | None:
    """Return the server's TLS settings; None without TLS."""
    if not config.tls:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_key)
        if config.tls_client_ca:
            context.load_verify_locations(config.tls_client_ca)
            # Optional: a caller with a token needs none.
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"tls_certificate, tls_key or tls_client_ca: {error}") from None
    return context


class _Server(uvicorn.Server):
    """uvicorn raises the signal again when it is done, before we could close the store."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_run`."""
        yield


async def _run(
    config: Config,
    store: Store,
    tokens: frozenset[bytes],
    context: ssl.SSLContext | None,
    listener: socket.socket,
) -> None:
    service = Service(config, store)
    service.start(time.time_ns())
    TimedProtocol.head_timeout_s = config.read_timeout_s
    server = _Server(
        uvicorn.Config(
            App(service, tokens),
            http=TimedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=config.max_connections,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
            ssl_context_factory=None if context is None else lambda *_: context,
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    tasks = [
        loop.create_task(_announce(server, listener, config)),
        loop.create_task(_tick(service, config.window_s)),
        loop.create_task(_watch(service)),
    ]
    for task in tasks:
        # A tick that fails would leave old states standing: better end and be started again.
        task.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve(sockets=[listener])
    finally:
        notify("STOPPING=1")
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await service.stop()
        log.info("collector.stopped")
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _announce(server: uvicorn.Server, listener: socket.socket, config: Config) -> None:
    host, port = listener.getsockname()[:2]
    while not server.started:
        await asyncio.sleep(STARTUP_POLL_S)
    scheme = "https" if config.tls else "http"
    address = f"[{host}]" if ":" in host else host
    log.info("collector.started url=%s://%s:%d database=%s", scheme, address, port, config.database)
    notify("READY=1")
    await asyncio.Event().wait()


async def _tick(service: Service, window_s: float) -> None:
    while True:
        await asyncio.sleep(window_s)
        await service.tick(time.time_ns())


async def _watch(service: Service) -> None:
    interval_s = watchdog_s()
    if interval_s is None:
        await asyncio.Event().wait()
        return
    while True:
        if service.is_alive:
            notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)


def configure_logging() -> None:
    """Log to stderr; the journal adds the time."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s", force=True
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
