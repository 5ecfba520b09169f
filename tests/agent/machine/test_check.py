"""Can this host be observed: the judgement of facts, each remedy, and the documents."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.events.sites import Site
from modpulse.agent.machine.check import (
    CAPABILITIES,
    Facts,
    GoBinary,
    findings_of,
    is_observable,
    render,
    to_json,
)
from modpulse.agent.screen.style import Style

DOCS = Path(__file__).parent.parent.parent.parent / "docs" / "check.md"
ALL = sum(1 << bit for bit in CAPABILITIES.values())
GO = GoBinary(
    path="/usr/local/go/bin/go",
    version="go1.26.8",
    arch="amd64",
    points=81,
    found=tuple(site.name for site in Site),
    missing={},
)
GOOD = Facts(
    release="6.18.44",
    machine="x86_64",
    capabilities=ALL,
    lockdown="integrity",
    cgroup2="/sys/fs/cgroup",
    tracefs="/sys/kernel/tracing",
    tracefs_readable=True,
    btf=True,
    bcc="0.26.0",
    links="uprobe-multi",
    sees_all_processes=True,
    binaries=(GO,),
)


def changed(**facts):
    return dataclasses.replace(GOOD, **facts)


def finding(name, **facts):
    return next(found for found in findings_of(changed(**facts)) if found.name == name)


def test_a_good_host():
    """Where everything is there every line is ok, without a remedy."""
    findings = findings_of(GOOD)

    assert {found.level for found in findings} == {"ok"}
    assert all(found.remedy is None for found in findings)
    assert is_observable(findings)


@pytest.mark.parametrize(
    ("name", "level", "facts", "remedy"),
    [
        ("kernel", "fail", {"release": "4.18.0", "links": "EINVAL"}, "5.15"),
        ("kernel", "note", {"release": "5.14.0-503.el9", "links": "EINVAL"}, "links"),
        ("architecture", "note", {"machine": "aarch64"}, "go -x"),
        ("architecture", "fail", {"machine": "riscv64"}, "amd64"),
        ("capabilities", "fail", {"capabilities": 0}, "sudo modpulse check"),
        ("capabilities", "fail", {"capabilities": ALL & ~(1 << 21)}, "grant"),
        ("lockdown", "fail", {"lockdown": "confidentiality"}, "lockdown=integrity"),
        ("cgroup2", "fail", {"cgroup2": None}, "mount -t cgroup2"),
        ("tracefs", "fail", {"tracefs": None}, "mount -t tracefs"),
        ("tracefs", "fail", {"tracefs_readable": False}, "sudo"),
        ("bcc", "fail", {"bcc": None}, "python3-bpfcc"),
        ("links", "fail", {"links": "EPERM"}, "above"),
        ("go", "note", {"binaries": ()}, "none needed"),
        ("go", "note", {"binaries": (GoBinary(path="/go", error="no ELF"),)}, "packets"),
    ],
)
def test_what_is_wrong_has_a_remedy(name, level, facts, remedy):
    """Each obstacle is found, has its level, and says what to do."""
    found = finding(name, **facts)

    assert found.level == level
    assert remedy in (found.remedy or "")
    assert level != "fail" or not is_observable(findings_of(changed(**facts)))


def test_missing_capabilities_are_named():
    """The line says which capabilities lack."""
    without = finding("capabilities", capabilities=ALL & ~(1 << 39) & ~(1 << 12))

    assert without.text == "without CAP_NET_ADMIN, CAP_BPF"


def test_an_old_kernel_that_can_link_is_good():
    """What was tried counts more than a version: distributions port features back."""
    assert finding("kernel", release="5.14.0-503.el9", links="perf").level == "ok"


def test_btf_is_not_needed():
    """Without BTF nothing is lost."""
    assert finding("btf", btf=False).level == "ok"


def test_a_missing_probe_says_what_is_lost():
    """A symbol that is not there is named, with what records cannot tell without it."""
    go = dataclasses.replace(GO, missing={"WEB_GET": "no single function cmd/go/internal/web.get"})
    found = finding("go", binaries=(go,))

    assert found.level == "note"
    assert "without WEB_GET (no single function cmd/go/internal/web.get)" in found.text
    assert "Requests are not seen" in (found.remedy or "")


def test_a_probe_of_later_releases_is_not_missed():
    """Go 1.19 has no hookCloser, and cannot have: said, but ok."""
    go = dataclasses.replace(GO, version="go1.19.8", missing={"BODY_CLOSED": "no function"})
    found = finding("go", binaries=(go,))

    assert found.level == "ok"
    assert "(BODY_CLOSED is for later releases)" in found.text


def test_an_unknown_release_is_said():
    """Without a layout for the release there is no probe, and the line says so."""
    unknown = dict.fromkeys((site.name for site in Site), "release go1.99 is not known")
    go = GoBinary(path="/go", version="go1.99", arch="amd64", missing=unknown)
    found = finding("go", binaries=(go,))

    assert found.level == "note"
    assert found.text.endswith("release go1.99 is not known")


def test_position_independent_binaries_lose_the_names_of_errors():
    """A PIE is observed, but why it failed is told from packets only."""
    found = finding("go", binaries=(dataclasses.replace(GO, pie=True),))

    assert found.level == "note"


def test_a_line_per_finding():
    """The answer is a line each, the verdict last."""
    findings = findings_of(changed(tracefs=None))
    text = render(findings, Style()).splitlines()

    assert len(text) == len(findings) + 2
    assert text[6].startswith("fail  tracefs       not mounted")
    assert " → mount -t tracefs" in text[6]
    assert text[-1] == "1 obstacle: this host cannot be observed yet."


def test_json():
    """`--json` holds every finding and the facts, and is JSON."""
    document = json.loads(json.dumps(to_json(GOOD, findings_of(GOOD))))

    assert list(document) == ["schema", "observable", "findings", "facts"]
    assert document["observable"] is True
    assert document["facts"]["binaries"][0]["version"] == "go1.26.8"


def test_every_check_is_documented():
    """docs/check.md has a section for each check, in the order of the lines."""
    names = list(dict.fromkeys(found.name for found in findings_of(GOOD)))
    sections = re.findall(r"^## (\w+)$", DOCS.read_text(), re.MULTILINE)

    assert names == sections


def test_every_capability_is_documented():
    """docs/check.md says what each capability is for."""
    rows = re.findall(r"^\| `(CAP_\w+)` \| .+ \|$", DOCS.read_text(), re.MULTILINE)

    assert set(CAPABILITIES) == set(rows)


def test_every_fact_is_documented():
    """docs/check.md names every member of the JSON document."""
    text = DOCS.read_text()
    fields = [
        field.name for of in (Facts, GoBinary) for field in dataclasses.fields(of)
    ]  # fmt: skip

    assert [name for name in fields if not re.search(rf"\b{name}\b", text)] == []


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_control_character_reaches_the_terminal(path, version, reason):
    """A hostile binary's path and version are printed harmlessly."""
    go = GoBinary(path=path, version=version, arch="amd64", points=1, missing={"WEB_GET": reason})
    text = render(findings_of(changed(binaries=(go,), links=reason, release=version)), Style())

    assert all(line.isprintable() for line in text.split("\n"))


def test_a_pid_namespace_of_its_own():
    """Less is seen, and a command cannot be followed."""
    found = finding("processes", sees_all_processes=False)

    assert (found.level, found.remedy) == ("note", "start it in the host's: docker run --pid=host")
