"""
What is seen of consistency at this moment: a proxy serves another content, a tag was moved.

What only one host's go.sum refuses, or has only another size, is shown and wakes nobody.
"""

from collections.abc import Collection

from ..health.consistency import ContentFinding
from ..health.reason import plain
from .facts import Facts
from .lifecycle import Key
from .reading import Condition, Observation, Says
from .rules import RuleName

RULES: tuple[RuleName, ...] = ("consistency", "moved_tag")
CAUSE = "content"
ENOUGH_HOSTS = 2
"""That were refused by the only proxy that was asked: one may have a go.sum that is wrong."""


def see(observation: Observation, kept: Collection[Key]) -> dict[Key, Condition]:
    """
    Return what is seen of every condition of which something is known.

    Args:
        observation: Of this moment.
        kept: Alerts and what is watched: what turned out to be of another kind holds no more.
    """
    found: dict[Key, Condition] = {}
    seen = set()
    for report in observation.reports:
        for finding in report.contents:
            seen.add(finding.name)
            key = _key(finding, report.proxy)
            if key is not None:
                found[key] = _seen(finding)
    for key in kept:
        if key.rule in RULES and key not in found and key.who in seen:
            found[key] = Condition(says="not")
    return found


def _key(finding: ContentFinding, proxy: str) -> Key | None:
    is_doubtless = finding.kind == "unknown" and len(finding.hosts) >= ENOUGH_HOSTS
    if finding.kind == "proxy" or is_doubtless:
        return Key("consistency", proxy, finding.name)
    return Key("moved_tag", "", finding.name) if finding.kind == "author" else None


def _seen(finding: ContentFinding) -> Condition:
    """Silence is no recovery: that it was taken again is."""
    facts = Facts(
        requests=finding.refused + finding.accepted,
        failed=finding.refused,
        agents=len(finding.hosts),
        failure=finding.failure,
        is_only_failure=finding.failure is not None,
        evidence=plain(finding.words),
    )
    says: Says = "so" if finding.is_now else "not" if finding.is_over else "unknown"
    return Condition(says=says, at_ns=finding.since_ns, cause=CAUSE, facts=facts)
