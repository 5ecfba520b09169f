"""
The sender: takes what waits for each channel to it, again and again until it has arrived.

Every channel is on its own: one that is dead holds up no other. At least once, and once where
nothing crashes between an answer and the disk; who gets a notice twice can tell by its name.
"""

import asyncio
import http.client
import logging
import smtplib
import ssl
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from importlib import import_module
from typing import Protocol, TypeVar, cast

from modpulse.agent.service.credentials import client_context, first_secret
from modpulse.agent.service.errors import ConfigError, Faults
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.notice import Notice, Outcome, Waiting
from ..errors import OverloadedError, StoreUnavailableError
from ..health.report import Report
from .channel import Channel
from .kinds import KINDS, PUSHES, judge
from .message import MAX_ERROR_CHARS, DeliveryError, PartlyDeliveredError, Secrets, Telling, Told
from .render import Words, render
from .retry import Plan, backoff_s, plan
from .rounds import Push, Rounds
from .wires import Thread, post, post_each, submit

log = logging.getLogger("modpulse.collector")

STORE_RETRY_S = 5.0
"""When the outbox can neither be read nor written."""
GRACE_S = 5.0
"""What is on its way at a stop may arrive, and be written down."""
_T = TypeVar("_T")
_FAILURES = (OSError, http.client.HTTPException, smtplib.SMTPException, ValueError)


class Outbox(Protocol):
    """Where notices wait; every method may raise StoreUnavailableError or OverloadedError."""

    async def waiting(self, channel: str) -> list[Waiting]:
        """Return what waits, oldest first."""

    async def postpone(self, number: int, attempts: int, next_ns: int) -> None:
        """Try again later."""

    async def settle(self, numbers: Sequence[int], outcome: Outcome) -> None:
        """Let these wait no more."""

    async def forget_unknown(self, channels: Sequence[str]) -> int:
        """Settle what waits for any other channel; returns how many."""


