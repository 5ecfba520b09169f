"""What modpulse says of a member, beside what it should."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eyes import Seen

from modpulse.agent.records.document import Document
from modpulse.agent.records.records import Failure, Process, Reason, Request
from modpulse.agent.waterfall.ended import with_status
from modpulse.agent.waterfall.reasons import reasons

from .member import Member


@dataclass(frozen=True)
class Verdict:
    """The failures that the agent told of one command."""

    requests: tuple[Request, ...]
    own: Failure | None
    """Of the process itself."""
    watched: bool
    """Its process was seen."""
    reasons: tuple[Reason, ...] = ()
    """Of the command, as `run` would tell them."""

    @property
    def failed(self) -> list[Request]:
        return [request for request in self.requests if request.failure is not None]

    def __str__(self) -> str:
        told = dict.fromkeys(
            f"{request.endpoint} {request.failure.cls} {request.failure.host}: "
            f"{request.failure.evidence} [{request.final}]"
            for request in self.failed
            if request.failure
        )
        if self.own is not None:
            told[f"{self.own.cls}: {self.own.evidence}"] = None
        for reason in self.reasons:
            told[f"{reason.section}: {reason.words} ({' '.join(reason.advice)})"] = None
        if told:
            return "; ".join(told)
        rest = dict.fromkeys(f"{r.endpoint} {r.status} {r.final}" for r in self.requests)
        return "no failure (" + (", ".join(rest) or "no request") + ")"


SECTIONS = {"not found": "not_found", "killed": "killed", "nothing on the network": "unexplained"}
"""What the catalogue calls a section -> what a reason has."""


def verdict_of(seen: Seen, pid: int, exit_code: int | None = None) -> Verdict:
    """What was told of the command with this pid, and why it failed where its end is known."""
    requests = tuple(request for request in seen.requests if request.pid == pid)
    processes = [process for process in seen.processes if process.pid == pid]
    if exit_code is not None:
        told = with_status(processes, pid, exit_code)
        processes = [made for made in told if isinstance(made, Process)]
    own = next((process.failure for process in processes if process.failure is not None), None)
    if exit_code is None:
        return Verdict(requests, own, bool(processes))
    document = Document(
        command=("go",),
        exit_code=exit_code if exit_code >= 0 else None,
        signal=-exit_code if exit_code < 0 else None,
        started_at="",
        started_at_ns=min((process.start_at_ns for process in processes), default=0),
        ended_at_ns=max((process.end_at_ns or 0 for process in processes), default=0),
        processes=tuple(processes),
        lookups=tuple(lookup for lookup in seen.lookups if lookup.pid == pid),
        connections=tuple(one for one in seen.connections if one.pid == pid),
        handshakes=tuple(one for one in seen.handshakes if one.pid == pid),
        requests=requests,
    )
    return Verdict(requests, own, bool(processes), reasons(document))


def faults(member: Member, verdict: Verdict) -> list[str]:
    """What is wrong with a verdict; empty where it is right."""
    found = [] if verdict.watched else ["process not seen"]
    options = member.cls.split("|")
    found += _sections(member, verdict, "" in options)
    failures = [request.failure for request in verdict.failed if request.failure]
    # What a request says is its verdict; the process speaks where none does.
    failures = failures or [failure for failure in (verdict.own,) if failure is not None]
    classes = {failure.cls for failure in failures}
    if not failures and "" not in options:
        return [*found, "no failure"]
    if extra := sorted(classes - set(options)):
        found.append(f"class {', '.join(extra)}")
    hosts = {(failure.host or "").rpartition(":")[0] or failure.host for failure in failures}
    hosts |= {failure.host for failure in failures}
    if failures and member.host and member.host not in hosts:
        found.append(f"host {', '.join(map(str, sorted(filter(None, hosts))))}")
    if failures and member.words:
        told = " ".join(failure.evidence for failure in failures)
        if not re.search(member.words, told):
            found.append(f"words /{member.words}/")
    return found + _shape(member, verdict.failed) if verdict.failed else found


def _sections(member: Member, verdict: Verdict, may_be_unexplained: bool) -> list[str]:
    sections = {reason.section for reason in verdict.reasons}
    told = [f"{reason.words} {' '.join(reason.advice)}" for reason in verdict.reasons]
    found = [
        f"no reason /{wanted}/"
        for wanted in member.reasons
        if not any(re.search(wanted, text) for text in told)
    ]
    if member.section and SECTIONS[member.section] not in sections:
        found.append(f"section {member.section!r} is not told")
    if member.section == "nothing on the network":
        return found + [f"told as {extra}" for extra in sorted(sections - {"unexplained"})]
    if "unexplained" in sections and not may_be_unexplained:
        found.append("told as unexplained")
    return found


def _shape(member: Member, failed: Sequence[Request]) -> list[str]:
    found = []
    endpoints = {str(request.endpoint) for request in failed}
    if member.endpoint and not endpoints & set(member.endpoint.split("|")):
        found.append(f"endpoint {', '.join(sorted(endpoints))}")
    if member.final not in {request.final for request in failed}:
        found.append(f"final {', '.join(sorted({str(r.final) for r in failed}))}")
    return found
