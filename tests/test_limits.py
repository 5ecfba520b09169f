"""docs/limits.md: every bound of the agent is there, with its number and what happens at it."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]

FORMATS = {
    "batch.batch": "the schema: docs/batch.md has each; what is beyond is cut before it is encoded",
    "batch.proxies": "the schema: a longer name is cut",
    "binary.disasm": "such a function has no probe, which `check` says",
    "binary.elf": "a file beyond it is broken: refused whole",
    "binary.gobinary": "a file beyond it is broken: refused whole",
    "binary.gotypes": "a file beyond it is broken: refused whole",
    "binary.pclntab": "a file beyond it is broken: refused whole",
    "wire.certificate": "of one certificate: a larger one is counted in bad_certificates",
    "machine.host": "of a file that `check` reads",
    "machine.mounts": "of a line of mountinfo",
    "batch.sketch": "the format: docs/batch.md",
    "screen.style": "how wide a terminal is",
    "service.keys": "of a configuration, which ends the start",
    "wire.dns": "of one message",
    "wire.goproxy": "of one GOPROXY list",
    "wire.http1": "of one head",
    "wire.ip": "of one packet",
    "wire.pcapng": "of one packet",
    "wire.stream": "of one connection, whose beginning alone is read",
    "wire.tls": "of one record, RFC 8446",
}
"""Modules whose bounds are those of one input, and end with it, with the reason. What they hold
beyond it is in the table all the same."""
ALSO_FORMAT = {
    "kernel.btf.MAX_BTF_BYTES": "of a description beyond it a kernel's exit codes are not known",
    "kernel.outlast.MAX_FILES": "the kernel's, of one message; binaries are fewer",
    "machine.findgo.MAX_STRING_BYTES": "of one constant",
    "service.foreign.MAX_HOST_CHARS": "of a DNS name",
    "service.foreign._MAX_ROUNDS": "of saying one text again",
    "service.foreign._MAX_ENCODINGS": "of one text within itself",
    "source.capture.MAX_AT_NS": "what an int64 holds; said beside it",
    "delivery.window.MAX_TTL_S": "what the field of a batch holds",
    "kernel.attach.MAX_WATCHED": "as large as the largest map that is read through",
}


@cache
def section() -> str:
    """What the document says of the agent."""
    text = (TOP / "docs" / "limits.md").read_text()
    return text.split("\n## Bounds of the agent\n", 1)[1].split("\n## ", 1)[0]


def bounds() -> list[str]:
    """`module.MAX_NAME` of every bound at the top of a module of the agent."""
    found = []
    for path in sorted((TOP / "agent").rglob("*.py")):
        module = ".".join(path.relative_to(TOP / "agent").with_suffix("").parts)
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            found += [f"{module}.{name}" for name in names if re.match(r"_?MAX_", name)]
    return found


def row(name: str) -> str | None:
    """The line of the table that has a name."""
    return next((line for line in section().splitlines() if f"`{name}`" in line), None)


def ways_to_say(value: float) -> set[str]:
    """A number as the table may have it."""
    said = {f"{value:,.0f}"}
    for unit, bytes_ in (("KiB", 1 << 10), ("MiB", 1 << 20)):
        if value % bytes_ == 0:
            said.add(f"{value // bytes_:,.0f} {unit}")
    return said


@pytest.mark.parametrize("bound", bounds())
def test_each_bound_is_documented(bound: str) -> None:
    """A bound has a row with its number, or is one of a format, for a reason."""
    module, _, name = bound.rpartition(".")
    found = row(bound)
    if found is None:
        assert module in FORMATS or bound in ALSO_FORMAT
        return
    value = getattr(importlib.import_module(f"modpulse.agent.{module}"), name)

    assert any(f"| {said} " in found for said in ways_to_say(value))


def test_each_row_is_a_bound() -> None:
    """What is gone leaves the table, and the reasons."""
    known = bounds()
    told = re.findall(r"^\| `([a-z][\w.]*\._?MAX_\w+)`", section(), re.MULTILINE)

    assert [name for name in told if name not in known] == []
    assert {name.rpartition(".")[0] for name in known} >= set(FORMATS)


def maps() -> list[tuple[str, int]]:
    """Maps of the kernel side that may be full, and shares in them, with their sizes."""
    text = (TOP / "bpf" / "maps.bpf.h").read_text()
    found = re.findall(r"^BPF_HASH\((\w+), .*, (\d+)\);", text, re.MULTILINE)
    found += re.findall(r"^BPF_TABLE\(.*, (\w+), (\d+)\);", text, re.MULTILINE)
    found += re.findall(r"^#define (PROCESS_\w+) (\d+)", text, re.MULTILINE)
    return [(name, int(size)) for name, size in found]


@pytest.mark.parametrize(("name", "size"), maps())
def test_each_map_is_documented(name: str, size: int) -> None:
    """A map of the kernel side, or a share in one, has a row with its size."""
    found = row(name)

    assert found is not None
    assert f"{size:,}" in found
