"""Every word of ours on the page has a Chinese one."""

import re

import pytest
from jinja2 import Environment
from pages import SOURCES

from modpulse.collector.page.chinese import WORDS
from modpulse.collector.page.frame import NAVIGATION

PLACES = re.compile(r"%\(\w+\)s")


def said() -> set[str]:
    """What templates say in English; of what is counted the form for many."""
    environment = Environment(extensions=["jinja2.ext.do", "jinja2.ext.i18n"])
    found = {name for _, name in NAVIGATION} | {"Auto", "Light", "Dark"}
    for source in SOURCES.values():
        for _, _, words in environment.extract_translations(source):
            several = words if isinstance(words, tuple) else (words,)
            texts = [word for word in several if isinstance(word, str)]
            found.add(texts[-1]) if texts else None
    return found


def test_every_word_is_there() -> None:
    """What a template says is in the list, and what is in the list some template says."""
    assert said() == set(WORDS)


@pytest.mark.parametrize("english", sorted(WORDS))
def test_places_are_the_same(english: str) -> None:
    """No value is lost in translation, and none asked for that is not given."""
    assert set(PLACES.findall(WORDS[english])) <= set(PLACES.findall(english))
