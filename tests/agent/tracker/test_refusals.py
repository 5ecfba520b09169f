"""What a process refused after it had come whole."""

import pytest
from builders import (
    HOST,
    MOD,
    asked,
    connected,
    content_failed,
    error_said,
    exec_,
    exit_,
    go_error,
    os_exit,
    proxy_list,
)
from play import ZIP, Play

from modpulse.agent.events.events import GoError
from modpulse.agent.events.sites import Site
from modpulse.agent.records.records import Process, Request


def test_content_waits_for_the_checksum_database() -> None:
    """A zip is settled only after the lookup of its sum, on the same goroutine, has judged it."""
    play = Play(exec_(), proxy_list(0), asked(1, path=ZIP))

    asked_database = play(asked(5, path="/sumdb/sum.golang.org/lookup/example.test/m@v1.0.0"))
    rejected = play(
        content_failed(9, Site.CHECK_SUM_DB_FAILED, "verifying module: checksum mismatch"),
        exit_(10),
    )

    zipped, looked_up = rejected
    assert asked_database == []
    assert isinstance(zipped, Request)
    assert zipped.failure
    assert (zipped.endpoint, zipped.final, zipped.failure.cls) == (
        "zip", "stopped", "checksum.sumdb",
    )  # fmt: skip
    assert isinstance(looked_up, Request)
    assert (looked_up.endpoint, looked_up.final) == ("sumdb", "ok")


def test_gosum_contradicts() -> None:
    """`go` ends with an error about content that had arrived: its answer was wrong."""
    play = Play(exec_(), asked(1, path=ZIP), error_said(5, "verifying %s@%s: checksum mismatch\n"))
    play(error_said(6, "verifying %s: something else"), exit_(7))

    (request,) = play.of(Request)
    assert request.failure is not None
    assert (request.failure.cls, request.final) == ("checksum.gosum", "stopped")


@pytest.mark.parametrize("asked_before", [False, True])
def test_gosum_contradicts_the_cache(asked_before: bool) -> None:
    """Where no content came, it is what lay on this machine; else it is not known whose it is."""
    play = Play(exec_(), *([asked(1, path=MOD)] if asked_before else []))
    play.expire(9000)
    play(error_said(9001, "verifying %s@%s: checksum mismatch\n"), os_exit(9002, 1), exit_(9003))

    (process,) = play.finish().of(Process)
    told = process.failure and (process.failure.cls, process.failure.against)
    assert told == (None if asked_before else ("checksum.gosum", "machine"))


@pytest.mark.parametrize(
    ("path", "cls", "against"),
    [(None, "local.disk", "machine"), (ZIP, "http.content", "proxy"), (MOD, None, None)],
)
def test_a_zip_of_the_cache(path: str | None, cls: str | None, against: str | None) -> None:
    """Where none was asked for, it lay on this machine."""
    play = Play(exec_(), *([asked(1, path=path)] if path else []))
    if path == MOD:
        play.expire(20_000)
    play(content_failed(20_001, Site.UNZIP_FAILED, "zip: not a valid zip file"))
    play(os_exit(20_002, 1), exit_(20_003))
    play.finish()

    requests, (process,) = play.of(Request), play.of(Process)
    failed = next((request.failure for request in requests if request.failure), process.failure)
    assert (failed and failed.cls, failed and failed.against) == (cls, against)


def test_a_fatal_error_about_something_else() -> None:
    """Most of what `go` dies of is about no request."""
    play = Play(exec_(), asked(1), error_said(5, "go: %v"), exit_(6))

    assert [request.failure for request in play.of(Request)] == [None]
    assert play.account[2] == 0


def test_rejection_without_a_request() -> None:
    """What a command tells is the command's, whether or not a request is known."""
    play = Play(exec_(), error_said(5, "verifying %s"))

    assert play.account == (2, 0, 0)


PAGE = "/x"
NO_TAG = f'unrecognized import path "{HOST}{PAGE}": parse https://{HOST}{PAGE}: no go-import'
BROKEN = "stream error: stream ID 1; INTERNAL_ERROR; received from peer"


@pytest.mark.parametrize(
    ("status", "tail", "final", "cls"),
    [
        (200, "", "stopped", None),
        (200, BROKEN, "stopped", "http.body"),
        (302, "", "stopped", "http.redirect"),
        (404, "", "stopped", None),
    ],
)
def test_a_page_that_leads_nowhere(status: int, tail: str, final: str, cls: str | None) -> None:
    """A page without a go-import tag is no failure of anybody, and did not do its work."""
    chain = (("direct", False),)
    error = GoError(("*vcs.importError", "*errors.errorString"), b"", NO_TAG, (), tail)
    play = Play(exec_(), proxy_list(0, chain), connected(1), asked(5, status, path=PAGE))
    play(error_said(9, "go: %v", error=error), os_exit(10, 1), exit_(10))

    (request,) = play.finish().of(Request)
    (process,) = play.of(Process)

    assert (request.endpoint, request.final) == ("go-get", final)
    assert (request.failure and request.failure.cls) == cls
    assert [(told.about, told.module) for told in process.told] == [("page", f"{HOST}{PAGE}")]


def test_a_page_that_cannot_be_read() -> None:
    """What is no HTML, or is packed wrong, is its server's fault."""
    text = f'unrecognized import path "{HOST}{PAGE}": parsing {HOST}{PAGE}: XML syntax error'
    error = go_error("*vcs.importError", "*errors.errorString", text=text)
    play = Play(exec_(), proxy_list(0, (("direct", False),)), connected(1), asked(5, path=PAGE))
    play(error_said(9, "go: %v", error=error), os_exit(10, 1), exit_(10))

    (request,) = play.finish().of(Request)
    assert request.failure is not None
    assert (request.final, request.failure.cls) == ("stopped", "http.content")
    assert request.failure.evidence == f"{HOST} sent a page that go cannot read"


def test_a_page_that_a_setting_refuses() -> None:
    """What the user has set is not the page's fault."""
    error = go_error("*vcs.importError", "*errors.errorString", text=f"{NO_TAG}: GOVCS disallows")
    play = Play(exec_(), proxy_list(0, (("direct", False),)), connected(1), asked(5, path=PAGE))
    play(error_said(9, "go: %v", error=error), os_exit(10, 1), exit_(10))

    assert [request.final for request in play.finish().of(Request)] == ["ok"]


def test_a_zip_that_cannot_be_unpacked() -> None:
    """It is refused after it has come, and each time that the error is printed."""
    play = Play(exec_(), proxy_list(0), connected(1), asked(5, path=ZIP))
    play(*(content_failed(9 + ms, Site.UNZIP_FAILED, "malformed file path") for ms in (0, 1)))
    play(os_exit(21, 1), exit_(21))
    (request,) = play.finish().of(Request)

    assert request.final == "stopped"
    assert request.failure is not None
    assert request.failure.evidence == (
        f"{HOST} sent a zip that go cannot unpack: malformed file path"
    )
