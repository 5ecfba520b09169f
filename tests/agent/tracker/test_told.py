"""What the errors that `go` told are about: by types, and by what cmd/go begins them with."""

import pytest
from builders import error_said, go_error
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.events.events import ErrorSaid, GoError
from modpulse.agent.records.records import Told
from modpulse.agent.tracker.told import told_of

URL = "https://proxy.test/m/@v/v1.0.0.mod"


def said(error: GoError | None, words: str = "go: %v") -> ErrorSaid:
    return error_said(1, words, error=error)


@pytest.mark.parametrize(
    ("error", "about", "url"),
    [
        (go_error("*module.ModuleError", "*web.HTTPError", text=URL), "answer", URL),
        (go_error("?", text=f"m@v1.0.0: reading {URL}: 404 Not Found\n\tserver"), "answer", URL),
        (go_error("?", text=f"m@v1.0.0: reading {URL[:30]}"), "answer", URL[:30]),
        (go_error("*modload.PackageNotInModuleError"), "package", None),
        (go_error("?", text="module m@latest found (v1.0.0), but does not"), "package", None),
        (go_error("*modload.ImportMissingError"), "package", None),
        (go_error("?", text='no matching versions for query "v9"'), "query", None),
        (go_error("*modload.NoMatchingVersionError"), "query", None),
        (go_error("*errors.errorString", text="something else"), None, None),
    ],
)
def test_what_it_is_about(error: GoError, about: str | None, url: str | None) -> None:
    """An answer is told by its URL; what nobody was asked for is about nothing."""
    told = told_of(said(error))

    assert (told and told.about, told and told.url) == (about, url)


def test_a_page_is_named() -> None:
    """An import path is quoted by go itself; what the page said of others is not repeated."""
    text = 'unrecognized import path "a.test/x": parse https://a.test/x?go-get=1: no go-import'
    error = go_error("modfetch.notExistError", "*vcs.importError", "*errors.errorString", text=text)

    assert told_of(said(error)) == Told("page", None, "a.test/x", None)


def test_a_toolchain() -> None:
    """Its release is in words alone, that of the request is exact."""
    assert told_of(said(None, "download %s for %s/%s: toolchain not available")) == Told(
        "toolchain"
    )


def test_words_alone() -> None:
    """Without an error it is about nothing."""
    assert told_of(said(None, "build cache is disabled")) is None


@given(st.lists(st.text(max_size=30), min_size=1, max_size=7), st.text(max_size=200))
def test_any_error(types: list[str], text: str) -> None:
    """Whatever a process has in memory, nothing breaks."""
    told_of(said(GoError(tuple(types), b"", text)))
