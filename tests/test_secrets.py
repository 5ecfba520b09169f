"""Secrets planted wherever others write reach none of the outputs; docs/limits.md lists these."""

import io
import json
import logging
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from alarms import T0_NS, Run, report
from builders import content_failed, go_error, hop, request
from histories import REQUEST as EXAMPLE
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.batch.batch import Batch, encode
from modpulse.agent.delivery.aggregate import Aggregator
from modpulse.agent.events.events import Packet
from modpulse.agent.events.sites import Site
from modpulse.agent.recorder.trace import Trace
from modpulse.agent.records.document import document_of
from modpulse.agent.records.failures import failure
from modpulse.agent.records.records import (
    Certificate,
    ChainEntry,
    Connection,
    Handshake,
    Lookup,
    Process,
    Query,
    Record,
    Request,
)
from modpulse.agent.screen.style import Style
from modpulse.agent.service.foreign import CUT
from modpulse.agent.service.logs import SaidFormatter
from modpulse.agent.tracker.refusalcause import zip_cause
from modpulse.agent.tracker.verdict import Surroundings, judge
from modpulse.agent.waterfall.waterfall import render
from modpulse.agent.wire.goproxy import canonical_proxy
from modpulse.collector.alerts.notice import Notice
from modpulse.collector.channels.channel import Channel
from modpulse.collector.channels.kinds import KINDS
from modpulse.collector.channels.message import Post, Secrets, Telling
from modpulse.collector.channels.render import render as render_notice
from modpulse.collector.client.incidents import render as render_incidents
from modpulse.collector.client.incidents import render_one
from modpulse.collector.client.status import render as render_status
from modpulse.collector.errors import RejectedError
from modpulse.collector.health.reason import plain
from modpulse.collector.health.scope import Scope
from modpulse.collector.http.document import told_document

TOP = Path(__file__).resolve().parents[1]
S = "q7Zx9Secret"

FORMS = st.sampled_from(
    [
        f"https://user:{S}@h.example/x", f"https://{S}@h.example", f"HTTP://u:a,|/{S}@h.example:80",
        f"https://s.example/f.zip?X-Sig={S}&b=1", f"//u:{S}@h.example", f"u:{S}@h.example:3128",
        f"Authorization: Basic {S}", f"Bearer {S}", f"password={S}", f"https:/u:{S}@h.example",
        f"\x1b[31mhttps://u:{S}@h.example\x1b]0;x\x07", f"a\u202e https://u:\u200b{S}@h.example",
        f'Get "https://u:p\\"{S}@h.example/?a={S}": EOF', f"https%3A%2F%2Fu%3A{S}%40h.example",
        f"https://a.example,https://u:{S}@b.example|direct", f"\udcffhttps://u:{S}@h.example/\n",
        f"ghp_{S}0123456789", f"glpat-{S}_-012345678", f"eyJhbGciOiJIUzI1NiJ9.{S}.{S}",
        f"https://h.example/npm_{S}0123456789/go", f"-----BEGIN PRIVATE KEY----- {S}/{S}",
        f"https://h.example/x%3Ftoken%3D{S}", f"x.zip%3Fa%3D{S}", f"token%3D{S}", f"MYSQL_PWD={S}",
        f"GITHUB_PAT={S}", f"-X main.dbPass={S}", f"X-JFrog-Art-Api: {S}", f"PRIVATE-TOKEN: {S}",
        f"X-Api-Key: {S}", f"X-Amz-Security-Token: {S}", f"Set-Cookie: x={S}; Path=/",
    ]
)  # fmt: skip
"""Ways to write a secret that is one by its form, wherever it stands."""


def records(text: str) -> list[Record]:
    """Records with the text in every field that others fill."""
    certificate = Certificate(
        subject=text, issuer=text, dns_names=(text,), not_before=0, not_after=1, sha256="0" * 64
    )
    query = Query(qtype="A", server=text, transport="udp", at_ns=1, rcode=text, addresses=(text,))
    return [
        Lookup(pid=1, host=text, at_ns=1, lookup_ns=1, queries=(query,), outcome="ok"),
        Connection(cookie=1, pid=1, host=text, address=text, port=1, via=text, at_ns=1),
        Handshake(
            connection=1, pid=1, sni=text, alpn=text, cipher=text, at_ns=1, handshake_ns=1,
            outcome="tls.expired", certificate=certificate,
        ),
        Request(
            id="1", pid=1, proxy=text, host=text, endpoint="zip", module=text, version=text,
            connection=1, at_ns=1, connect_wait_ns=1, processing_ns=1, transfer_ns=1, status=200,
            redirects=(text,), address=text, resolver=text, final="stopped",
            failure=failure("http.protocol", f"says {text}", text, text),
        ),
        Process(
            pid=1, start_at_ns=0, end_at_ns=9, argv=("go", text), go_version=text, exe=text,
            goproxy=(ChainEntry(text, None),), gosumdb=f"key {text}", gonoproxy=text,
            https_proxy=text, http_proxy=text, cgroup=text, container=text, unit=text,
            job={"URL": text}, exit_code=1, ended_by="exit",
        ),
    ]  # fmt: skip


