"""docs/verdicts-run.md: each kind and member, what `go` says of it and what modpulse says."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .gaps import GAPS
from .judged import Verdict, faults
from .provoke import Outcome

SAID_CHARS, TOLD_CHARS = 200, 240
HEAD = """# What modpulse says of a red command

Each way to fail that is provoked in the tests, with a real `go` 1.26 in a lab of real servers:
what `go` prints (its last words), and what modpulse tells: of requests the class, the culprit and
the evidence, of commands the section and the reason. `make verdicts` makes this page;
`tests/verdicts` holds every row, and runs the first of each kind on every supported release.
"""
_PLACE = re.compile(r"(/dev/shm|/tmp|/var/tmp|/root|/home|/work)(/[\w.@+~-]+)+")
_PORT = re.compile(r"(?<=[\d\]]):\d{4,5}(?=->)")


@dataclass(frozen=True)
class Row:
    """One member, provoked and judged."""

    outcome: Outcome
    verdict: Verdict

    @property
    def wrong(self) -> list[str]:
        """What is not as the catalogue has it: of `go` first, which makes the rest idle."""
        complaint = self.outcome.complaint
        return [*filter(None, [complaint]), *faults(self.outcome.member, self.verdict)]


def render(rows: Sequence[Row]) -> str:
    """Return the page."""
    total = Counter(row.outcome.member.kind for row in rows)
    known = Counter(row.outcome.member.kind for row in rows if row.outcome.member.id in GAPS)
    lines = [HEAD, "| kind | members | not told as it should be |", "|---|---|---|"]
    lines += [f"| {kind} | {count} | {known[kind] or '-'} |" for kind, count in total.items()]
    lines.append(f"| all | {total.total()} | {known.total()} |")
    kind = ""
    for row in rows:
        member = row.outcome.member
        if member.kind != kind:
            kind = member.kind
            lines += [f"\n## {kind}\n", "| member | go says | modpulse says |", "|---|---|---|"]
        gap = GAPS.get(member.id)
        told = f"**Gap**: {gap}. {row.verdict}" if gap else str(row.verdict)
        lines.append(
            f"| {cell(member.name)} | {cell(_last(row.outcome.said))} | {cell(told, TOLD_CHARS)} |"
        )
    return "\n".join([*lines, ""])


def _last(said: str) -> str:
    """What `go` says last, without what it downloads."""
    lines = [line for line in said.splitlines() if not line.startswith("go: downloading ")]
    return " ".join(lines[-3:])


def cell(text: str, limit: int = SAID_CHARS) -> str:
    """Return a text as a cell of the page: of no machine, on one line, not too long."""
    flat = " ".join(text.split())
    flat = _PORT.sub(":PORT", _PLACE.sub("…", flat)).replace("|", "\\|")
    return flat if len(flat) <= limit else flat[:limit].rstrip() + "…"