@dataclass(slots=True)
class Line:
    """One channel and how it does; times in ns of the collector's clock."""

    channel: Channel
    thread: Thread
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Something may wait."""
    waiting: int = 0
    """Notices, as of the last look."""
    failures: int = 0
    """Attempts in a row that the channel itself failed."""
    not_before_ns: int = 0
    dead_ns: int | None = None
    """Since when nothing was taken; None while it takes what comes."""
    error: str = ""
    """Why the last attempt failed; as it may leave."""
    delivered_ns: int | None = None
    """The last notice that arrived; None: none since the start."""
    taken: int = 0
    """Notices since the start."""
    resent_ns: int = 0
    done: set[int] = field(default_factory=set)
    """Delivered, which is not written yet."""
    rounds: Rounds = field(default_factory=Rounds)
    """Of one that takes no notices."""


class Sender:
    """All channels of one collector."""

    def __init__(
        self,
        channels: Iterable[Channel],
        outbox: Outbox,
        now: Callable[[], tuple[int, int]],
        open_notices: Callable[[str], Sequence[Notice]],
        dead_ns: MutableMapping[str, int | None],
        reports: Callable[[], Sequence[Report]],
    ) -> None:
        """
        Args:
            channels: Of the configuration.
            outbox: Where notices wait.
            now: Returns the collector's time and the wall's, ns.
            open_notices: What is open and was told, for a channel that is told again and again.
            dead_ns: Where it is noted since when a channel takes nothing; None: it does.
            reports: How every proxy is, for a channel that takes no notices.
        """
        self.lines = [Line(channel, Thread(f"to {channel.name}")) for channel in channels]
        self._outbox, self._now = outbox, now
        self._open_notices, self._dead_ns = open_notices, dead_ns
        self._reports = reports
        self._ending = asyncio.Event()

    def wake(self) -> None:
        """Look for what waits."""
        for line in self.lines:
            line.told.set()

    async def run(self) -> None:
        """Deliver until `stop`."""
        await asyncio.gather(self._forget(), self._ending.wait(), *map(self._serve, self.lines))

    async def stop(self, running: "asyncio.Task[None]") -> None:
        """Take nothing more; what is on its way has GRACE_S."""
        self._ending.set()
        self.wake()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(running), GRACE_S)

    async def _forget(self) -> None:
        """Give up what waits for channels that are configured no more."""
        names = [line.channel.name for line in self.lines]
        with suppress(StoreUnavailableError, OverloadedError):
            forgotten = await self._outbox.forget_unknown(names)
            if forgotten:
                log.warning("notice.homeless count=%d", forgotten)

    async def _serve(self, line: Line) -> None:
        while not self._ending.is_set():
            line.told.clear()
            try:
                wait_s = await self._once(line)
            except (StoreUnavailableError, OverloadedError):
                wait_s = STORE_RETRY_S
            with suppress(TimeoutError):
                await asyncio.wait_for(line.told.wait(), wait_s)

    async def _once(self, line: Line) -> float | None:
        """Do one thing; returns for how long there is nothing more, None: until somebody says."""
        push = PUSHES.get(line.channel.kind)
        if push:
            return await self._push(line, push)
        waiting = await self._outbox.waiting(line.channel.name)
        now_ns, _ = self._now()
        todo = plan(waiting, line.done, line.not_before_ns, now_ns)
        await self._tidy(line, todo)
        line.waiting = len(waiting) - len(todo.arrived + todo.expired + todo.superseded)
        if todo.due:
            await self._deliver(line, todo.due)
            return 0.0
        waits_s = [] if todo.wait_ns is None else [todo.wait_ns / NS]
        resend_s = KINDS[line.channel.kind].resend_s
        if resend_s is not None:
            await self._resend(line, resend_s)
            waits_s.append(float(resend_s))
        return min(waits_s, default=None)

    async def _tidy(self, line: Line, todo: Plan) -> None:
        outcomes: tuple[tuple[tuple[int, ...], Outcome], ...] = (
            (todo.arrived, "delivered"),
            (todo.superseded, "superseded"),
            (todo.expired, "expired"),
        )
        for numbers, outcome in outcomes:
            if numbers:
                await self._outbox.settle(numbers, outcome)
        line.done.difference_update(todo.arrived)
        if todo.expired:
            log.warning("notice.expired channel=%s count=%d", line.channel.name, len(todo.expired))

    async def _deliver(self, line: Line, row: Waiting) -> None:
        now_ns, _ = self._now()
        try:
            await self._send(line, [row.notice])
        except PartlyDeliveredError as error:
            self._works(line)
            self._note(line, error)
        except DeliveryError as error:
            next_ns = now_ns + round(NS * (error.retry_s or backoff_s(row.attempts + 1)))
            self._failed(line, error, now_ns)
            await self._outbox.postpone(row.id, row.attempts + 1, next_ns)
            return
        line.done.add(row.id)
        await self._outbox.settle([row.id], "delivered")
        line.done.discard(row.id)
        line.taken += 1
        line.waiting -= 1

    async def _resend(self, line: Line, every_s: int) -> None:
        now_ns, _ = self._now()
        notices = self._open_notices(line.channel.name)
        if not notices or now_ns < max(line.resent_ns + every_s * NS, line.not_before_ns):
            return
        line.resent_ns = now_ns
        try:
            await self._send(line, notices)
        except DeliveryError as error:
            self._failed(line, error, now_ns)

    async def _push(self, line: Line, push: Push) -> float:
        """Tell how everything is, where that is due; returns for how long it is not."""
        (now_ns, _), reports, rounds = self._now(), self._reports(), line.rounds
        states = {report.proxy: report.track.state for report in reports}
        if all(state == "unknown" for state in states.values()):
            return float(push.every_s)
        wait_ns = rounds.wait_ns(states, push.every_s, line.not_before_ns, now_ns)
        if wait_ns:
            return wait_ns / NS

        def job(secrets: Secrets, context: ssl.SSLContext) -> tuple[int, str]:
            told = rounds.begin(push.posts(reports, secrets, line.channel.spoken), now_ns)
            return rounds.end(*post_each(told, context))

        try:
            taken, wrong = await self._try(line, job)
        except DeliveryError as error:
            rounds.states = {}
            # There is no other notice to go on with.
            self._failed(line, DeliveryError(str(error), retry_s=error.retry_s), now_ns)
            return 0.0
        rounds.states, line.error = states, say(wrong, MAX_ERROR_CHARS)
        line.taken += taken
        return 0.0

    async def _send(self, line: Line, notices: Sequence[Notice]) -> None:
        """Send notices in one message, or raise DeliveryError."""
        channel, now_s = line.channel, self._now()[1] // NS

        def job(secrets: Secrets, context: ssl.SSLContext) -> None:
            words = render(notices[0], channel.spoken)
            _attempt(Telling(notices, words, channel, secrets, now_s), context)

        await self._try(line, job)

    async def _try(self, line: Line, job: Callable[[Secrets, ssl.SSLContext], _T]) -> _T:
        """Do a job on the channel's thread, and note that it went well, or raise DeliveryError."""
        channel = line.channel
        try:
            secrets, context = _secrets(channel), client_context(channel.ca_file)
            result = await line.thread.run(partial(job, secrets, context))
        except TimeoutError:
            raise DeliveryError("no answer in time") from None
        except (ConfigError, *_FAILURES) as error:
            raise DeliveryError(str(error) or type(error).__name__) from None
        except DeliveryError:
            raise
        except Exception as error:
            # A notice that cannot be said must not end who takes batches, again at each start.
            log.exception("notice.broken channel=%s", channel.name)
            raise DeliveryError(type(error).__name__, of_notice=True) from None
        self._works(line)
        return result

    def _works(self, line: Line) -> None:
        if line.dead_ns is not None:
            log.info("channel.works channel=%s", line.channel.name)
        line.failures, line.not_before_ns, line.error = 0, 0, ""
        line.dead_ns = self._dead_ns[line.channel.name] = None
        line.delivered_ns = self._now()[0]

    def _failed(self, line: Line, error: DeliveryError, now_ns: int) -> None:
        """Note it; a channel that is to blame is left alone for a while."""
        if not error.of_notice:
            line.failures += 1
            wait_s = error.retry_s or backoff_s(line.failures)
            line.not_before_ns = now_ns + round(wait_s * NS)
        self._note(line, error)
        if line.dead_ns is None:
            line.dead_ns = self._dead_ns[line.channel.name] = now_ns

    def _note(self, line: Line, error: DeliveryError) -> None:
        """Show why, and log it once."""
        words = say(str(error), MAX_ERROR_CHARS)
        if words != line.error:
            log.warning("channel.failed channel=%s reason=%s", line.channel.name, words)
        line.error = words


