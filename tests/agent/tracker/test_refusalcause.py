"""Why content was refused that had come whole."""

import pytest
from builders import content_failed, go_error

from modpulse.agent.events.sites import Site
from modpulse.agent.tracker.refusalcause import database_cause, zip_cause


@pytest.mark.parametrize(
    ("event", "cls"),
    [
        (content_failed(0, Site.DOWNLOAD_ZIP_FAILED, "zip: not a valid zip file"), "http.content"),
        (content_failed(0, Site.CHECK_SUM_DB_FAILED, "verifying m: checksum mismatch"), None),
        (content_failed(0, Site.DOWNLOAD_ZIP_FAILED), None),
    ],
)
def test_zip(event, cls: str | None) -> None:
    """A zip that is refused is content; other events are about something else."""
    cause = zip_cause(event)

    assert (cause and cause.cls) == cls


@pytest.mark.parametrize(
    ("text", "cls"),
    [
        ("verifying module: checksum mismatch\n\tdownloaded: h1:x", "checksum.sumdb"),
        ("verifying go.mod: m@v/go.mod: malformed record data", "checksum.sumdb"),
        ("verifying go.mod: m@v/go.mod: reading tree note: malformed note", "checksum.sumdb"),
        ("verifying go.mod: m@v/go.mod: reading https://h/lookup: 404 Not Found", None),
        ("verifying go.mod: invalid GOSUMDB: malformed verifier id", "local.config"),
    ],
)
def test_database(text: str, cls: str | None) -> None:
    """What proves nothing is the database's; a status and a setting are told elsewhere."""
    cause = database_cause(go_error(text=text))

    assert (cause and cause.cls) == cls


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (
            go_error(text="verifying go.mod: m@v1/go.mod: initializing sumdb.Client: malformed"),
            "checksum.sumdb",
        ),
        (go_error("*fs.PathError", "syscall.Errno", leaf=b"\x0d"), "local.permission"),
        (go_error(text="open /x/latest: no space left on device"), "local.disk"),
    ],
)
def test_what_is_kept_of_the_database(error, cls: str) -> None:
    """What this machine keeps of it is no fault of the database."""
    cause = database_cause(error)

    assert cause is not None
    assert (cause.cls, cause.against) == (cls, "machine")
