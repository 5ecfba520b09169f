"""Rules of language and theme."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.collector.page.frame import back_to
from modpulse.collector.page.look import COOKIE, LANGUAGES, THEMES, Look, cookies_of, look_of


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"), ("zh", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en,zh;q=0.9", "en"),
        ("de, zh-Hant;q=0.3", "zh"), ("de", "en"), ("en;q=0.1, ZH;q=0.5", "zh"), ("zha", "en"),
        ("zh;q=x, en", "en"), (";;,,q=", "en"), ("zh;q=0", "en"),
    ],
)  # fmt: skip
def test_what_the_browser_says(accept: str, language: str) -> None:
    """The language that it wants most of ours; English where it wants none."""
    assert look_of({}, accept) == Look(language, "")  # type: ignore[arg-type]


def test_what_was_chosen_wins() -> None:
    """A choice is kept; a part of it that makes no sense is left to the browser."""
    for language in LANGUAGES:
        for theme in THEMES:
            look = Look(language, theme)
            assert look_of({COOKIE: look.cookie}, "zh") == look
    assert look_of({COOKIE: "fr.dark"}, "zh") == Look("zh", "dark")
    assert look_of({COOKIE: "en.pink"}, "zh") == Look("en", "")


@given(st.binary(max_size=200), st.text(max_size=60))
def test_whatever_comes(header: bytes, accept: str) -> None:
    """No cookie and no header is too odd."""
    look = look_of(cookies_of(header), accept)

    assert look.language in LANGUAGES
    assert look.theme in THEMES


def test_cookies() -> None:
    """Of two with a name the first counts, what is none is passed over."""
    assert cookies_of(b'a=1; {"x"}; b=2=3;a=4; =5') == {"a": "1", "b": "2=3", "": "5"}


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/", "/"), ("/incidents?page=2", "/incidents?page=2"), ("//evil.example", "/"),
        ("/\\evil.example", "/"), ("https://evil.example", "/"), ("", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/\t/evil.example", "/"), ("/é", "/"),
    ],
)  # fmt: skip
def test_the_way_back_is_ours(path: str, back: str) -> None:
    """Nobody is led elsewhere, and no header ends early."""
    assert back_to(path) == back
