"""Single requests in a list, each with its waterfall. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from modpulse.agent.service.foreign import say, say_name

from ..health.worst import WorstRequest
from .links import host_page

PHASES = ("wait", "processing", "transfer")
"""In the order of a request; `wait` is for a connection, its set-up included."""
MOST_WORDS_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """One request."""

    at_ns: int
    """Of the wall."""
    what: str
    """Module, version and endpoint, as far as the URL named them."""
    outcome: str
    is_failure: bool
    final: str | None
    status: int | None
    elapsed_ms: float
    phases_ms: tuple[tuple[str, float], ...]
    """Those that are known, in the order of PHASES, and what is left as `rest`."""
    evidence: str
    where: str
    """Which host or address failed; empty where it is not known."""
    agent_id: str
    host: str
    """Where the page of its host is."""


def request_lines(worst: Iterable[WorstRequest], wall_offset_ns: int) -> list[RequestLine]:
    """Return a line for each request, in their order."""
    return [_line(one, wall_offset_ns) for one in worst]


def longest_ms(requests: Iterable[RequestLine]) -> float:
    """Return how long the longest took: what fills a bar."""
    return max((one.elapsed_ms for one in requests), default=0.0)


def _line(one: WorstRequest, wall_offset_ns: int) -> RequestLine:
    module = one.module or ""
    named = f"{module}@{one.version}" if module and one.version else module or one.version or ""
    return RequestLine(
        at_ns=one.at_ns + wall_offset_ns,
        what=say_name(" ".join(filter(None, (named, one.endpoint))), MOST_WORDS_CHARS),
        outcome=say(one.outcome),
        is_failure=one.is_failure,
        final=one.final,
        status=one.status,
        elapsed_ms=one.elapsed_ns / 1e6,
        phases_ms=_phases_ms(one),
        evidence=say(one.evidence or "", MOST_WORDS_CHARS),
        where=say_name(" ".join(filter(None, (one.host, one.address))), MOST_WORDS_CHARS),
        agent_id=say(one.agent_id),
        host=host_page(one.agent_id),
    )


def _phases_ms(one: WorstRequest) -> tuple[tuple[str, float], ...]:
    known = [(name, one.phases_ns[name]) for name in PHASES if name in one.phases_ns]
    left_ns = one.elapsed_ns - sum(took_ns for _, took_ns in known)
    if left_ns > 0:
        known.append(("rest", left_ns))
    return tuple((name, took_ns / 1e6) for name, took_ns in known)
