"""
The process: socket, TLS, signals, the tick, and systemd's watchdog around the service.
"""

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import uvloop

from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.notify import extended, notify, watchdog_seconds
from modpulse.agent.service.units import NS

from ..access import file as access_file
from ..access.entries import Entry
from ..channels.sender import Sender
from ..clock import Reading
from ..config import Config
from ..errors import BusyError
from ..http.app import App
from ..outbox import Outbox, open_notices
from ..recents import EVERY_S
from ..service import Service
from ..shares import Shares
from ..stopping import Stopping
from ..store.database import Store
from ..turns import SWITCH_S
from .desk import Desk
from .door import Door, raise_descriptors
from .limits import MAX_HELD_BYTES, RECEIVE_BYTES, Limits
from .pulse import SAYS_EVERY_S, Pulse
from .startup import Start, read

log = logging.getLogger("modpulse.collector")

BACKLOG = 2048
"""Agents that come back together after an outage; the kernel caps it at somaxconn."""
COLLECTED_AFTER = (5_000, 10, 1_000)
"""Of Python's garbage collector. It looks for cycles, of which we make few; a look at all objects
of 10,000 agents holds everything up for 0.1 s, and else comes whenever a quarter of them is new."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PASSES = frozenset(
    {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)
"""What another start may find gone: at boot an address comes late."""
STARTUP_POLL_S = 0.01
"""The door offers a flag, no event."""


def serve(config: Config, stopping: Stopping) -> None:
    """
    Run until SIGTERM or SIGINT.

    Raises:
        ConfigError: certificate, tokens or a file of a channel cannot be used.
        StoreError: the database cannot be used.
        BusyError: something else has the address or the database.
    """
    start = read(config)
    raise_descriptors(config.max_connections)
    with contextlib.closing(listen(config)) as listener, pulsing(config) as pulse:
        with extended():
            store = Store.open(Path(config.database))
        with contextlib.closing(store):
            held = Shares(MAX_HELD_BYTES)
            service = Service(config, store, read_clock(), read_boot_id(), held)
            service.sender = sender = _sender(service)
            with extended():
                service.start(read_clock())
            sys.setswitchinterval(SWITCH_S)
            gc.set_threshold(*COLLECTED_AFTER)
            uvloop.run(_run(config, service, sender, start, listener, stopping, pulse))


@contextlib.contextmanager
def pulsing(config: Config) -> Iterator[Pulse | None]:
    """
    Answer how we are at an address of its own; None where none is configured.

    Raises:
        BusyError, ConfigError: as of `listen`.
    """
    if not config.health_listen:
        yield None
        return
    with contextlib.closing(_bound("health_listen", config.health_listen)) as listener:
        pulse = Pulse(listener)
        pulse.start()
        log.info("health.started url=%s", _url("http", listener))
        try:
            yield pulse
        finally:
            pulse.end()


def listen(config: Config) -> socket.socket:
    """
    Bind the configured address.

    Raises:
        BusyError: it may go better another time.
        ConfigError: it never will.
    """
    return _bound("listen", config.listen)


def _bound(key: str, address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as opened:
        try:
            listener = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Before it listens: accepted sockets inherit it, and it bounds the TCP window.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            listener.bind((host, int(port)))
            listener.listen(BACKLOG)
        except socket.gaierror:
            why = "no such network interface" if "%" in host else "no such address"
            raise ConfigError(f"{key} = {address!r}: {why}") from None
        except OSError as error:
            kind = BusyError if error.errno in _PASSES else ConfigError
            raise kind(f"{key} = {address!r}: {error.strerror}") from None
        opened.pop_all()
    return listener


def read_clock() -> Reading:
    """Read the machine's clocks."""
    return Reading(time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def read_boot_id() -> str:
    """Return which boot of the machine this is; empty where the kernel does not say."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _sender(service: Service) -> Sender:
    """Return who takes what is to be told to its channels."""
    clock = service.clock

    def now() -> tuple[int, int]:
        now_ns = clock.now_ns(read_clock())
        return now_ns, now_ns + clock.wall_offset_ns

    outbox = Outbox(service.call, lambda: now()[0])
    opened = partial(open_notices, service.incidents, lambda: clock.wall_offset_ns)
    dead_ns = service.incidents.dead_ns
    return Sender(service.config.channel, outbox, now, opened, dead_ns, lambda: service.reports)


async def _run(
    config: Config,
    service: Service,
    sender: Sender,
    start: Start,
    listener: socket.socket,
    stopping: Stopping,
    pulse: Pulse | None,
) -> None:
    server = Door(
        App(service, start.guard, read_clock),
        listener,
        start.context,
        config.max_connections,
        Limits(config.read_timeout_seconds, config.max_batch_bytes),
        service.held,
        service.turns,
    )
    loop = asyncio.get_running_loop()
    stopping.call(lambda: setattr(server, "should_exit", True))
    tasks = [
        loop.create_task(_announce(server, listener, config)),
        loop.create_task(_tick(service, config.window_seconds)),
        loop.create_task(_watch(service)),
        loop.create_task(_look_back(service)),
        loop.create_task(Desk(Path(config.database).resolve(), service.copy).serve()),
        loop.create_task(sender.run()),
    ]
    if pulse:
        pulse.say(service.is_alive, service.trouble)
        tasks.insert(0, loop.create_task(_say(service, pulse)))
    if config.access_file:
        changed = partial(_changed, service)
        watching = access_file.watch(config.access_file, start.guard, changed)
        tasks.insert(0, loop.create_task(watching))
    for task in tasks:
        # A tick that fails would leave old states standing: better end and be started again.
        task.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve()
    finally:
        notify("STOPPING=1")
        await sender.stop(tasks[-1])
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await service.stop()
        log.info("collector.stopped")
    for error in ended:
        if isinstance(error, Exception):
            raise error


def _changed(service: Service, came: Iterable[Entry], went: Iterable[Entry]) -> None:
    service.people.changed(service.clock.now_ns(read_clock()), came, went)


def _url(scheme: str, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _announce(server: Door, listener: socket.socket, config: Config) -> None:
    while not server.started:
        await asyncio.sleep(STARTUP_POLL_S)
    url = _url("https" if config.tls else "http", listener)
    log.info("collector.started url=%s database=%s", url, config.database)
    if config.token_file and not config.access_file:
        log.warning(
            "tokens.in_the_clear file=%s advice=%s", config.token_file,
            "they ship and read, and lie there as they are; access_file has roles and hashes",
        )  # fmt: skip
    notify("READY=1")
    await asyncio.Event().wait()


async def _tick(service: Service, window_seconds: float) -> None:
    while True:
        await service.read_back(lambda: service.clock.now_ns(read_clock()))
        await asyncio.sleep(window_seconds)
        if service.reading_back is None:
            await service.tick(read_clock())


async def _say(service: Service, pulse: Pulse) -> None:
    while True:
        pulse.say(service.is_alive, service.trouble)
        await asyncio.sleep(SAYS_EVERY_S)


async def _look_back(service: Service) -> None:
    while True:
        now_s = service.clock.now_ns(read_clock()) // NS
        await service.recents.refresh((report.proxy for report in service.reports), now_s)
        await asyncio.sleep(EVERY_S)


async def _watch(service: Service) -> None:
    interval_s = watchdog_seconds()
    if interval_s is None:
        await asyncio.Event().wait()
        return
    while True:
        if service.is_alive:
            notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
