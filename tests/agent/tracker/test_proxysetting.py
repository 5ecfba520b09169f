"""What go makes of HTTPS_PROXY where that is not what its user meant."""

import pytest

from modpulse.agent.tracker.proxysetting import misread


@pytest.mark.parametrize(
    ("value", "dialled", "words"),
    [
        ("ftp://a.corp:1", "a.corp:1", "has a scheme"),
        ("htp://a.corp", "a.corp", "has a scheme"),
        ("http://…", "http", "is no URL"),
        ("http//a.corp:3128", "http", "is no URL"),
        ("https//a.corp:3128", "https:80", "is no URL"),
        (":3128", "localhost:3128", "names no host"),
        ("http:a.corp:3128", "localhost:80", "names no host"),
        ("http://localhost:3128", "localhost:3128", None),
        ("http://a.corp:3128", "a.corp:3128", None),
        ("SOCKS5://a.corp:3128", "a.corp:3128", None),
        ("a.corp:3128", "a.corp:3128", None),
        ("http.corp:3128", "http.corp:3128", None),
        (None, "a.corp:3128", None),
        ("", "localhost:3128", None),
    ],
)
def test_what_go_takes_for_the_proxy(value: str | None, dialled: str, words: str | None) -> None:
    """It is as meant, or the sentence says what is wrong with the value."""
    found = misread(value, dialled)

    assert (found is None) is (words is None)
    assert words is None or words in (found or "")
