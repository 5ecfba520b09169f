"""
What one process refused after it had come whole, and what it told its user in the end.

Go refuses a go.mod long after its request, and a record of the checksum database on another
goroutine: so answers are remembered here for a while.
"""

import re
from collections import deque
from dataclasses import replace

from ..events.events import ContentFailed, ErrorSaid, GoError
from ..events.sites import Site
from ..records.failures import FailureClass, failure
from ..records.records import Failure, Process, Told
from ..service.bounded import Bounded
from .answercause import body_cause, redirect_cause
from .cause import Cause, with_reason
from .gowords import told_words
from .refusalcause import database_cause, is_mismatch, zip_cause
from .requests import CONTENT, OpenRequest
from .told import told_of
from .toldcause import told_cause

MAX_ANSWERED = 4096
"""Answers with a go.mod that may still be refused; the oldest is forgotten."""
MAX_RECORDS = 64
"""Answers of the checksum database that may still be refused; the oldest is forgotten."""
MAX_PAGES = 256
"""Pages of import paths that may still be refused; the oldest is forgotten."""
MAX_TOLD = 8
"""Errors told to the user that are looked at; the first ones say most."""

_USAGE = 2
"""The exit code of what cannot be done at all; cmd/go/internal/base prints no error then."""
_BY_GO_SUM = "verifying %s"
"""What base.Fatalf is told where go.sum contradicts; cmd/go/internal/modfetch/fetch.go."""
_UNREADABLE_PAGE = re.compile(r'unrecognized import path "[^"]*": parsing ')
_BAD_PAGE = Cause("http.content", "sent a page that go cannot read")
"""cmd/go/internal/vcs/vcs.go: its HTML, or how that was packed."""
_BAD_GO_MOD = "parsing go.mod"
"""What modload makes of a go.mod that it cannot read; cmd/go/internal/modload/modfile.go."""


