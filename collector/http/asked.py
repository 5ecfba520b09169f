"""
What an admin asks for, from the JSON of a request to values. Pure.

A mistake is a RejectedError that says what was expected; what is not known is refused, so that no
word of a window is passed over in silence.
"""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from modpulse.agent.batch.proxies import MAX_PROXY_BYTES, proxy_name
from modpulse.agent.service.errors import ConfigError
from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.maintenance import MOST_MINUTES, Window
from ..alerts.note import MAX_NOTE_CHARS
from ..clock import rfc3339
from ..errors import RejectedError
from ..health.report import Report

MAX_ACT_BYTES = 16_384
"""Of the body of such a request."""
MAX_SITE_CHARS = 128
SOME = 10
"""Proxies that a refusal names."""
_TEXTS = ("begins", "ends", "proxy", "site")


def note_of(body: bytes) -> tuple[str, bool]:
    """Return the words of `{"text", "public"}` as they may leave, and whether they are public."""
    given = _object(body, ("text", "public"))
    is_public = given.get("public", False)
    if not isinstance(is_public, bool):
        raise RejectedError(400, "public: expected true or false")
    return note_words(given.get("text")), is_public


def note_words(text: object) -> str:
    """Return the words of a note as they may leave."""
    if not isinstance(text, str):
        raise RejectedError(400, "text: expected words")
    if len(text) > MAX_NOTE_CHARS:
        raise RejectedError(400, f"text: {len(text)} characters, at most {MAX_NOTE_CHARS}")
    words = say(" ".join(text.split()), MAX_NOTE_CHARS)
    if not words:
        raise RejectedError(400, "text: nothing to read in it")
    return words


def window_of(body: bytes, wall_ns: int) -> Window:
    """
    Return the window of `{"begins", "minutes" or "ends", "proxy", "site"}`.

    Args:
        body: How long it lasts must be there; else it begins now, and is of everything.
        wall_ns: Now.
    """
    return window_from(_object(body, (*_TEXTS, "minutes")), wall_ns)


def window_from(given: Mapping[str, Any], wall_ns: int) -> Window:
    """Return the window of such values; see there."""
    texts = {name: _text(name, given.get(name, "")) for name in _TEXTS}
    # Windows know whole seconds: one that begins now has begun.
    begins = texts["begins"] or rfc3339(wall_ns // NS * NS)
    minutes: Any = given.get("minutes")
    if minutes is None and not texts["ends"]:
        raise RejectedError(400, "say how long: minutes, or ends")
    if texts["ends"]:
        if "minutes" in given:
            raise RejectedError(400, "minutes and ends say the same: give one of them")
        minutes = _between(begins, texts["ends"])
    if type(minutes) not in (int, float) or not 0 < minutes <= MOST_MINUTES:
        raise RejectedError(400, f"minutes: expected more than 0, at most {MOST_MINUTES}")
    proxy = proxy_name(texts["proxy"]) if texts["proxy"] else ""
    window = Window(begins, float(minutes), proxy, texts["site"])
    try:
        window.check()
    except ConfigError as error:
        raise RejectedError(400, str(error)) from None
    if window.is_over(wall_ns):
        raise RejectedError(400, "it would be over already")
    return window


def known_proxy(name: str, reports: Iterable[Report]) -> str:
    """
    Return a proxy by the name that it is reported by; notices leave `https://` out.

    Raises:
        RejectedError: 400, nobody asks it: a window of it would cover nothing.
    """
    known = {report.proxy for report in reports}
    if not name or not known:
        return name
    found = next((n for n in (name, f"https://{name}", f"http://{name}") if n in known), None)
    if found is None:
        some = ", ".join(sorted(known)[:SOME]) + ", …" * (len(known) > SOME)
        raise RejectedError(400, f"proxy: nobody asks {name}; known are {some}")
    return found


def number_of(argument: str) -> int:
    """Return the number of a window; that of none where it is no number."""
    return int(argument) if argument.isdecimal() and len(argument) < 16 else 0


def _between(begins: str, ends: str) -> float:
    moments = []
    for name, text in (("begins", begins), ("ends", ends)):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise RejectedError(
                400, f"{name}: with ends expected a time such as 2027-01-15T08:00:00Z"
            )
        moments.append(moment)
    return (moments[1] - moments[0]).total_seconds() / 60


def _text(name: str, value: object) -> str:
    most = MAX_PROXY_BYTES if name == "proxy" else MAX_SITE_CHARS
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise RejectedError(400, f"{name}: expected printable text of at most {most} characters")
    return value


def _object(body: bytes, names: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        given = json.loads(body, parse_constant=lambda _: math.nan)
    except (ValueError, RecursionError):
        raise RejectedError(400, "not valid JSON") from None
    if not isinstance(given, dict):
        raise RejectedError(400, "expected a JSON object")
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise RejectedError(400, f"unknown key {unknown[0][:100]!r}, known are {', '.join(names)}")
    return given
