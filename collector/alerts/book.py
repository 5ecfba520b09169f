"""
Which incident an alert belongs to: what a person would call one story. Pure.
"""

from collections.abc import Iterable

from .holding import STATES
from .incident import Incident, Joining
from .lifecycle import Key
from .rules import Topic


class Book:
    """Which incident an alert belongs to, found without looking through all of them."""

    def __init__(self, incidents: Iterable[Incident], since_ns: tuple[int, int]) -> None:
        """
        Args:
            incidents: Open ones, and those closed lately.
            since_ns: What joined since the first may be joined for its cause; what closed since
                the second, for what it is about.
        """
        self._joined_since_ns, closed_since_ns = since_ns
        self._about: dict[tuple[Topic, str, str], int] = {}
        self._cause: dict[tuple[Topic, str], tuple[int, int]] = {}
        self._failure: dict[tuple[str, str], int] = {}
        """Proxy and class of what only some of its users saw."""
        # Open ones win, then the newest: what goes on is one story.
        for incident in sorted(incidents, key=lambda one: (one.closed_ns is None, one.id)):
            is_open = incident.closed_ns is None
            if not is_open and (incident.closed_ns or 0) < closed_since_ns:
                continue
            for member in incident.members:
                self._about[incident.topic, *_name(member.key)] = incident.id
                if is_open and _is_of_some(member.key) and member.facts.failure:
                    self._failure[member.key.proxy, member.facts.failure] = incident.id
            if is_open:
                self._cause[incident.topic, incident.cause] = incident.id, incident.joined_ns

    def find(self, joining: Joining) -> int | None:
        """Return the number of its incident; None: it is a new one."""
        topic, cause = joining.rule.topic, joining.reading.cause
        number = self._about.get((topic, *_name(joining.key)))
        if number is None and joining.key.rule in STATES:
            # It began with some of its users.
            failure = joining.reading.facts.failure or ""
            number = self._failure.get((joining.key.proxy, failure))
        if number is None and _is_expiry(joining):
            other: Topic = "proxy" if topic == "certificate" else "certificate"
            number = self._about.get((other, *_name(joining.key)))
        if number is None and (topic, cause) in self._cause:
            likely, joined_ns = self._cause[topic, cause]
            if topic == "agent" or joined_ns >= self._joined_since_ns:
                number = likely
        return number

    def note(self, incident: Incident, joining: Joining, now_ns: int) -> None:
        """Know that an alert is in an incident."""
        self._about[incident.topic, *_name(joining.key)] = incident.id
        self._cause[incident.topic, incident.cause] = incident.id, now_ns


def _is_expiry(joining: Joining) -> bool:
    """Whether it is a certificate that has ended: of itself, or a proxy that is sick of that."""
    facts = joining.reading.facts
    if joining.rule.topic == "certificate":
        return facts.left_s is not None and facts.left_s <= 0
    return joining.rule.topic == "proxy" and facts.failure == "tls.expired"


def _name(key: Key) -> tuple[str, str]:
    """What an alert is about: its proxy, for all or for one host or resolver; or who it is."""
    return (key.proxy, key.who) if _is_of_some(key) else (key.proxy or key.who, "")


def _is_of_some(key: Key) -> bool:
    return key.rule in ("host", "resolver")
