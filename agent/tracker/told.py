"""
What the errors that a command told its user are about: which answer, module or page.

By the types of Go's error values; where Go made one of words alone, by the constants of cmd/go that
it begins with, which are alike from 1.19 to 1.27. Nothing that is quoted in them is repeated.
"""

import re

from ..events.events import ErrorSaid, GoError
from ..records.records import Told

_READING = re.compile(r"(?:^|: )reading (https?://[^\s\"]+?)(?::\s|$)")
"""cmd/go/internal/web: HTTPError.Error."""
_NO_PACKAGE = ("*modload.ImportMissingError", "*modload.PackageNotInModuleError")
_FOUND_WITHOUT = re.compile(r"module \S+ found|main module \(|workspace modules do not contain")
"""cmd/go/internal/modload/query.go: PackageNotInModuleError.Error."""
_NO_VERSION = ("*modload.NoMatchingVersionError", "*modload.NoPatchBaseError")
_NO_MATCH = "no matching versions for query "
_NO_MATCH_END = re.compile(r"ersions for query \"")
_TOOLCHAIN = "toolchain not available"
"""cmd/go/internal/toolchain/select.go: what download fails with."""
IMPORT = "*vcs.importError"
_PAGE = re.compile(r"unrecognized import path \"([^\"]+)\"")
"""cmd/go/internal/vcs/vcs.go: RepoRootForImportPath."""


def told_of(event: ErrorSaid) -> Told | None:
    """Return what an error is about; None where that is nothing that was asked for."""
    error = event.error
    if event.format.endswith(_TOOLCHAIN):
        return Told("toolchain")
    if error is None:
        return None
    if IMPORT in error.types:
        page = _PAGE.match(error.text)
        return Told("page", None, page[1] if page else None)
    url = _url(error)
    if url is not None:
        return Told("answer", url, event.module, event.version)
    if not set(_NO_PACKAGE).isdisjoint(error.types) or _FOUND_WITHOUT.match(error.text):
        return Told("package", None, event.module, event.version)
    no_match = _NO_MATCH in error.text or _NO_MATCH_END.search(error.tail)
    if not set(_NO_VERSION).isdisjoint(error.types) or no_match:
        return Told("query", None, event.module, event.version)
    if event.module is not None:
        return Told("module", None, event.module, event.version)
    return None


def _url(error: GoError) -> str | None:
    """Return the URL whose answer was the error; where that is cut, so is its end."""
    if error.types[-1] == "*web.HTTPError":
        return error.text
    found = _READING.search(error.text)
    return found[1] if found else None