def outputs(held: list[Record]) -> dict[str, str]:
    """Everything that may leave of these records, by output."""
    document = document_of(
        held, {}, command=tuple(held[-1].argv or ()), exit_code=1, started_at="", started_at_ns=0
    )  # type: ignore[union-attr]
    aggregator = Aggregator()
    for record in held:
        aggregator.add(record, 10)
    parts = aggregator.flush(0)
    batch = Batch(
        agent_id="a", run_id=b"1", seq=0, window_start_ns=0, window_end_ns=1, **parts.fields()
    )
    trace = Trace()
    trace.add(Packet(2, 1, 1, True, 40, b""))
    return {
        "json": json.dumps(document.to_json(), ensure_ascii=False),
        "terminal": render(document, Style(columns=200, all_rows=True)),
        "batch": encode(batch).decode("latin-1"),
        "trace": b"".join(trace.blocks(0, document.requests)).decode("latin-1"),
    }


@given(FORMS)
def test_forms_of_credentials(text: str) -> None:
    """Whichever field a server or a user fills, no output has the secret, nor what steers."""
    for name, output in outputs(records(text)).items():
        assert S not in output, name
        assert "\u202e" not in output, name
        assert "\x1b" not in output or name in ("batch", "trace"), name


@given(FORMS, st.sampled_from(["/srv/{}", "file:///srv/{}", "FILE:/srv/{}"]))
def test_chains(text: str, folder: str) -> None:
    """The chain of a command has each entry without credentials, and of a folder no more than that
    it is one; there are as many rows as were counted."""
    entries = (
        ChainEntry(canonical_proxy(text), "|"),
        ChainEntry(canonical_proxy(folder.format(S)), ","),
        ChainEntry("direct", None),
    )
    aggregator = Aggregator()
    process = Process(pid=1, start_at_ns=0, exit_code=0, ended_by="exit", goproxy=entries)
    aggregator.add(process, 10)
    parts = aggregator.flush(0)

    assert S not in "".join(chain.entries for chain in parts.chains)
    assert sum(chain.commands for chain in parts.chains) == parts.commands == 1
    assert all(chain.entries.endswith("direct") for chain in parts.chains)


COMMANDS = st.sampled_from(
    [
        ("docker", "login", "-p", S), ("sshpass", f"-p{S}", "go"), ("mysql", f"-p{S}"),
        ("curl", "-H", f"X: {S}"), ("sh", "-c", f"x --pass {S}; go build"), (f"A={S}", "go"),
        ("env", f"X={S}", "go", "build", f"-ldflags=-X m.p={S}", "-args", S),
        ("go", "run", "./x", S), ("go", "env", "-w", f"X={S}"), ("make", f"X={S}"), ("/opt/x", S),
    ]
)  # fmt: skip
"""Ways to hand a program a secret that has no form."""


@given(COMMANDS)
def test_command_lines(arguments: tuple[str, ...]) -> None:
    """No output has what a command or a process below it was given as a password."""
    *others, process = records("x")
    held = [*others, replace(process, argv=arguments)]

    for name, output in outputs(held).items():
        assert S not in output, name


GO_SAYS = st.sampled_from(
    [
        'malformed HTTP response "{}"', 'malformed HTTP status code "{}"',
        "malformed MIME header line: {}", 'malformed MIME header: missing colon: "{}"',
        'failed to parse Location header "https://s.example/f?a={}": parse "x"',
        'failed to parse Location header "{}"', 'invalid port ":{}" after host', "{}",
        "redirected from secure URL https://u:{0}@a.example/x?a={0} to insecure URL http://b.example"
        "/?a={0}", 'bad Content-Length "{}"', "unsupported transfer encoding: {}",
        'unsupported protocol scheme "{}"', 'invalid response from proxy "{}": EOF',
        "proxy returned info for version {} instead", 'http2: debug="{}"', "407 {}",
        "please use {}", 'parse "https://u:{}',
        'refusing to pass credentials to insecure URL: http://u:{}@h.example',
    ]
)  # fmt: skip