class Refusals:
    """Of one process."""

    def __init__(self) -> None:
        self._go_mods: Bounded[tuple[str | None, str | None], OpenRequest] = Bounded(MAX_ANSWERED)
        self._records: deque[OpenRequest] = deque(maxlen=MAX_RECORDS)
        self._pages: deque[OpenRequest] = deque(maxlen=MAX_PAGES)
        self._told: list[ErrorSaid] = []
        self._of_settings: Cause | None = None

    def remember(self, request: OpenRequest) -> None:
        """A request was answered with 200, and may still be refused."""
        target = request.where.target
        if request.status != 200:
            return
        if target.endpoint == "mod":
            self._go_mods[_about(request)] = request
        elif target.endpoint == "sumdb":
            self._records.append(request)
        elif target.endpoint == "go-get":
            self._pages.append(request)

    def of_content(
        self, event: ContentFailed, stack: list[OpenRequest], under_way: list[OpenRequest]
    ) -> OpenRequest | None:
        """
        Take a refusal of content that came whole; return the request that it is about.

        Args:
            event: Not of READ_REMOTE_FAILED.
            stack: Requests under way on the goroutine.
            under_way: Those of the process.
        """
        content = [request for request in stack if request.where.target.endpoint in CONTENT]
        if event.site is Site.CHECK_SUM_DB_FAILED:
            return self._of_database(event, content, under_way)
        cause = zip_cause(event)
        found = content[0] if content else None
        if event.site is Site.UNZIP_FAILED and cause is not None and not content:
            self._of_cache("local.disk", "a zip in its module cache cannot be unpacked", under_way)
        # The status decides before what `go` did with the answer.
        if cause is None or found is None or found.status != 200 or found.operation_error:
            return None
        return _refused(found, cause, event.at_ns)

    def _of_database(
        self, event: ContentFailed, content: list[OpenRequest], under_way: list[OpenRequest]
    ) -> OpenRequest | None:
        cause = database_cause(event.error) if event.error is not None else None
        if cause is None:
            return None
        if cause.against in ("configuration", "machine"):
            self._of_settings = self._of_settings or cause
            return None
        if event.error is not None and is_mismatch(event.error):
            return _refused(content[0], cause, event.at_ns) if content else None
        asked = [found for found in (*self._records, *under_way) if _is_record(found)]
        latest = max(asked, key=lambda found: found.at_ns, default=None)
        return _refused(latest, cause, event.at_ns) if latest is not None else None

    def of_words(
        self, event: ErrorSaid, stack: list[OpenRequest], under_way: list[OpenRequest]
    ) -> OpenRequest | None:
        """Take what the command tells its user; return the request that it is about."""
        if len(self._told) < MAX_TOLD:
            self._told.append(event)
        if event.format.startswith(_BY_GO_SUM):
            return self._by_go_sum(event, stack, under_way)
        told, error = told_of(event), event.error
        if told is not None and told.about == "page" and error is not None:
            return self._of_page(told, error, under_way, event.at_ns)
        if error is None or not error.text.startswith(_BAD_GO_MOD):
            return None
        about = (event.module, event.version)
        same = [found for found in under_way if _is_go_mod(found) and _about(found) == about]
        asked = same[-1] if same else self._go_mods.get(about)
        if asked is None:
            return None
        cause = with_reason("http.content", "sent a go.mod that go refused", error)
        return _refused(asked, cause, event.at_ns)

    def _by_go_sum(
        self, event: ErrorSaid, stack: list[OpenRequest], under_way: list[OpenRequest]
    ) -> OpenRequest | None:
        """Content is not what go.sum has: what came, or what lay in the cache where none came."""
        content = [request for request in stack if _is_content(request)]
        found = (content or stack)[:1]
        if found:
            cause = Cause("checksum.gosum", "sent content that go.sum contradicts")
            return _refused(found[0], cause, event.at_ns)
        words = "what lies in its module cache is not what go.sum has"
        self._of_cache("checksum.gosum", words, under_way)
        return None

    def _of_cache(self, cls: FailureClass, words: str, under_way: list[OpenRequest]) -> None:
        """What is wrong lay in GOMODCACHE, where nothing was asked that it could have come by."""
        if not self._go_mods and not any(map(_is_content, under_way)):
            self._of_settings = self._of_settings or Cause(cls, words, "machine")

    def _of_page(
        self, told: Told, error: GoError, under_way: list[OpenRequest], at_ns: int
    ) -> OpenRequest | None:
        """The page of an import path did not lead to a repository."""
        asked = [found for found in (*self._pages, *under_way) if _is_page_of(found, told.module)]
        latest = max(asked, key=lambda found: found.at_ns, default=None)
        if latest is None or told_cause("", error) is not None:
            return None
        if latest.is_redirect(latest.status):
            return _refused(latest, redirect_cause(latest.status or 0, error), at_ns)
        if latest.status != 200:
            return None
        # The words of what broke off end the text of all.
        broken = body_cause(replace(error, text=error.tail or error.text))
        if broken is not None and broken.cls == "http.body":
            return _refused(latest, broken, at_ns)
        unreadable = _UNREADABLE_PAGE.match(error.text)
        latest.refused(_BAD_PAGE if unreadable else None, at_ns)
        return latest

    def told(self) -> tuple[Told, ...]:
        """Return what the errors that the command told are about."""
        found = (told_of(event) for event in self._told)
        return tuple(told for told in found if told is not None)

    def failure(self) -> Failure | None:
        """Return what the command failed with where no request says it."""
        causes = [told_cause(event.format, event.error, event.module) for event in self._told]
        cause = next((cause for cause in (self._of_settings, *causes) if cause is not None), None)
        if cause is None:
            return None
        of = "this machine" if cause.against == "machine" else "the configuration"
        return failure(cause.cls, f"{of}: {cause.words}", against=cause.against)

    def said(self) -> str | None:
        """Return the last thing that the command told, in Go's own words; None without any."""
        for event in reversed(self._told):
            words = told_words(event.format, event.error)
            if words is not None:
                return words
        return None


def setting_failure(process: Process) -> Failure | None:
    """Say which setting ended a command that told nothing; None where none did."""
    if process.exit_code != _USAGE or process.unusable is None:
        return None
    words = f"the configuration: {process.unusable}"
    return failure("local.config", words, against="configuration")


def _is_record(request: OpenRequest) -> bool:
    is_answer = request.status == 200 and request.operation_error is None
    return request.where.target.endpoint == "sumdb" and is_answer


def _is_content(request: OpenRequest) -> bool:
    return request.where.target.endpoint in CONTENT


def _is_go_mod(request: OpenRequest) -> bool:
    return request.where.target.endpoint == "mod" and request.status == 200


def _is_page_of(request: OpenRequest, path: str | None) -> bool:
    target = request.where.target
    return target.endpoint == "go-get" and (path is None or (target.module or "") == path)


def _about(request: OpenRequest) -> tuple[str | None, str | None]:
    return request.where.target.module, request.where.target.version


def _refused(request: OpenRequest, cause: Cause, at_ns: int) -> OpenRequest | None:
    if request.refusal is not None:
        return None
    request.refused(cause, at_ns)
    return request
