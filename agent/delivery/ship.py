"""
Carry batches from the spool to the collector: one at a time, oldest first, from a thread.

When to try again is decided in retry.py. The collector's address may be answered by anything:
whatever it says ends in a Reply or a ShipError, within DEADLINE_SECONDS. Tokens and bodies are
never logged.
"""

import contextlib
import http.client
import logging
import random
import socket
import ssl
import threading
import time
from email.utils import formatdate
from urllib.parse import urlsplit

from ..config import AgentConfig
from ..service.credentials import client_context, first_token, load_own
from ..service.errors import ConfigError, Faults
from ..service.foreign import say
from ..service.units import NS
from .eras import Eras
from .retry import MAX_REASON_CHARS, Reply, Verdict, next_attempt, parse_reply, verdict_on
from .spool import Spool

log = logging.getLogger("modpulse.agent")

PATH = "/api/v1/batches"
SILENCE_SECONDS = 10.0
"""Without a byte for so long the collector counts as gone."""
DEADLINE_SECONDS = 30.0
"""For the whole exchange: a byte now and then does not keep it alive."""
MAX_ANSWER_BYTES = 65536
"""Of a body; the collector's have a line."""

FINAL_SECONDS = 2.0
"""For what is in the spool when the agent ends; the rest stays there."""
_CUT_SECONDS = 0.5
_IDLE_SECONDS = 60.0


class ShipError(RuntimeError):
    """The batch did not get an answer: says why, without secrets."""


class _Connection(http.client.HTTPConnection):
    """As in http.client, but with TLS when there is a context, and breakable at any moment."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=SILENCE_SECONDS)
        self._context = context
        self.is_cut = False
        """Nothing more can come over it."""

    def connect(self) -> None:
        """Connect; `sock` is set before the handshake, so that `cut` reaches it."""
        super().connect()
        if self.is_cut:
            raise TimeoutError("no answer in time")
        if self._context is not None:
            secured = self._context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secured
            secured.do_handshake()

    def cut(self) -> None:
        """End whatever is going on; called from another thread."""
        self.is_cut = True
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                # SSLSocket's own would pull the TLS state from under its reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Client:
    """Posts to one collector, over one connection as long as that holds."""

    def __init__(self, config: AgentConfig) -> None:
        """Connects with the first `post`."""
        self._config = config
        url = urlsplit(config.collector_url)
        self._is_tls = url.scheme == "https"
        self._host = url.hostname or ""
        self._port = url.port or (443 if self._is_tls else 80)
        self._path = url.path.rstrip("/") + PATH
        self._connection: _Connection | None = None

    def post(
        self,
        data: bytes,
        deadline_seconds: float = DEADLINE_SECONDS,
        sent_ns: int | None = None,
    ) -> Reply:
        """
        Send one batch.

        Args:
            data: Of the batch.
            deadline_seconds: For the whole of it.
            sent_ns: Now, ns since 1970, by the clock that the batch has; None: by the machine's.

        Raises:
            ShipError: no answer; the batch may have arrived all the same.
        """
        reused = self._connection
        try:
            return self._exchange(data, deadline_seconds, sent_ns)
        except (ConnectionError, http.client.BadStatusLine) as error:
            # The collector closes idle connections, which shows only with the next use.
            if reused is None or reused.is_cut:
                raise ShipError(_words(error)) from None
        except (OSError, http.client.HTTPException, ValueError, ConfigError) as error:
            raise ShipError(_words(error)) from None
        try:
            return self._exchange(data, deadline_seconds, sent_ns)
        except (OSError, http.client.HTTPException, ValueError, ConfigError) as error:
            raise ShipError(_words(error)) from None

    def _exchange(self, data: bytes, deadline_seconds: float, sent_ns: int | None) -> Reply:
        date = formatdate(None if sent_ns is None else max(0, sent_ns // NS), usegmt=True)
        headers = {"Content-Type": "application/msgpack", "Date": date}
        if self._config.token_file:
            headers["Authorization"] = f"Bearer {first_token(self._config.token_file)}"
        if self._connection is None:
            context = self._context() if self._is_tls else None
            self._connection = _Connection(self._host, self._port, context)
        connection = self._connection
        timer = threading.Timer(deadline_seconds, connection.cut)
        timer.daemon = True
        timer.start()
        is_clean = False
        try:
            connection.request("POST", self._path, data, headers)
            response = connection.getresponse()
            body = response.read(MAX_ANSWER_BYTES)
            is_clean = response.isclosed() and not response.will_close
            retry_after = response.getheader("Retry-After")
            return parse_reply(response.status, retry_after, body, time.time())
        finally:
            timer.cancel()
            if not is_clean:
                self.close()

    def _context(self) -> ssl.SSLContext:
        context = client_context(self._config.ca_file)
        if self._config.tls_certificate:
            load_own(context, self._config.tls_certificate, self._config.tls_key)
        return context

    def check(self) -> None:
        """
        Read what the configuration names, without connecting.

        Raises:
            ConfigError: nothing could ever be sent with it.
        """
        faults = Faults()
        with faults.noted():
            if self._config.token_file:
                first_token(self._config.token_file)
        with faults.noted():
            if self._is_tls:
                self._context()
        with faults.noted():
            self._check_interface()
        faults.end()

    def _check_interface(self) -> None:
        if "%" in self._host:
            try:
                socket.getaddrinfo(self._host, self._port, flags=socket.AI_NUMERICHOST)
            except OSError:
                url = self._config.collector_url
                raise ConfigError(f"collector_url = {url!r}: no such network interface") from None

    def cut(self) -> None:
        """End a `post` under way with a ShipError; called from another thread."""
        connection = self._connection
        if connection is not None:
            connection.cut()

    def close(self) -> None:
        """Hang up; the next `post` connects anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _words(error: Exception) -> str:
    words = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
    return say(words, MAX_REASON_CHARS)