@given(GO_SAYS, st.sampled_from([S, f"{S}-more", f"x.{S}"]), st.integers(20, 200))
def test_evidence_has_words_of_go_alone(form: str, secret: str, size: int) -> None:
    """What a server wrote into a status line, header, reason or redirect is not repeated, whole
    or cut, whatever failed for it."""
    text = form.format(secret)
    cut = text[:size] + CUT * (len(text) > size)
    error = go_error("*url.Error", "*errors.errorString", text=cut)
    zipped = f'zip: no file "{secret}" in https://u:{S}@h.example/?a={S}'
    rejected = zip_cause(content_failed(0, Site.DOWNLOAD_ZIP_FAILED, zipped))
    found = [
        judge(made, Surroundings())
        for made in (
            request(hop(status=None, error=error)),
            request(hop(), failed=error),
            request(hop(status=302), failed=error),
        )
    ]
    told = " ".join(
        [*(each.evidence for each in found if each), rejected.words if rejected else ""]
    )

    assert S[:6] not in told
    assert all(found)


def test_reasons_stay() -> None:
    """What a person needs to know of a failure stays: Go's reason, server and path."""
    text = 'failed to parse Location header "https://s.example/f.zip?a=%zz": parse "x": invalid'
    made = request(hop(status=None, error=go_error("*errors.errorString", text=text)))
    found = judge(made, Surroundings())

    assert found
    assert "failed to parse Location header" in found.evidence
    assert "https://s.example/f.zip" in found.evidence


@given(FORMS)
def test_log(text: str) -> None:
    """A log line has no secret either, nor has a traceback."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SaidFormatter(for_journal=False))
    logger = logging.Logger("modpulse.test")
    logger.addHandler(handler)
    logger.warning("batch.rejected reason=%s", RejectedError(400, f"proxy {text}: bad").reason)
    logger.warning("x=%s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("poll.failed")

    assert S not in stream.getvalue()
    assert stream.getvalue().count("\n") > 5


@given(FORMS)
def test_status(text: str) -> None:
    """What an agent called a proxy, and a collector its gates, is said to people as well."""
    document = {
        "proxies": [
            {"proxy": text, "state": "down", "top_cause": text, "gates": [{"evidence": text}]}
        ]
    }

    assert S not in render_status(document, datetime.now(UTC), 300, colour=False, wide=True)


@given(text=FORMS)
def test_incidents(text: str) -> None:
    """Neither a notice in any form, nor the API, nor the list has what a name or a reason hides."""
    run = Run()
    scope = Scope("host", plain(text), text, frozenset({text}))
    sick = report(text, "down", served=0, failures={text: 9})
    asked = replace(EXAMPLE, module=text, evidence=text, host=text, at_ns=T0_NS)
    sick = replace(sick, worst=(asked,))
    run.steps(300, sick, report("https://b", scope=scope), heard_ns={text: 0})
    for _, kind, incident in run.told:
        notice = Notice(kind, incident, 0)  # type: ignore[arg-type]
        shown = told_document(incident, 0)
        outputs = [json.dumps(shown, ensure_ascii=False)]
        outputs.append(render_incidents({"incidents": [shown]}, datetime.now(UTC), False, True))
        outputs.append(render_one({"incidents": [shown]}, datetime.now(UTC), False))
        for name, kind_of in KINDS.items():
            channel = Channel(name="x", kind=name, mail_from="a@b", mail_to=("a@b",))
            words = render_notice(notice, "en")
            made = kind_of.make(Telling([notice], words, channel, Secrets("https://x", ""), 0))
            outputs.append(str(made.body.decode() if isinstance(made, Post) else made))

        assert [output for output in outputs if S in output] == []


SECTION = re.compile(r"^## Where foreign words leave\n(.*?)(?=^## |\Z)", re.M | re.S)
IMPORTS = re.compile(
    r"^ *from \S*(?:foreign|gowords) import .*(?:say|said|visible|go_words|told_words)", re.M
)


def test_the_table_names_who_says() -> None:
    """docs/limits.md names each module through which foreign words leave, and no other."""
    (section,) = SECTION.findall((TOP / "docs" / "limits.md").read_text())
    named = set(re.findall(r"`((?:agent|collector)/[\w/]+\.py)`", section))
    saying = {
        str(path.relative_to(TOP))
        for package in ("agent", "collector")
        for path in (TOP / package).rglob("*.py")
        if IMPORTS.search(path.read_text())
    }

    assert named - {"agent/service/foreign.py", "agent/service/commandline.py"} == saying
