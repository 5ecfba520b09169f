"""All agents: how they do, which versions they run, what they lost; as values. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from modpulse.agent.service.foreign import say
from modpulse.agent.service.units import NS

from ..health.agents import TROUBLES, AgentReport, Trouble
from .links import host_page
from .paging import Paging

MOST_VERSIONS = 6
"""That are told apart; the others are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLine:
    """One agent."""

    name: str
    page: str
    troubles: tuple[Trouble, ...]
    """Gravest first; empty: it does well."""
    evidence: tuple[str, ...]
    heard_s: float
    """How long ago."""
    labels: tuple[tuple[str, str], ...]
    version: str
    kernel: str
    links: str
    windows: int
    lossy: int
    lost: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Of all of them."""

    agents: int
    well: int
    troubles: tuple[tuple[Trouble, int], ...]
    """How many have each, gravest first."""
    versions: tuple[tuple[str, int], ...]
    """Most first; empty name: it does not say."""
    more: int
    """Agents of further versions."""
    lost: int
    """Events, in the last minutes."""


def summary(reports: Sequence[AgentReport]) -> Summary:
    """Return what is said of all agents."""
    troubled = Counter(ailment.trouble for report in reports for ailment in report.ailments)
    versions = Counter(say(report.version, 40) for report in reports).most_common()
    return Summary(
        agents=len(reports),
        well=sum(not report.ailments for report in reports),
        troubles=tuple((name, troubled[name]) for name in TROUBLES if troubled[name]),
        versions=tuple(versions[:MOST_VERSIONS]),
        more=sum(number for _, number in versions[MOST_VERSIONS:]),
        lost=sum(report.lost for report in reports),
    )


def agent_lines(reports: Sequence[AgentReport], page: Paging, now_ns: int) -> list[AgentLine]:
    """Return the lines of a page, those that ail first, then by name; `now_ns` as in reports."""
    ordered = sorted(reports, key=lambda report: (_gravest(report), report.agent_id))
    return [_line(report, now_ns) for report in page.part(ordered)]


def _gravest(report: AgentReport) -> int:
    return min((TROUBLES.index(one.trouble) for one in report.ailments), default=len(TROUBLES))


def _line(report: AgentReport, now_ns: int) -> AgentLine:
    return AgentLine(
        name=say(report.agent_id),
        page=host_page(report.agent_id),
        troubles=tuple(ailment.trouble for ailment in report.ailments),
        evidence=tuple(say(ailment.words) for ailment in report.ailments),
        heard_s=max(0, now_ns - report.heard_ns) / NS,
        labels=tuple((say(name), say(value)) for name, value in sorted(report.labels.items())),
        version=say(report.version, 40),
        kernel=say(report.kernel, 60),
        links=say(report.links, 40),
        windows=report.windows,
        lossy=report.lossy,
        lost=report.lost,
    )
