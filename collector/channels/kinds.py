"""Every kind of channel: who makes its messages, and what its answers mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import alertmanager, dingtalk, gatus, mail, pagerduty, slack, webhook, wecom
from .message import MAX_ERROR_CHARS, DeliveryError, Make, errcode, told
from .rounds import Push

OF_NOTICE = frozenset({400, 404, 405, 410, 413, 415, 422})
"""Answers that speak against what was sent, not against who takes it."""
MAX_RETRY_S = 3600
"""What a channel may ask for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind."""

    make: Make
    complaint: Callable[[bytes], str | None] = lambda _body: None
    """What an answer 2xx complains of all the same."""
    resend_s: int | None = None
    """How often all that is open is told again; None: never."""


KINDS: Mapping[str, Kind] = {
    "webhook": Kind(webhook.make),
    "alertmanager": Kind(alertmanager.make, resend_s=alertmanager.RESEND_S),
    "mail": Kind(mail.make),
    "slack": Kind(slack.make),
    "wecom": Kind(wecom.make, errcode),
    "dingtalk": Kind(dingtalk.make, errcode),
    "pagerduty": Kind(pagerduty.make),
    "apprise": Kind(told),
}
PUSHES: Mapping[str, Push] = {"gatus": Push(gatus.posts, gatus.EVERY_S)}


def judge(kind: Kind, status: int, retry_after: str | None, body: bytes) -> None:
    """
    Take an answer.

    Args:
        kind: Of the channel.
        status: Of HTTP.
        retry_after: The header; None without it.
        body: The beginning of it.

    Raises:
        DeliveryError: it is none of success.
    """
    if 200 <= status < 300:
        complaint = kind.complaint(body)
        if complaint:
            raise DeliveryError(complaint[:MAX_ERROR_CHARS])
        return
    asked = retry_after or ""
    retry_s = min(float(asked), MAX_RETRY_S) if asked.isdecimal() and len(asked) < 10 else None
    said = " ".join(body.decode("utf-8", "replace").split())[:MAX_ERROR_CHARS]
    words = f"answered {status}{f': {said}' if said else ''}"
    raise DeliveryError(words, of_notice=status in OF_NOTICE, retry_s=retry_s)
