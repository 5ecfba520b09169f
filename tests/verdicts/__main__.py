"""
Prints each member, what `go` says, what modpulse says and what is wrong with it.

    python -m verdicts [--page FILE] [--facts FILE] [WORD…]

PAGE is docs/verdicts-run.md; with WORDs only members whose name has one of them. FACTS are what the
agent had of each: Go error values, questions, connections, handshakes.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from eyes import Eyes, Seen
from lab.lab import Lab

from modpulse.agent.events.events import ContentFailed, ErrorSaid, Event, GoEvent

from .catalogue import MEMBERS
from .gaps import GAPS
from .judged import Verdict, faults
from .provoke import Outcome
from .run import pieces, run
from .table import Row, render

SAID_CHARS = 400


def _error(event: Event) -> str | None:
    if not isinstance(event, GoEvent):
        return None
    name = type(event).__name__
    error = getattr(event, "error", None)
    if error is None:
        return f"{name}: {event}" if isinstance(event, ErrorSaid) else None
    site = f" at {event.site.name}" if isinstance(event, ContentFailed) else ""
    types = " > ".join(error.types)
    if isinstance(event, ErrorSaid):
        site = f" format {event.format!r} module {event.module}"
    doing = "; doing " + ", ".join(error.operations) if error.operations else ""
    return f"{name}{site}: {types}; leaf {error.leaf.hex()[:64]}; text {error.text!r}{doing}"


def _facts(outcome: Outcome, seen: Seen, events: list[Event], verdict: Verdict) -> list[str]:
    lines = [
        f"\n### {outcome.member.id}",
        "",
        f"go: {' '.join(outcome.said.split())[:SAID_CHARS]}",
        f"modpulse: {verdict}",
        f"wrong: {'; '.join(faults(outcome.member, verdict))}",
        "",
    ]
    told = [_error(event) for event in events if event.pid == outcome.pid]
    lines += [f"* {line} ×{count}" for line, count in Counter(filter(None, told)).items()]
    for lookup in (found for found in seen.lookups if found.pid == outcome.pid):
        asked = "; ".join(
            f"{q.qtype} {q.server} {q.transport} {q.rcode} tries {q.attempts}"
            f"{' truncated' if q.truncated else ''} {','.join(q.addresses)}"
            for q in lookup.queries
        )
        lines.append(f"* lookup {lookup.host} {lookup.source} {lookup.outcome}: {asked}")
    for one in (found for found in seen.connections if found.pid == outcome.pid):
        via = f" via {one.via}" if one.via else ""
        lines.append(
            f"* connection {one.address}:{one.port} host {one.host}{via} {one.outcome}"
            f" in {one.bytes_in} out {one.bytes_out}"
        )
    for shake in (found for found in seen.handshakes if found.pid == outcome.pid):
        lines.append(f"* handshake {shake.sni} {shake.outcome} alert {shake.alert}")
    for request in verdict.requests:
        lines.append(
            f"* request {request.endpoint} {request.host} status {request.status}"
            f" attempts {request.attempts} redirects {request.redirects} final {request.final}"
            f" connection {'yes' if request.connection else 'none'} body {request.body_bytes}"
        )
    return lines


def main(page: Path | None, facts: Path | None, words: list[str]) -> int:
    """Provoke, compare, write; returns 1 where something is wrong that is no known gap."""
    wanted = [m for m in MEMBERS if not words or any(word in m.id for word in words)]
    rows: dict[str, Row] = {}
    had: dict[str, list[str]] = {}
    with Lab(sick=True) as lab, Eyes() as eyes:
        for piece in pieces(wanted):
            found, seen = run(lab, eyes, piece)
            for row in found:
                name = row.outcome.member.id
                rows[name] = row
                had[name] = _facts(row.outcome, seen, eyes.events, row.verdict)
    ordered = [rows[member.id] for member in wanted]
    if facts:
        facts.write_text("\n".join(line for member in wanted for line in had[member.id]))
    if page:
        page.write_text(render(ordered))
    wrong = [row for row in ordered if row.wrong and row.outcome.member.id not in GAPS]
    for row in wrong:
        told = f"{row.outcome.member.id}: {'; '.join(row.wrong)}\n    {row.verdict}\n"
        sys.stdout.write(told)
    for row in ordered:
        if row.outcome.member.id in GAPS and not row.wrong:
            sys.stdout.write(f"no gap: {row.outcome.member.id}\n")
    sys.stdout.write(f"{len(ordered)} members, {len(wrong)} wrong\n")
    return int(bool(wrong))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m verdicts")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--facts", type=Path)
    parser.add_argument("words", nargs="*")
    chosen = parser.parse_args()
    sys.exit(main(chosen.page, chosen.facts, chosen.words))
