"""
The two ways out: HTTP and SMTP, each from a thread of its own. Decides nothing.

Whoever is at the other end may answer anything, or never: each attempt ends within DEADLINE_S for
who waits, and its thread at the next silence of SILENCE_S.
"""

import asyncio
import http.client
import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import EmailMessage
from typing import TypeVar
from urllib.parse import urlsplit

from .channel import Channel
from .message import Answer, DeliveryError, PartlyDeliveredError, Post, Secrets

SILENCE_S = 10
"""Without a byte for so long it counts as gone."""
DEADLINE_S = 30
"""For all of an attempt."""
MAX_REPLY_BYTES = 65536
"""More of an answer is not read."""
_PORTS = {"smtp": 25, "smtps": 465}
_T = TypeVar("_T")


def post(request: Post, context: ssl.SSLContext) -> Answer:
    """
    Send one request; no redirect is followed, so that secrets reach nobody else.

    Raises:
        OSError, http.client.HTTPException, ValueError: there was no answer.
    """
    until_s = time.monotonic() + DEADLINE_S
    parts = urlsplit(request.url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=SILENCE_S, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SILENCE_S)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "Connection": "close", **request.headers}
    try:
        connection.request("POST", path, request.body, headers)
        with connection.getresponse() as response:
            body = bytearray()
            while len(body) < MAX_REPLY_BYTES and time.monotonic() < until_s:
                piece = response.read1(MAX_REPLY_BYTES - len(body))
                if not piece:
                    break
                body += piece
            return Answer(response.status, response.getheader("Retry-After"), bytes(body))
    finally:
        connection.close()


def post_each(
    requests: Mapping[str, Post], context: ssl.SSLContext
) -> tuple[list[tuple[str, Answer]], int]:
    """
    Send some, one after another; returns each with its answer, and for how many no time was left.

    Raises:
        OSError, http.client.HTTPException, ValueError: there was no answer.
    """
    until_s = time.monotonic() + DEADLINE_S / 2
    answers = []
    for key, request in requests.items():
        if time.monotonic() > until_s:
            break
        answers.append((key, post(request, context)))
    return answers, len(requests) - len(answers)


def submit(
    message: EmailMessage, channel: Channel, secrets: Secrets, context: ssl.SSLContext
) -> None:
    """
    Hand one message to the mail server; encrypted wherever the server can.

    Raises:
        OSError, smtplib.SMTPException: it did not take it.
        PartlyDeliveredError: some take no mail, others have it.
        DeliveryError: a password would travel in the clear.
    """
    parts = urlsplit(secrets.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, port, timeout=SILENCE_S, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=SILENCE_S)
    try:
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        if channel.mail_user:
            if not isinstance(server.sock, ssl.SSLSocket):
                raise DeliveryError("the password would travel in the clear: no STARTTLS")
            server.login(channel.mail_user, secrets.secret)
        refused = server.send_message(message)
    finally:
        # What was taken was taken, whatever the farewell says.
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
        server.close()
    if refused:
        raise PartlyDeliveredError(f"refused for {', '.join(sorted(refused))}", of_notice=True)


class Thread:
    """Runs one thing at a time beside the event loop, and ends with the process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: threading.Thread | None = None

    async def run(self, job: Callable[[], _T]) -> _T:
        """
        Return what a job returns, or raise what it raises.

        Raises:
            DeliveryError: the last one has not come to its end.
            TimeoutError: it takes longer than DEADLINE_S; it goes on, and nobody hears of it.
        """
        if self._running and self._running.is_alive():
            raise DeliveryError("the last attempt has not ended yet")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(result: _T | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)  # type: ignore[arg-type]  # of the job
            else:
                done.set_exception(error)

        def work() -> None:
            result, failed = None, None
            try:
                result = job()
            except Exception as error:  # noqa: BLE001 - raised again where somebody waits
                failed = error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, result, failed)

        self._running = threading.Thread(target=work, name=self._name, daemon=True)
        self._running.start()
        return await asyncio.wait_for(done, DEADLINE_S)
