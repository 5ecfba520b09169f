"""
A channel that takes no notices and is told how everything is: when, of what, and what came of it.

Nothing waits for it: a round tells how it is now, and what a round before could not tell is old.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modpulse.agent.service.units import NS

from ..health.gates import State
from ..health.reason import Language
from ..health.report import Report
from .message import Answer, DeliveryError, Post, Secrets

ABSENT_NS = 600 * NS
"""What the other end does not know is not told of for so long."""
States = Mapping[str, State]


@dataclass(frozen=True, slots=True)
class Push:
    """A kind of channel that is told in rounds."""

    posts: Callable[[Iterable[Report], Secrets, Language], Mapping[str, Post]]
    every_s: int


@dataclass(slots=True)
class Rounds:
    """Of one channel; times in ns of the collector's clock."""

    states: States = field(default_factory=dict)
    """As they were told last; empty: that failed."""
    at_ns: int | None = None
    """Of the last round."""
    absent: dict[str, int] = field(default_factory=dict)
    """What the other end does not know, until when it is not told; of proxies that there are."""

    def wait_ns(self, states: States, every_s: int, not_before_ns: int, now_ns: int) -> int:
        """Return how long until a round is due: now where a state changed."""
        next_ns = 0 if self.at_ns is None or states != self.states else self.at_ns + every_s * NS
        return max(0, not_before_ns - now_ns, next_ns - now_ns)

    def begin(self, posts: Mapping[str, Post], now_ns: int) -> Mapping[str, Post]:
        """
        Return what is told in a round that begins.

        Raises:
            DeliveryError: the other end knows nothing of it.
        """
        self.at_ns = now_ns
        self.absent = {k: at for k, at in self.absent.items() if k in posts and at > now_ns}
        told = {key: post for key, post in posts.items() if key not in self.absent}
        if posts and not told:
            raise DeliveryError(f"it knows no endpoint {min(posts)}")
        return told

    def end(self, answers: Sequence[tuple[str, Answer]], left: int) -> tuple[int, str]:
        """
        Return how many were taken, and what is wrong with the others in words; empty: nothing.

        Args:
            answers: By key.
            left: That there was no time for.

        Raises:
            DeliveryError: none was taken.
        """
        taken = [key for key, answer in answers if 200 <= answer.status < 300]
        absent = [key for key, answer in answers if answer.status == 404]
        self.absent |= dict.fromkeys(absent, (self.at_ns or 0) + ABSENT_NS)
        wrong = [(key, a) for key, a in answers if key not in taken and key not in absent]
        words = [_told(*wrong[0])] if wrong else []
        words += [f"no time was left for {left}"] if left else []
        if not taken and (wrong or absent):
            words += [f"it knows no endpoint {absent[0]}"] if absent else []
            raise DeliveryError("; ".join(words))
        return len(taken), "; ".join(words)


def _told(key: str, answer: Answer) -> str:
    said = " ".join(answer.body.decode("utf-8", "replace").split())
    return f"{key}: answered {answer.status}{f': {said}' if said else ''}"
