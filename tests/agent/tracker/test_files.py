"""Requests to a proxy that is a folder, as the events of a process tell them."""

import struct

import pytest
from builders import (
    MOD,
    S,
    at,
    content_failed,
    exec_,
    exit_,
    go_error,
    operation_failed,
    proxy_list,
    web_get,
)
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.events.events import Event, GoError
from modpulse.agent.events.sites import Site
from modpulse.agent.records.records import Request
from modpulse.agent.tracker.tracker import Tracker

CHAIN = (("file:///home/alice/a", False), ("file:///home/alice/b", True), ("direct", False))


def reads(ms: float, folder: str = "a", path: str = MOD) -> Event:
    return web_get(ms, f"/home/alice/{folder}{path}", host="", scheme="file")


def not_opened(number: int) -> GoError:
    """The error of an answer that `go` made of a file that it could not open."""
    return go_error(
        "*web.HTTPError", "*fs.PathError", "syscall.Errno", leaf=struct.pack("<Q", number)
    )


def file_error(number: int) -> GoError:
    """The error of a file that was there, and is none."""
    return go_error("*fs.PathError", "syscall.Errno", leaf=bytes([number]))


def requests_of(*events: Event) -> list[Request]:
    tracker = Tracker(stalled_after_ns=S, wall_offset_ns=0)
    records = []
    for event in (exec_(), proxy_list(1, CHAIN), *events):
        records += tracker.feed(event)
    records += tracker.finish(at(100))
    return [record for record in records if isinstance(record, Request)]


def told(*events: Event) -> list[tuple[object, ...]]:
    return [
        (found.chain_index, found.status, found.final, found.failure and found.failure.cls)
        for found in requests_of(*events)
    ]


def test_a_file_that_is_read():
    """Without an error the file was there, and nothing of a network is told."""
    (found,) = requests_of(reads(5))

    assert (found.proxy, found.host, found.status, found.final) == (
        "file:///home/alice/a", "", 200, "ok",
    )  # fmt: skip
    assert (found.connect_wait_ns, found.processing_ns, found.transfer_ns) == (None, None, None)
    assert (found.connection, found.paid_setup, found.reused) == (None, None, None)


@pytest.mark.parametrize(
    ("error", "row"),
    [
        *(
            (file_error(number), (0, None, "stopped", cls))
            for number, cls in ((40, "local.disk"), (24, "local.files"), (5, "local.disk"))
        ),
        (not_opened(2), (0, 404, "fell_through", None)),
        (not_opened(13), (0, 403, "stopped", "local.permission")),
        (not_opened(1), (0, 403, "stopped", "local.permission")),
        (go_error("syscall.Errno", leaf=b"\x14"), (0, None, "stopped", "local.disk")),
        (go_error("syscall.Errno", leaf=b"\x63\x01"), (0, None, "stopped", "local.disk")),
        (go_error("*json.SyntaxError", text="<"), (0, 200, "stopped", "http.content")),
        (go_error("codehost.noCommitsError"), (0, 200, "ok", None)),
    ],
)  # fmt: skip
def test_status_from_the_error(error, row):
    """What `go` made of the file is read off its error, like a status off a head."""
    assert told(reads(5), operation_failed(6, error)) == [row]


@pytest.mark.parametrize(
    ("number", "against"),
    [(20, "proxy"), (21, "proxy"), (5, "proxy"), (24, "machine"), (28, "machine")],
)
def test_whom_it_speaks_against(number: int, against: str):
    """What stands in the folder is the folder's; a full cache or open files are the machine's."""
    (found,) = requests_of(reads(5), operation_failed(6, file_error(number)))

    assert found.failure
    assert found.failure.against == against


def test_the_first_error_counts():
    """A later error of the same operation is of what `go` made of the miss."""
    later = operation_failed(7, go_error("codehost.noCommitsError"))
    assert told(reads(5), operation_failed(6, not_opened(2)), later)[0][1] == 404


def test_misses_without_an_error():
    """After `@latest` the list is asked for, after `supported` another place: that is a miss."""
    latest = reads(5, path="/example.test/m/@latest"), reads(6, path="/example.test/m/@v/list")
    supported = "/sumdb/sum.test/supported"
    database = reads(7, path=supported), reads(8, "b", supported)
    lookup = reads(9, "b", "/sumdb/sum.test/lookup/example.test/m@v1.0.0")

    rows = told(*latest, *database, lookup)
    assert [row[:2] for row in rows] == [(0, 404), (0, 200), (0, 404), (1, 200), (1, 200)]


def test_checksum_database_without_the_module():
    """The error of a database that is a folder is the status of what was asked of it."""
    missed = content_failed(6, Site.READ_REMOTE_FAILED, "x")
    missed.error = not_opened(2)
    found = requests_of(reads(5, path="/sumdb/sum.test/lookup/example.test/m@v1.0.0"), missed)

    assert [(each.endpoint, each.status, each.final) for each in found] == [
        ("sumdb", 404, "stopped")
    ]


def test_a_command_that_is_killed():
    """What it last asked for may be a pipe that it was waiting for: nothing is told of it."""
    rows = told(reads(5), reads(6, path=MOD.replace(".mod", ".info")), exit_(900))

    assert rows == [(0, 200, "ok", None), (0, None, "cancelled", None)]


def test_a_goroutine_that_ends():
    """A file that was read waits for a verdict as long as an answer does, not for ever."""
    tracker = Tracker(stalled_after_ns=S, wall_offset_ns=0)
    for event in (exec_(), proxy_list(1, CHAIN), reads(5)):
        tracker.feed(event)

    assert tracker.expire(at(5_000)) == []
    (found,) = tracker.expire(at(15_000))
    assert (found.status, found.final) == (200, "ok")


@given(
    st.lists(st.sampled_from(["*web.HTTPError", "*fs.PathError", "*url.Error"]), max_size=3),
    st.sampled_from(["syscall.Errno", "*errors.errorString", "*json.SyntaxError"]),
    st.binary(max_size=80),
    st.text(),
)
def test_no_path_in_evidence(types, leaf_type, leaf, text):
    """Whatever an error says, the evidence is in our own words."""
    error = GoError((*types, leaf_type), leaf, f"/home/alice {text}")
    rejected = content_failed(6, Site.DOWNLOAD_ZIP_FAILED, f"zip: /home/alice/{text}")
    for event in (operation_failed(6, error), rejected):
        (found,) = requests_of(reads(5, path=MOD.replace(".mod", ".zip")), event)
        assert found.failure is None or "alice" not in found.failure.evidence
