"""Every member of the catalogue: what a real `go` says of it, and what modpulse tells."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from eyes import Eyes
from lab.lab import Lab
from lab.parts import go_releases, machine_go

from .catalogue import KINDS, MEMBERS
from .gaps import GAPS
from .member import Member
from .run import pieces, run
from .table import cell

DOCUMENT = Path(__file__).parents[2] / "docs" / "verdicts-run.md"
OF_ONE_RELEASE = ("local", "HTTP/2 frames", "nothing on the network")
"""Kinds that `go` itself ends otherwise in other releases: with another code or word, or late."""
FIRSTS = {m.kind: m for m in reversed(MEMBERS) if m.kind not in OF_ONE_RELEASE}
"""The first member of each other kind."""


@pytest.fixture(scope="module")
def sick_lab() -> Iterator[Lab]:
    """A lab with the sick hosts."""
    with Lab(machine_go(), sick=True) as lab:
        yield lab


def wrong_of(lab: Lab, eyes: Eyes, members: Sequence[Member]) -> dict[str, list[str]]:
    """Run them; returns what is wrong of which."""
    rows = [row for piece in pieces(members) for row in run(lab, eyes, piece)[0]]
    return {row.outcome.member.id: [*row.wrong, str(row.verdict)] for row in rows if row.wrong}


@pytest.mark.root
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.rpartition(".")[2])
def test_every_member(kind, sick_lab: Lab, eyes: Eyes) -> None:
    """`go` ends and says as the catalogue has it, and modpulse tells why; what it does not is
    known, by name."""
    wrong = wrong_of(sick_lab, eyes, kind.MEMBERS)
    known = {name for name in wrong if name in GAPS}
    # A `go` that lives for 5 ms is gone before a loaded machine has looked at its environment: what
    # is wrong is wrong again.
    wrong = wrong_of(sick_lab, eyes, [m for m in kind.MEMBERS if m.id in wrong.keys() - known])

    assert wrong == {}
    assert known == {m.id for m in kind.MEMBERS if m.id in GAPS}


@pytest.mark.root
@pytest.mark.releases
@pytest.mark.parametrize("release", ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.27"])
def test_the_first_of_each_kind(release: str) -> None:
    """What `go` tells of is read alike from every release."""
    found = {".".join(name.split(".")[:2]): path for name, path in go_releases().items()}
    with Lab(found[release], sick=True) as lab, Eyes([found[release]]) as eyes:
        rows, _ = run(lab, eyes, list(FIRSTS.values()))

    assert {row.outcome.member.id: row.wrong for row in rows if row.wrong} == {}


def test_the_page_has_every_member() -> None:
    """docs/verdicts-run.md has a row for each; `make verdicts` makes it."""
    sections = re.split(r"^## (.+)$", DOCUMENT.read_text(), flags=re.MULTILINE)
    page: dict[str, str] = {}
    for kind, section in zip(sections[1::2], sections[2::2], strict=True):
        page[kind] = page.get(kind, "") + section
    rows = {f"\n| {cell(member.name)} |": page.get(member.kind, "") for member in MEMBERS}

    assert [row for row, section in rows.items() if row not in section] == []
