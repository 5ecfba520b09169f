"""What goes to a channel and what comes of it, as values."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from ..alerts.notice import Notice
from .channel import Channel
from .render import Words

MAX_ERROR_CHARS = 200
"""Of what a channel says when it refuses."""


class DeliveryError(Exception):
    """
    Not delivered now; the message may hold words of others, and is for `say`.

    Args:
        words: What is wrong.
        of_notice: The channel may take another notice all the same.
        retry_s: When it wants to be asked again; None: it did not say.
    """

    def __init__(self, words: str, of_notice: bool = False, retry_s: float | None = None) -> None:
        super().__init__(words)
        self.of_notice = of_notice
        self.retry_s = retry_s


class PartlyDeliveredError(DeliveryError):
    """Some have it, and others were refused: who has it must not get it again."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the files of a channel hold; goes to its address and nowhere else."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    """Empty without a file."""


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP request."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside the content type, which is JSON."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What HTTP answered."""

    status: int
    retry_after: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Telling:
    """What a transport makes its message from."""

    notices: Sequence[Notice]
    """One; several where all that is open is told again."""
    words: Words
    """Of the first."""
    channel: Channel
    secrets: Secrets
    now_s: int
    """The wall clock, seconds since 1970."""

    @property
    def notice(self) -> Notice:
        """The first."""
        return self.notices[0]


@dataclass(frozen=True, slots=True)
class Told:
    """Words for a service that another library talks to."""

    words: Words
    url: str = field(repr=False)


def told(telling: Telling) -> Told:
    """Return them."""
    return Told(telling.words, telling.secrets.url)


Make = Callable[[Telling], Post | EmailMessage | Told]
"""A transport: what it sends."""


def json_bytes(value: Any) -> bytes:
    """Return JSON as it is sent."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def errcode(body: bytes) -> str | None:
    """Return what WeCom and DingTalk complain of in an answer 200; None: nothing."""
    try:
        answer = json.loads(body)
        code = answer["errcode"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return "an answer without an errcode"
    return None if code == 0 else f"errcode {code}: {answer.get('errmsg')}"
