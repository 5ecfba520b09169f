"""A notice as words: pure, so that what people read is tested as text."""

from dataclasses import dataclass

from modpulse.agent.service.foreign import say

from ..alerts.notice import Notice
from ..health.reason import Language
from . import chinese, english
from .story import Story, story_of

_SPOKEN = {"en": english, "zh": chinese}


@dataclass(frozen=True, slots=True)
class Words:
    """What is read."""

    title: str
    """One line."""
    body: str
    """Some sentences, one paragraph."""


def render(notice: Notice, language: Language) -> Words:
    """Return a notice in a language."""
    return spoken(story_of(notice), language)


def spoken(story: Story, language: Language) -> Words:
    """Return a story in a language."""
    voice = _SPOKEN[language]
    # What was harmless in pieces may be a credential in a row.
    return Words(say(voice.title(story)), say(voice.body(story)))
