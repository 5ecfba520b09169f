"""
What a person is to hear of an incident, as values: words come later, in their language.

Takes a notice and nothing else; every word of others has passed `say` when it leaves here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..alerts.incident import Cost, Incident, Member
from ..alerts.notice import Kind, Notice
from ..alerts.reading import Facts
from ..alerts.rules import RuleName, Severity

NAMED = 3
"""Names in one sentence; the others are counted."""
MAX_NAME_CHARS = 120
"""Of one name in a sentence."""

Chain = Literal["comma", "neither", "both"]
"""Whose builds stop: those with `,` behind the entry, all, none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One notice."""

    kind: Kind
    severity: Severity
    rule: RuleName
    """Of the gravest that fires, or fired."""
    proxies: tuple[str, ...]
    """As they are called, NAMED at most."""
    proxies_more: int
    who: tuple[str, ...]
    """Hosts, agents or channels, NAMED at most; or one resolver."""
    who_more: int
    since: str
    """`14:02`, with its date where that is another day; UTC."""
    ended: str
    """The same of its end; empty while it is open."""
    duration_s: float
    is_forgotten: bool
    """It ended because nobody asked any more."""
    facts: Facts
    chain: Chain | None
    """None where nothing is to be said."""
    cost: Cost

    @property
    def is_partial(self) -> bool:
        """Some builds are served."""
        return self.chain == "comma" and self.facts.failed < self.facts.requests

    @property
    def is_doubtful(self) -> bool:
        """What failed are 404s for what is there."""
        gates = self.facts.gates
        return "suspect_misses" in gates and "slo" not in gates

    @property
    def sickness(self) -> Literal["partial", "failing", "slow", "misses"]:
        """Why it is degraded."""
        gates = self.facts.gates
        if "partial" in gates and self.part:
            return "partial"
        if "slo" in gates or ("partial" in gates and "suspect_misses" not in gates):
            return "failing"
        return "slow" if "slow" in gates else "misses"

    @property
    def part(self) -> tuple[str, str] | None:
        """What most failures have in common, and which of it; None where it is everybody's."""
        kind, who = self.facts.part_kind, self.facts.part_who
        if not (kind and who):
            return None
        return say(kind.removeprefix("label."), MAX_NAME_CHARS), say(who, MAX_NAME_CHARS)

    @property
    def has_others(self) -> bool:
        """What is around it helps to tell where the fault is."""
        return self.rule in ("down", "degraded") and len(self.proxies) <= 1

    @property
    def is_dns_fine(self) -> bool:
        """It is worth saying that names are found."""
        failure = self.facts.failure or ""
        return self.facts.dns_fine and bool(failure) and not failure.startswith("dns.")

    @property
    def are_others_fine(self) -> bool:
        """There are other proxies, and all are well."""
        return 0 < self.facts.others == self.facts.others_fine

    @property
    def about(self) -> tuple[tuple[str, ...], int]:
        """What it is about: proxies, else hosts, agents or channels; and how many more."""
        return self.proxies or self.who, self.proxies_more or self.who_more


def story_of(notice: Notice) -> Story:
    """Return what is to be told."""
    incident = notice.incident
    members = incident.firing or incident.members
    lead = min(members, key=_gravest)
    like = [member for member in members if member.key.rule == lead.key.rule]
    proxies, proxies_more = _named({m.key.proxy for m in like if m.key.proxy})
    who, who_more = _named({m.key.who for m in like if m.key.who})
    until_ns = incident.closed_ns
    told_ns = incident.told.at_ns if incident.told else incident.opened_ns

    def shown(at_ns: int) -> str:
        return _moment(at_ns + notice.wall_offset_ns, told_ns + notice.wall_offset_ns)

    return Story(
        kind=notice.kind,
        severity=incident.severity,
        rule=lead.key.rule,
        proxies=proxies,
        proxies_more=proxies_more,
        who=who,
        who_more=who_more,
        since=shown(incident.since_ns),
        ended="" if until_ns is None else shown(until_ns),
        duration_s=max(0, (told_ns if until_ns is None else until_ns) - incident.since_ns) / NS,
        is_forgotten=until_ns is not None and all(m.end == "forgotten" for m in incident.members),
        facts=lead.facts,
        chain=_chain(lead),
        cost=incident.cost,
    )


def now_story(incident: Incident, wall_offset_ns: int) -> Story:
    """Return the story of an incident as it is, whether or not somebody was told."""
    kind: Kind = "opened" if incident.closed_ns is None else "closed"
    return story_of(Notice(kind, incident, wall_offset_ns))


def _gravest(member: Member) -> tuple[Severity, bool, int]:
    # That nobody is served says more than why. What holds now is newer in its facts than what has
    # ended.
    is_down = member.key.rule == "down"
    return member.severity, not is_down, -(member.ended_ns or member.fired_ns)


def _named(names: set[str]) -> tuple[tuple[str, ...], int]:
    # Without its scheme a user's name could not be told from a host.
    told = [say(name, MAX_NAME_CHARS).removeprefix("https://") for name in sorted(names)]
    return tuple(told[:NAMED]), max(0, len(told) - NAMED)


def _chain(member: Member) -> Chain | None:
    """What GOPROXY makes of it: `,` goes on after 404 and 410 only, `|` after any failure."""
    if member.key.rule in ("consistency", "moved_tag") and member.facts.failure:
        return "neither"
    if member.key.rule not in ("down", "degraded", "host", "resolver"):
        return None
    failure, gates = member.facts.failure, member.facts.gates
    if "suspect_misses" in gates and not {"outage", "certificate", "slo"} & set(gates):
        return "both"
    if failure is None:
        return None
    return "neither" if failure.startswith("checksum.") else "comma"


def _moment(wall_ns: int, told_ns: int) -> str:
    moment, told = (datetime.fromtimestamp(at_ns // NS, UTC) for at_ns in (wall_ns, told_ns))
    day = "" if moment.date() == told.date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M}"
