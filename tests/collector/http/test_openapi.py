"""Rules of the OpenAPI document, and of a real collector that is held to it."""

import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from collectors import PROGRAM, Collector, call
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from outages import SICK, fail, quick, recover, until

from modpulse.collector.access import file as access_file
from modpulse.collector.access.entries import Entry, key_of
from modpulse.collector.http.openapi import OPERATIONS, document
from modpulse.collector.http.routes import OPENAPI, ROUTES

WRITTEN = Path(__file__).parents[3] / "docs" / "openapi.json"
GOOD = "https://good.example"
TOKEN = {"Authorization": "Bearer chief"}
JSON = {"Content_Type": "application/json"}
TABLES = """
[[channel]]
name = "ops"
url = "http://127.0.0.1:9/"
[[maintenance]]
begins = "sat 02:00"
site = "berlin"
"""
CONFIGURATION = """
[parameters]
"query.proxy" = "https://good.example"
"query.a" = "https://good.example"
"query.b" = "https://sick.example"
[[operations]]
include-operation-id = [
    "getHistory", "getCompare", "getAlertsPast", "getIncidents", "postMaintenance",
    "postIncidentsNotes",
]
checks.positive_data_acceptance.expected-statuses = ["200", "201", "304", "400", "404", "409"]
"""
"""What no schema can say is refused too: a `since` behind `until`, a note that nobody can read."""
QUERIES = {
    "/api/v1/proxies": ("", "?limit=1"),
    "/api/v1/incidents": ("", "?since=7d&limit=1"),
    "/api/v1/history": (f"?proxy={GOOD}", f"?proxy={SICK}&by=agent&since=1h&step=minute"),
    "/api/v1/compare": (f"?a={GOOD}&b={SICK}",),
    "/api/v1/alerts/past": ("", "?since=1h&after=0"),
}
"""What is asked of those that cannot be asked for nothing."""


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One with an incident that is over, one that is open, a note, and windows."""
    folder = tmp_path_factory.mktemp("openapi")
    access = str(folder / "access")
    access_file.add(access, Entry("chief", frozenset({"admin", "ship"}), key_of(b"chief")))
    first = quick(folder, TABLES).start()
    fail(first)
    until(first, lambda found: found["incidents"])
    recover(first)
    until(first, lambda found: found["incidents"][0]["state"] == "closed")
    fail(first, 2, "https://other.example")
    until(first, lambda found: found["incidents"][0]["state"] == "open")
    first.stop()
    made = quick(folder, TABLES, access_file=access, public_summary="on").start()
    read = partial(call, made, **TOKEN)
    end = time.monotonic() + 30
    while read("GET", f"/api/v1/history?proxy={GOOD}").status != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    (name, *_) = [each["id"] for each in read("GET", "/api/v1/incidents").body["incidents"]]
    read("POST", f"/api/v1/incidents/{name}/notes", b'{"text": "looked at it"}', **JSON)
    read("POST", "/api/v1/maintenance", b'{"site": "oslo", "minutes": 5}', **JSON)
    yield made
    made.end()


def test_what_is_written_is_what_is_made() -> None:
    """docs/openapi.json is the document; `make openapi` writes it."""
    assert json.loads(WRITTEN.read_text(encoding="utf-8")) == document()


def test_what_is_served_is_what_is_made(collector: Collector) -> None:
    """So is what a collector answers; who has it is told so."""
    served = call(collector, "GET", OPENAPI.path, **TOKEN)
    again = call(collector, "GET", OPENAPI.path, If_None_Match=served.headers["etag"], **TOKEN)

    assert served.body == document()
    assert (again.status, again.body) == (304, b"")


def test_it_is_openapi() -> None:
    """It is what the specification calls a document, and every type in it a schema."""
    made = document()

    validate(made)
    for schema in made["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_each_request_is_in_it() -> None:
    """Of the table of requests all that begin with /api/v1 are, once; and each has its own name."""
    api = [route for route in ROUTES if route.path.startswith("/api/v1/") and route != OPENAPI]
    names = [
        operation["operationId"]
        for path in document()["paths"].values()
        for operation in path.values()
    ]

    assert sorted(map(repr, api)) == sorted(repr(each.route) for each in OPERATIONS)
    assert len(names) == len(set(names)) == len(api)


def closed(schema: Any) -> Any:
    """A schema of which no object has a key that is not in it."""
    if isinstance(schema, dict):
        kept = {key: closed(value) for key, value in schema.items()}
        return kept | ({"additionalProperties": False} if "properties" in kept else {})
    return [closed(each) for each in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize(
    "path",
    [
        each.route.path + query
        for each in OPERATIONS
        if each.route.method == "GET"
        for query in QUERIES.get(each.route.path, ("",))
    ],
)
def test_answers_are_as_it_says(collector: Collector, path: str) -> None:
    """Each answer has every key that its type has, of that type, and no other."""
    made = closed(copy.deepcopy(document()))
    answer = call(collector, "GET", path, **TOKEN)
    operation = made["paths"][path.partition("?")[0]]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    wrong = Draft202012Validator(schema | {"components": made["components"]}).iter_errors(
        answer.body
    )

    assert answer.status == 200
    assert [f"{error.json_path}: {error.message}" for error in wrong] == []
    # Of agents those are told that were heard for half a minute.
    rows = answer.body.get(path.partition("?")[0].rpartition("/")[2])
    assert rows != [] or path == "/api/v1/agents"


def test_incidents_of_any_time_are_told(collector: Collector) -> None:
    """A span has those that were open within it, with their notes, page by page."""
    read = partial(call, collector, "GET", **TOKEN)
    everything = read("/api/v1/incidents").body["incidents"]
    found, after = [], ""
    while after is not None:
        query = f"since=1d&limit=1{f'&after={after}' if after else ''}"
        page = read(f"/api/v1/incidents?{query}").body
        found += page["incidents"]
        after = page["next"]
    before = read("/api/v1/incidents?since=2d&until=1d").body["incidents"]

    assert len(found) > 1
    assert [each["id"] for each in found] == [each["id"] for each in everything]
    assert [each["timeline"] for each in found] == [each["timeline"] for each in everything]
    assert any(entry["what"] == "note" for entry in found[0]["timeline"])
    assert before == []


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["status"], "/api/v1/proxies"),
        (["incidents"], "/api/v1/incidents"),
        (["alerts"], "/api/v1/alerts"),
        (["agents"], "/api/v1/agents"),
        (["history", GOOD], "/api/v1/history"),
        (["compare", GOOD, SICK], "/api/v1/compare"),
        (["maintenance"], "/api/v1/maintenance"),
        (["audit"], "/api/v1/audit"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_commands_print_the_same(
    collector: Collector, tmp_path: Path, command: list[str], path: str
) -> None:
    """With --json each command that reads prints the document of its address, and nothing else."""
    (tmp_path / "token").write_text("chief\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *command, "--json", "--url", collector.url],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MODPULSE_COLLECTOR_TOKEN_FILE": str(tmp_path / "token")},
    )
    made = closed(copy.deepcopy(document()))
    schema = made["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    wrong = Draft202012Validator(schema | {"components": made["components"]}).iter_errors(
        json.loads(done.stdout)
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [f"{error.json_path}: {error.message}" for error in wrong] == []


def test_schemathesis_finds_nothing(collector: Collector, tmp_path: Path) -> None:
    """Whatever it makes up, right or wrong, is answered as the document says, and never by 500."""
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={tmp_path / 'schemathesis.toml'}",
            "run",
            f"{collector.url}{OPENAPI.path}",
            "--header=Authorization: Bearer chief",
            "--checks=all",
            "--mode=all",
            "--phases=examples,coverage,fuzzing",
            "--max-examples=15",
            "--seed=1",
            "--generation-database=none",
            "--exclude-operation-id=postBatches",
            "--no-color",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": ""},
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "Test cases" in done.stdout
