"""Reasons as lines: each section's name once, nothing wider than the terminal."""

import pytest

from modpulse.agent.records.records import Reason
from modpulse.agent.screen import words
from modpulse.agent.screen.style import Style
from modpulse.agent.waterfall.sections import NAMES, sections

GONE = Reason(
    section="not_found", words="a.corp/m@v1: b.corp answered 404", advice=("Look there.",)
)


def test_one_reason():
    """What, and what to look at next."""
    assert sections([GONE], Style(columns=80)) == [
        "Not found      a.corp/m@v1: b.corp answered 404",
        "               Look there.",
    ]


def test_a_name_once():
    """Reasons of one section stand under one name."""
    found = sections([GONE, GONE], Style(columns=80))

    assert [line.partition("  ")[0] for line in found] == ["Not found", "", "", ""]


@pytest.mark.parametrize("section", NAMES)
@pytest.mark.parametrize("columns", [60, 100])
def test_no_line_is_wider(section, columns):
    """Also where a word is."""
    long = Reason(section=section, words="x" * 500, advice=("word " * 80,))
    found = sections([long], Style(columns=columns))

    assert found[0].startswith(NAMES[section])
    assert max(words.width(line) for line in found) <= columns


def test_nothing():
    """Without a reason nothing is said."""
    assert sections([], Style()) == []
