"""The public document: its JSON schema, and that docs/records.md names all of it."""

import dataclasses
import json
import re
import typing
from pathlib import Path

import jsonschema
import pytest
import stories

from modpulse.agent.binary.offsets import MINORS
from modpulse.agent.binary.probes import PROBES
from modpulse.agent.events.sites import Site
from modpulse.agent.records import records
from modpulse.agent.records.document import Document
from modpulse.agent.records.failures import CLASSES, failure
from modpulse.agent.records.losses import ACCOUNT

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "records.schema.json").read_text())
DOCS = (HERE.parent / "docs" / "records.md").read_text()
SECTIONS = {
    "process": records.Process,
    "told": records.Told,
    "program": records.Program,
    "GOPROXY entry": records.ChainEntry,
    "lookup": records.Lookup,
    "query": records.Query,
    "connection": records.Connection,
    "handshake": records.Handshake,
    "certificate": records.Certificate,
    "request": records.Request,
    "failure": records.Failure,
    "reason": records.Reason,
    "answer": records.Answer,
}
DEFS = {name.replace("GOPROXY entry", "chain_entry"): of for name, of in SECTIONS.items()}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def field_names(record: type) -> list[str]:
    names = [field.name for field in dataclasses.fields(record)]
    return ["class" if name == "cls" else name for name in names]


def full() -> Document:
    """A document with a record of every kind, each with every field seen."""
    certificate = records.Certificate(
        subject="CN=goproxy.corp",
        issuer="CN=corp CA",
        dns_names=("goproxy.corp",),
        not_before=1_700_000_000,
        not_after=1_800_000_000,
        sha256="ab" * 32,
    )
    process = stories.process(
        argv=("go", "build"), gonoproxy="corp.example/*", https_proxy="http://proxy.corp:3128",
        http_proxy="http://proxy.corp:3129",
        cgroup="/system.slice/runner.service", container="0123456789ab", unit="runner.service",
        job={"CI_JOB_ID": "17"}, parent_pid=1,
        authorities=True,
        repository="https://corp.example/m",
        unusable="GOOS is no system that go builds for",
        armed_at_ns=1,
        ended_by="exit",
        failure=failure("local.disk", "no space left"),
        said="no space left",
        told=(records.Told("answer", "https://goproxy.corp/m", "m", "v1.0.0"),),
    )  # fmt: skip
    connection = stories.connection(
        1, "goproxy.corp", 5, 2, 1, via="proxy.corp:3128", syn_retransmits=1, rtt_ns=2_000_000,
        bytes_in=1, bytes_out=2, retransmits=0,
    )  # fmt: skip
    handshake = stories.handshake(
        1, "goproxy.corp", 7, 9, cipher="TLS_AES_128_GCM_SHA256", verify_ns=8_000_000,
        client_hello_at_ns=stories.at(7), server_hello_at_ns=stories.at(9), resumed=False,
        alert="certificate_expired", certificate=certificate,
    )  # fmt: skip
    request = stories.request(
        1, stories.CORP, "zip", stories.TEXT, "v0.14.0", 0.5, (16, 30, 1), 503, connection=1,
        paid_setup=True, http_version="2", attempts=1, redirects=("storage.corp",), reused=False,
        body_bytes=17, address="10.0.0.7", resolver="10.0.0.53",
        final="stopped", url="https://goproxy.corp/m", given_up_at_ns=stories.at(9),
        failure=stories.failed("http.5xx", "answered 503", "goproxy.corp", "10.0.0.7:443"),
    )  # fmt: skip
    return stories.document(
        exit_code=1,
        ended_at_ns=stories.at(50),
        signal=9,
        oom_kills=0,
        reasons=(
            records.Reason(
                section="not_found",
                pid=4242,
                words="not there",
                advice=("look",),
                cls="local.disk",
                module="m",
                version="v1.0.0",
                asked=(records.Answer("https://goproxy.corp", 404),),
            ),
        ),
        processes=(process,),
        programs=(
            records.Program(
                pid=4243,
                parent_pid=4242,
                exe="/bin/gcc",
                start_at_ns=stories.at(1),
                end_at_ns=stories.at(2),
                exit_code=1,
                signal=9,
                for_memory=True,
            ),
        ),
        lookups=(stories.lookup("goproxy.corp", 1, 4),),
        connections=(connection,),
        handshakes=(handshake,),
        requests=(request,),
        losses={"seen": 9, "submitted": 9, "ring_full": 0},
    )