class Shipper:
    """The thread that empties the spool."""

    def __init__(self, spool: Spool, client: Client, eras: Eras) -> None:
        self._spool = spool
        self._eras = eras
        self._client = client
        self._next: Client | None = None
        self._stop, self._wake = threading.Event(), threading.Event()
        self._until: float | None = None
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="ship", daemon=True)
        self.delivered = 0
        self.duplicates = 0
        """Delivered, of which the collector had them already."""
        self.poison = 0
        """Dropped because the collector will never take them."""
        self.failed_attempts = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether batches are still taken care of."""
        return self._thread.is_alive()

    def use(self, client: Client) -> None:
        """Send by another from now on: what waits for the one before is tried at once."""
        self._next = client
        self._client.cut()
        self._wake.set()

    def finish(self, seconds: float = FINAL_SECONDS) -> None:
        """Try once more to send what is there, at most so long, and end."""
        self._until = time.monotonic() + seconds
        self._stop.set()
        self._wake.set()
        self._spool.interrupt()
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._client.cut()
            self._thread.join(_CUT_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            name = self._spool.oldest(_IDLE_SECONDS)
            self._exchange_client()
            if name is None:
                continue
            wait = self._attempt(name, DEADLINE_SECONDS)
            if not self._stop.is_set():
                self._wake.wait(wait)
        self._exchange_client()
        while self._until is not None and (left := self._until - time.monotonic()) > 0:
            name = self._spool.oldest()
            if name is None or self._attempt(name, left) > 0:
                break
        self._client.close()

    def _exchange_client(self) -> None:
        self._wake.clear()
        if self._next is not None:
            self._client.close()
            self._client, self._next, self._failures = self._next, None, 0

    def _attempt(self, name: str, deadline_seconds: float) -> float:
        """Send one batch; return how many seconds to wait before the next."""
        data = self._spool.read(name)
        if data is None:
            return 0.0
        verdict, retry_after_seconds, reason = None, None, ""
        try:
            boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            sent_ns = self._eras.sent_ns(name, time.time_ns(), boot_ns)
            answer = self._client.post(data, deadline_seconds, sent_ns)
        except ShipError as error:
            reason = str(error)
        else:
            verdict, retry_after_seconds = verdict_on(answer), answer.retry_after_seconds
            reason = f"{answer.status} {answer.reason}".strip()
            self.duplicates += verdict is Verdict.DELIVERED and answer.is_duplicate
        if verdict is Verdict.DELIVERED or verdict is Verdict.POISON:
            self._settle(name, verdict, reason)
        else:
            self._failures += 1
            self.failed_attempts += 1
        wait = next_attempt(verdict, self._failures, retry_after_seconds, random.random())
        if wait:
            log.warning(
                "ship.failed reason=%s failures=%d waiting=%d retry_seconds=%.1f",
                reason, self._failures, self._spool.batches, wait,
            )  # fmt: skip
        return wait

    def _settle(self, name: str, verdict: Verdict, reason: str) -> None:
        """The batch leaves the spool."""
        self._spool.remove(name)
        if verdict is Verdict.POISON:
            self.poison += 1
            log.error("ship.dropped batch=%s reason=%s", name, reason)
            return
        self.delivered += 1
        if self._failures:
            log.info("ship.recovered failures=%d waiting=%d", self._failures, self._spool.batches)
        self._failures = 0
