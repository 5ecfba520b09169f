"""
Why `go` refused what had come whole: a zip, or what the checksum database did not bear out.
"""

import re

from ..events.events import ContentFailed, GoError
from ..events.sites import Site
from .answercause import content_cause
from .cause import Cause, is_cancelled, with_reason
from .localcause import local_cause, told_local_cause

_CHECKED = re.compile(r"^(?:verifying (?:module|go\.mod): )?(?:\S+@\S+: )?")
_BAD_GOSUMDB = ("invalid GOSUMDB", "missing GOSUMDB", "invalid sumdb name")
_ASKED = re.compile(r"(?:^|: )(?:reading https?://|Get \")")

_READING_STATE = "initializing sumdb.Client: "
"""x/mod/sumdb, Client.initWork: before anything is asked, by what was kept of the times before."""
_STATE = Cause(
    "checksum.sumdb",
    "what it keeps of the checksum database, GOPATH/pkg/sumdb, cannot be used",
    "machine",
)


def zip_cause(event: ContentFailed) -> Cause | None:
    """Say why a zip was refused that had come whole; None where the event is about another."""
    if event.error is None or event.site not in (Site.DOWNLOAD_ZIP_FAILED, Site.UNZIP_FAILED):
        return None
    if is_cancelled(event.error):
        return None
    if event.site is Site.UNZIP_FAILED:
        if event.error.types[-1] == "zip.FileErrorList":
            return Cause(
                "http.content", "sent a zip with files, or names of files, that go refuses"
            )
        words = "sent a zip that go cannot unpack"
        return local_cause(event.error) or with_reason("http.content", words, event.error)
    return local_cause(event.error) or content_cause(event.error)


def database_cause(error: GoError) -> Cause | None:
    """
    Say what the check against the checksum database ended with.

    Go makes errors of words alone here (x/mod/sumdb, modfetch/sumdb.go): their beginnings are its
    constants. Against the module proxy where its content differs, else against the database.
    """
    if is_mismatch(error):
        return Cause("checksum.sumdb", "sent content that the checksum database contradicts")
    if _why(error).startswith(_BAD_GOSUMDB):
        return Cause("local.config", "GOSUMDB is not valid", "configuration")
    if _ASKED.search(error.text):
        return None  # the request says it
    if _READING_STATE in error.text:
        return _STATE
    local = local_cause(error) or told_local_cause(error)
    return local or with_reason("checksum.sumdb", "sent a record that proves nothing", error)


def is_mismatch(error: GoError) -> bool:
    """Whether the database has another sum for what came."""
    return _why(error).startswith("checksum mismatch")


def _why(error: GoError) -> str:
    return _CHECKED.sub("", error.text, count=1)
