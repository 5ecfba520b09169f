"""Answers that are none: by status, by where they send to, by what came."""

import struct

import pytest
from builders import cancelled, errno, go_error

from modpulse.agent.events.events import GoError
from modpulse.agent.tracker.answercause import body_cause, redirect_cause, status_cause


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (200, None), (404, None), (410, None), (401, "auth.401"), (403, "auth.403"),
        (407, "auth.407"), (429, "http.429"), (500, "http.5xx"), (599, "http.5xx"),
        (418, "http.4xx"), (204, "http.content"), (304, "http.redirect"), (999, "http.protocol"),
    ],
)  # fmt: skip
def test_status(status: int, cls: str | None) -> None:
    """A status is an answer, a miss, or one class of failure whose words quote it."""
    cause = status_cause(status)

    assert (cause and cause[0]) == cls
    assert cause is None or str(status) in cause[1]


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (cancelled(), None),
        (go_error(text="context canceled"), None),
        (go_error("codehost.noCommitsError"), None),
        (go_error(text="unexpected EOF"), "http.body"),
        (go_error("*http2.StreamError"), "http.body"),
        (errno(104), "http.body"),
        (go_error(text="http2: client connection lost"), "http.body"),
        (go_error(text="use of closed network connection"), "http.body"),
        (go_error("poll.errNetClosing"), "http.body"),
        (go_error(text="malformed chunked encoding"), "http.body"),
        (go_error(text="ERNAL_ERROR; received from peer"), "http.body"),
        (go_error(text="reading x: stream error: stream ID 1; CANCEL; received"), "http.body"),
        (go_error(text="zip: disclosed/chunk.go: checksum error"), "http.content"),
        (go_error(text="parsing gzip.json"), "http.content"),
        (go_error("*json.SyntaxError"), "http.content"),
        (go_error(text="zip: not a valid zip file"), "http.content"),
        (go_error("*time.ParseError"), "http.content"),
        (go_error("*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", 28)), "local.disk"),
    ],
)
def test_operation_after_a_200(error: GoError, cls: str | None) -> None:
    """A body that broke off is told from one that is whole and wrong."""
    cause = body_cause(error)

    assert (cause and cause[0]) == cls


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("redirected from secure URL https://a to insecure URL http://b", "insecure address"),
        ("stopped after 10 redirects", "without end"),
        ('failed to parse Location header ":": x', "Location that cannot be read"),
        ("302 response missing Location header", "302 without a Location"),
    ],
)
def test_redirects(text: str, words: str) -> None:
    """What was wrong with a redirect is told, each in words of its own."""
    cause = redirect_cause(302, go_error("*url.Error", text=text))

    assert cause.cls == "http.redirect"
    assert words in cause.words
