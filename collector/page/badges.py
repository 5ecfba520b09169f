"""What a badge says, in words. Pure."""

from collections.abc import Mapping

from ..health.gates import State
from ..health.reason import Language
from .chinese import WORDS
from .public import Public

LEFT: Mapping[str, str] = {"status": "modpulse", "proxies": "Proxies", "incidents": "Incidents"}
"""What each badge is about."""


def badge_words(name: str, public: Public, language: Language) -> tuple[str, str, State]:
    """
    Return the left side, the right side, and the state whose colour that has.

    Args:
        name: Of public.BADGES.
        public: What anybody may know.
        language: Of the words.
    """
    right, state = _said(name, public, language)
    return _in(language, LEFT[name]), right, state


def _said(name: str, public: Public, language: Language) -> tuple[str, State]:
    if name == "status":
        return _in(language, public.state), public.state
    if name == "proxies":
        return f"{public.fine} / {public.total}", public.state
    state: State = "degraded" if public.is_open else "healthy"
    return str(public.is_open), public.state if public.state == "down" else state


def _in(language: Language, word: str) -> str:
    return WORDS.get(word, word) if language == "zh" else word
