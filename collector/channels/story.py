"""
What a person is to hear of an incident, as values: words come later, in their language.

Takes a notice and nothing else; every word of others has passed `say` when it leaves here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from modpulse.agent.service.foreign import say_name
from modpulse.agent.service.units import NS

from ..alerts.facts import Facts
from ..alerts.incident import Cost, Incident, Member
from ..alerts.notice import Kind, Notice
from ..alerts.rules import RuleName, Severity

NAMED = 3
"""Names in one sentence; the others are counted."""
MAX_NAME_CHARS = 120
"""Of one name in a sentence."""

CERTIFICATES = frozenset(("certificate_last", "certificate_near", "certificate_soon"))
Chain = Literal["comma", "neither", "both", "nowhere", "all_comma", "all_pipe", "last"]
"""Whose builds stop: those with `,` behind the entry, all, none; `nowhere`: all, because there is
no entry to go on to that works. Where the chains in force are known and alike: all have a `,`
behind it, all a `|`, or nothing."""


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
    """`14:02`, with its date where that is another day; UTC. Of what came back: this time."""
    ended: str
    """The same of its end; empty while it is open."""
    is_again: bool
    """It was over before, and came back."""
    recovered: tuple[str, ...]
    """Proxies of it that work again, NAMED at most, while others do not; empty where it is over."""
    recovered_more: int
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
        is_some = self.facts.failed < self.facts.requests and self.rule != "down"
        return self.chain in ("comma", "all_comma", "last") and is_some

    @property
    def is_doubtful(self) -> bool:
        """What failed are 404s for what is there."""
        gates = self.facts.gates
        return "suspect_misses" in gates and "slo" not in gates

    @property
    def is_slow_for_some(self) -> bool:
        """It is slow for one host, or the users of one resolver, and fails for nobody."""
        return self.rule in ("host", "resolver") and self.facts.gates == ("slow",)

    @property
    def is_of_failures(self) -> bool:
        """What failed is worth telling: a slow one is not told by what fails now and then."""
        is_slow = self.is_slow_for_some or (self.rule == "degraded" and self.sickness == "slow")
        return self.facts.failed > 0 and not is_slow

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
        kind = kind.removeprefix("label.")
        return say_name(kind, MAX_NAME_CHARS), say_name(who, MAX_NAME_CHARS)

    @property
    def has_others(self) -> bool:
        """What is around it helps to tell where the fault is."""
        return self.rule in ("down", "degraded") and len(self.proxies) <= 1

    @property
    def is_dns_fine(self) -> bool:
        """It is worth saying that names are found."""
        failure = self.facts.failure or ""
        is_other = self.is_of_failures and bool(failure) and not failure.startswith("dns.")
        return is_other and self.facts.dns_fine

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
    if lead.key.rule in CERTIFICATES:
        # Each of them is worth naming, and the first to end is the matter.
        like = [member for member in members if member.key.rule in CERTIFICATES]
        lead = min(like, key=lambda member: member.facts.left_s or 0.0)
    proxies, proxies_more = _named({m.key.proxy for m in like if m.key.proxy})
    who, who_more = _named({m.key.who for m in like if m.key.who})
    firing = {member.key.proxy for member in incident.firing}
    well = {p for p in incident.proxies if p not in firing} if incident.closed_ns is None else ()
    recovered, recovered_more = _named(well)
    until_ns = None if incident.closed_ns is None else _ended_ns(incident)
    this_time = [m for m in like if (m.ended_ns or incident.episode_ns) >= incident.episode_ns]
    since_ns = min(member.since_ns for member in this_time or like)
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
        since=shown(since_ns),
        ended="" if until_ns is None else shown(until_ns),
        is_again=incident.is_again,
        recovered=recovered,
        recovered_more=recovered_more,
        duration_s=max(0, (told_ns if until_ns is None else until_ns) - since_ns) / NS,
        is_forgotten=until_ns is not None and all(m.end == "forgotten" for m in incident.members),
        facts=lead.facts,
        chain=_chain(lead),
        cost=incident.cost,
    )


def now_story(incident: Incident, wall_offset_ns: int) -> Story:
    """Return the story of an incident as it is, whether or not somebody was told."""
    kind: Kind = "opened" if incident.closed_ns is None else "closed"
    return story_of(Notice(kind, incident, wall_offset_ns))


def _ended_ns(incident: Incident) -> int:
    """Return since when nothing of it is so: it is closed once that is proven for a while."""
    ended = [member.ended_ns for member in incident.members if member.ended_ns is not None]
    return max(ended, default=incident.closed_ns or 0)


def _gravest(member: Member) -> tuple[Severity, bool, int]:
    # That nobody is served says more than why. What holds now is newer in its facts than what has
    # ended.
    is_down = member.key.rule == "down"
    return member.severity, not is_down, -(member.ended_ns or member.fired_ns)


def _named(names: Collection[str]) -> tuple[tuple[str, ...], int]:
    # Without its scheme a user's name could not be told from a host.
    told = [say_name(name, MAX_NAME_CHARS).removeprefix("https://") for name in sorted(names)]
    return tuple(told[:NAMED]), max(0, len(told) - NAMED)


def _chain(member: Member) -> Chain | None:
    """What GOPROXY makes of it: `,` goes on after 404 and 410 only, `|` after any failure."""
    if member.key.rule in ("consistency", "moved_tag") and member.facts.failure:
        return "neither"
    if member.key.rule not in ("down", "degraded", "host", "resolver"):
        return None
    failure, gates = member.facts.failure, member.facts.gates
    if gates and not {"outage", "certificate", "slo", "partial", "suspect_misses"} & set(gates):
        return None  # slow, or it will end: what fails now and then is not the point
    if 0 < member.facts.others == member.facts.others_down and member.key.rule == "down":
        return "nowhere"
    if "suspect_misses" in gates and not {"outage", "certificate", "slo"} & set(gates):
        return "both"
    if failure is None:
        return None
    if failure.startswith("checksum."):
        return "neither"
    follows = set(member.facts.follows)
    if follows == {"|"}:
        return "all_pipe"
    if follows == {""}:
        return "last"
    return "all_comma" if follows and "|" not in follows else "comma"


def _moment(wall_ns: int, told_ns: int) -> str:
    moment, told = (datetime.fromtimestamp(at_ns // NS, UTC) for at_ns in (wall_ns, told_ns))
    day = "" if moment.date() == told.date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:%H:%M}"
