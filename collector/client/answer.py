"""
What a collector answered, with a type for everything.

Another version, a stranger or a mistake may put anything anywhere: what has not the type it ought
to have is absent, and every text passes `say`. Nothing beyond this module looks at JSON. Pure.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from modpulse.agent.service.foreign import say

SCHEMA = 1
"""Of the document that is read here."""
MAX_LEVELS = 32
"""The document has five levels; what nests deeper than Python's stack could not be printed."""
MOST = 2**53
"""Of a number: JSON's readers agree up to there, and it fits into a cell."""
MAX_ROWS = 20_000
"""As many as a collector keeps of agents, twenty times as many as of proxies."""
MAX_WORD_CHARS = 64
"""Of a state, a class or a scope."""
MAX_GATES = 16
MAX_NAMES = 64
"""Of a table of counts."""


@dataclass(frozen=True, slots=True)
class Score:
    """H with its interval, and its parts; each 0…1."""

    h: float
    low: float
    high: float
    s: float | None
    r: float | None
    c: float | None


@dataclass(frozen=True, slots=True)
class Phase:
    """Quantiles of one phase, ms."""

    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Proxy:
    """What is said of one proxy; None: not known."""

    name: str | None
    state: str | None
    since: datetime | None
    last_seen: datetime | None
    score: Score | None
    n: float | None
    agents: float | None
    phases: Mapping[str, Phase]
    failure_ratio: float | None
    consecutive_failures: float | None
    top_cause: str | None
    scope: str | None
    certificate_days_left: float | None
    reasons: tuple[str, ...]
    """Evidence of each gate, then of the scope; how sure that is where events were lost."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The document."""

    proxies: tuple[Proxy, ...]
    read_back: tuple[float, float] | None
    """Batches that were read back, of how many; None where it is done."""
    unreadable: Mapping[str, float]
    """Rows by table."""
    clock_step: tuple[float, str] | None
    """The last step of the wall clock: seconds, and when as it was said."""
    overflow: Mapping[str, float]
    """What was dropped at each bound."""
    dropped_of: Mapping[str, float]
    """What was dropped of each caller."""


def document_of(body: bytes, rows: str = "proxies") -> dict[str, Any]:
    """
    Return the document of an answer, as JSON has it, for `read`.

    Args:
        body: Of the answer.
        rows: The key of what it lists.

    Raises:
        ValueError: it is none of a collector, or of a schema that is not read here.
    """
    document = _parsed(body)
    listed = document.get(rows) if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise ValueError("unexpected answer")
    if len(listed) > MAX_ROWS:
        raise ValueError(f"more than {MAX_ROWS} {rows}")
    schema = number(document.get("schema"))
    if schema != SCHEMA:
        told = "no schema" if schema is None else f"schema {schema:g}"
        raise ValueError(f"it answers with {told}, this modpulse reads schema {SCHEMA}")
    return dict(document)


def object_of(body: bytes) -> dict[str, Any]:
    """
    Return what a collector answers to a request for a change.

    Raises:
        ValueError: it is no JSON object.
    """
    document = _parsed(body)
    if not isinstance(document, dict):
        raise ValueError("unexpected answer")
    return document


def reason_of(body: bytes) -> str | None:
    """Return why the collector refused, from its answer; None where it does not say."""
    try:
        document = _parsed(body)
    except ValueError:
        return None
    return text(document.get("error")) if isinstance(document, dict) else None


def _parsed(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [document]
    for _ in range(MAX_LEVELS):
        level = [item for held in level for item in _held(held)]
    if level:
        raise ValueError("nested too deeply")
    return document


def _held(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def read(document: Mapping[str, Any]) -> Answer:
    """Return what any document says; never an error."""
    proxies = document.get("proxies")
    reading = mapping(document.get("reading_back"))
    done, of = number(reading.get("done")), number(reading.get("of"))
    clock = mapping(document.get("clock"))
    step_s, at = number(clock.get("last_step_s")), text(clock.get("last_step_at"))
    return Answer(
        proxies=tuple(_proxy(mapping(proxy)) for proxy in items(proxies)),
        read_back=None if done is None or of is None else (done, of),
        unreadable=counts(document.get("unreadable")),
        clock_step=None if step_s is None or at is None else (step_s, at),
        overflow=counts(document.get("overflow")),
        dropped_of=counts(document.get("dropped_of")),
    )


def _proxy(proxy: Mapping[str, Any]) -> Proxy:
    gates = [mapping(gate).get("evidence") for gate in items(proxy.get("gates"))[:MAX_GATES]]
    reasons = [text(reason) for reason in (*gates, proxy.get("scope_evidence"))]
    confidence = mapping(proxy.get("confidence"))
    if number(proxy.get("lossy_windows")) and word(confidence.get("level")) not in (None, "high"):
        reasons.append(text(confidence.get("evidence")))
    phases = mapping(proxy.get("phases")).items()
    return Proxy(
        name=text(proxy.get("proxy")),
        state=word(proxy.get("state")),
        since=moment(proxy.get("since")),
        last_seen=moment(proxy.get("last_seen")),
        score=_score(mapping(proxy.get("score"))),
        n=number(proxy.get("n")),
        agents=number(proxy.get("agents")),
        phases={name: _phase(mapping(held)) for name, held in islice(phases, MAX_NAMES)},
        failure_ratio=number(proxy.get("failure_ratio")),
        consecutive_failures=number(proxy.get("consecutive_failures")),
        top_cause=word(proxy.get("top_cause")),
        scope=word(proxy.get("scope")),
        certificate_days_left=number(proxy.get("certificate_days_left")),
        # A gate may say what the scope does.
        reasons=tuple(dict.fromkeys(reason for reason in reasons if reason)),
    )


def _score(score: Mapping[str, Any]) -> Score | None:
    h, low, high, s, r, c = (number(score.get(key)) for key in ("h", "low", "high", *"src"))
    if h is None or low is None or high is None:
        return None
    return Score(h, low, high, s, r, c)


def _phase(phase: Mapping[str, Any]) -> Phase:
    return Phase(number(phase.get("p95_ms")), number(phase.get("p99_ms")))


def counts(value: Any) -> dict[str, float]:
    """Return names with their numbers."""
    counts = ((say(name), number(count)) for name, count in mapping(value).items())
    known = ((name, count) for name, count in counts if count is not None)
    return dict(islice(known, MAX_NAMES))


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """Return a list, empty where it is none."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Return a text as it may leave; None where it is none or empty."""
    return say(value) or None if isinstance(value, str) else None


def word(value: Any) -> str | None:
    """Return a short text."""
    return say(value, MAX_WORD_CHARS) or None if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """Return a number as it is: an int stays one, NaN and infinity are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) <= MOST else None


def moment(value: Any) -> datetime | None:
    """Return a time with its zone; the API's are all in UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