DOCUMENTS = {"full": full, **stories.STORIES}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_valid(name):
    """Every document, through JSON and back, fits its schema."""
    document = json.loads(json.dumps(DOCUMENTS[name]().to_json()))

    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_the_schema_is_a_schema():
    """The schema itself is valid."""
    VALIDATOR.check_schema(SCHEMA)


@pytest.mark.parametrize("name", DEFS)
def test_the_schema_has_every_field(name):
    """The schema lists the fields of each record, all of them required, and no others."""
    assert SCHEMA["$defs"][name]["required"] == field_names(DEFS[name])
    assert list(SCHEMA["$defs"][name]["properties"]) == field_names(DEFS[name])


@pytest.mark.parametrize("name", DEFS)
def test_what_may_be_null_is_null_in_the_schema(name):
    """A field may be null in the schema exactly where its type has None."""
    hints = typing.get_type_hints(DEFS[name])
    optional = {
        "class" if field == "cls" else field
        for field, hint in hints.items()
        if type(None) in typing.get_args(hint)
    }
    properties = SCHEMA["$defs"][name]["properties"]
    nullable = {
        field
        for field in properties
        if VALIDATOR.evolve(schema=properties[field] | {"$defs": SCHEMA["$defs"]}).is_valid(None)
    }

    assert nullable == optional


def test_the_full_document_leaves_nothing_out():
    """The document of these tests has a value in every field, so that all of them are tried."""
    empty = [
        f"{kind}.{field}"
        for kind in ("processes", "lookups", "connections", "handshakes", "requests")
        for field, value in full().to_json()[kind][0].items()
        if value in (None, [], {})
    ]

    assert empty == []


def test_the_document_has_the_members_of_the_schema():
    """Members stand in the order that docs/records.md gives."""
    assert list(full().to_json()) == SCHEMA["required"]


def section(title: str) -> str:
    found = re.search(rf"^##+ {title}\n(.*?)(?=^##|\Z)", DOCS, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/records.md has no section {title}"
    return found[1]


def rows(text: str) -> list[str]:
    return re.findall(r"^\| `([\w]+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize("title", SECTIONS)
def test_every_field_is_documented(title):
    """docs/records.md has a row for each field, in the order of the record."""
    names = rows(section(title))

    assert names[: len(field_names(SECTIONS[title]))] == field_names(SECTIONS[title])


def test_every_member_is_documented():
    """docs/records.md has a row for each member of the document."""
    assert rows(section("The document")) == SCHEMA["required"]


def test_every_failure_class_is_documented():
    """docs/records.md has each failure class, in order, and no others."""
    documented = re.findall(r"\| `((?:dns|tcp|tls|http|git|checksum|auth|local)\.\w+)` \|", DOCS)

    assert documented == list(CLASSES)


def test_every_counter_that_is_no_loss_is_documented():
    """docs/records.md names the counters that only account for events."""
    assert [name for name in sorted(ACCOUNT) if f"`{name}`" not in section("losses")] == []


def test_the_releases_without_an_end_of_the_body_are_documented():
    """The table of nulls names the releases whose probe for the end of a body is missing."""
    early = [f"1.{minor}" for minor in MINORS if minor < PROBES[Site.BODY_CLOSED].since]
    row = re.search(r"^\| (.+?) \| `request\.transfer_ns` \|", DOCS, re.MULTILINE)

    assert row is not None
    assert row[1].split(", ") == early
