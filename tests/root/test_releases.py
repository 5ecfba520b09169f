"""The same scenario gives the same records on every supported release of `go`."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from eyes import Eyes, Seen
from lab.lab import Lab
from lab.parts import go_releases

pytestmark = [pytest.mark.root, pytest.mark.releases]

DOUBLED_SINCE = 24
"""Go 1.24 asks every 4xx over https twice."""
RELEASES = ("1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27")
VARIES = {"id", "pid", "connection", "at_ns", "attempts"}
"""What differs between runs, and attempts, which differ between releases."""


@pytest.fixture(scope="module")
def releases() -> dict[str, Path]:
    """Minor release -> its `bin/go`."""
    return {".".join(version.split(".")[:2]): path for version, path in go_releases().items()}


@pytest.fixture(scope="module")
def all_eyes(releases: dict[str, Path], running_lab: Lab) -> Any:
    """Eyes that know every release."""
    with Eyes(list(releases.values())) as eyes:
        yield eyes


def _shape(seen: Seen) -> list[dict[str, Any]]:
    """Requests without what must differ: durations are told only by whether they are known."""
    rows = []
    for request in seen.requests:
        row = {
            field.name: getattr(request, field.name)
            for field in dataclasses.fields(request)
            if field.name not in VARIES
        }
        for name in [name for name in row if name.endswith("_ns")]:
            row[name] = row[name] is not None
        rows.append(row)
    return rows


def _others(seen: Seen) -> dict[str, Any]:
    """What lookups, connections, handshakes and processes say."""
    return {
        "lookups": [(lookup.host, lookup.outcome, lookup.source) for lookup in seen.lookups],
        "queries": [sorted(query.qtype for query in lookup.queries) for lookup in seen.lookups],
        "connections": [
            (made.host, made.outcome, made.lookup_at_ns is not None) for made in seen.connections
        ],
        "handshakes": [
            (
                made.sni, made.outcome, made.version, made.alpn, made.resumed,
                made.connection is not None, made.client_hello_at_ns is not None,
                made.server_hello_at_ns is not None, made.verify_ns is not None,
                made.certificate is not None,
            )
            for made in seen.handshakes
        ],
        "exits": [process.exit_code for process in seen.processes],
        "chains": [process.goproxy for process in seen.processes],
    }  # fmt: skip


def _run(lab: Lab, eyes: Eyes, go: Path) -> list[Seen]:
    """The scenario: a miss, a redirect, HTTP/1.1, a refused connection, an expired certificate."""
    found = []
    for hosts, separator in (
        (("e404", "redirect"), ","),
        (("refused", "expired", "h1-tls12"), "|"),
        (("e500",), ","),
        (("html-info",), ","),
    ):
        eyes.forget()
        lab.go(
            "mod", "download", goproxy=lab.url(*hosts, separator=separator), requires=["m00"], go=go
        )
        found.append(eyes.seen())
    return found


@pytest.fixture(scope="module")
def reference(running_lab: Lab, all_eyes: Eyes, releases: dict[str, Path]) -> list[Seen]:
    """What 1.26 gives."""
    return _run(running_lab, all_eyes, releases["1.26"])


@pytest.mark.parametrize("release", RELEASES)
def test_same_records(
    release: str,
    running_lab: Lab,
    all_eyes: Eyes,
    releases: dict[str, Path],
    reference: list[Seen],
) -> None:
    """Everything but attempts, versions, durations and the documented nulls is the same."""
    minor = int(release.split(".")[1])
    found = _run(running_lab, all_eyes, releases[release])

    for seen, expected in zip(found, reference, strict=True):
        expected_rows = _shape(expected)
        for row, request in zip(expected_rows, expected.requests, strict=True):
            if minor < 21:
                row["transfer_ns"] = False
            elif request.attempts > 1 and minor < DOUBLED_SINCE:
                row["transfer_ns"] = True
        assert _shape(seen) == expected_rows
        assert _others(seen) == _others(expected)
        assert {process.go_version.split(".")[1] for process in seen.processes} == {str(minor)}  # type: ignore[union-attr]
        doubled = {
            request.attempts for request in seen.requests if (request.status or 0) // 100 == 4
        }
        assert doubled <= {2 if minor >= DOUBLED_SINCE else 1}