def check_channel(channel: Channel) -> None:
    """
    Read its files once.

    Raises:
        ConfigError: one cannot be used.
    """
    faults = Faults()
    with faults.noted():
        _secrets(channel)
    with faults.noted():
        client_context(channel.ca_file)
    with faults.noted():
        if channel.kind == "apprise":
            _notifier()
    faults.end()


def _secrets(channel: Channel) -> Secrets:
    """Read the files, each time anew: a secret can be replaced at any time."""
    url = channel.url or first_secret("url_file", channel.url_file)
    channel.check_url(url)
    secret = first_secret("secret_file", channel.secret_file) if channel.secret_file else ""
    return Secrets(url, secret)


def _notifier() -> Callable[[Words, str], None]:
    """Return Apprise's way; ConfigError where it is not installed."""
    try:
        notify = import_module(".by_apprise", __package__).notify
    except ModuleNotFoundError as error:
        words = f"kind = 'apprise' needs the library {error.name}: pip install 'modpulse[apprise]'"
        raise ConfigError(words) from None
    return cast(Callable[[Words, str], None], notify)


def _attempt(telling: Telling, context: ssl.SSLContext) -> None:
    """One attempt, on a thread."""
    kind = KINDS[telling.channel.kind]
    message = kind.make(telling)
    if isinstance(message, EmailMessage):
        submit(message, telling.channel, telling.secrets, context)
        return
    if isinstance(message, Told):
        _notifier()(message.words, message.url)
        return
    answer = post(message, context)
    judge(kind, answer.status, answer.retry_after, answer.body)
