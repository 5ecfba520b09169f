"""
What the API answers of proxies, incidents and what people do, as types; others are where they are
made.

mypy holds each answer to its type, and openapi.py tells of them.

Within schema 1 keys are only ever added. The words for each key are in docs/.
"""

from typing import TypedDict

from ..access.audit import Outcome
from ..alerts.document import IncidentDocument, ReasonDocument
from ..alerts.rules import Severity
from ..channels.channel import ChannelKind
from ..clock import Time
from ..health.confidence import Level
from ..health.consistency import Kind
from ..health.gates import Gate, State


class Head(TypedDict):
    """What each answer has."""

    schema: int
    at: Time


class ErrorDocument(TypedDict):
    """Why a request is not done."""

    error: str


class TakenDocument(TypedDict):
    """A batch is on disk."""

    duplicate: bool


class ScoreDocument(TypedDict):
    """H with its 90 % interval, its parts, and what it is called."""

    h: float
    low: float
    high: float
    s: float | None
    r: float | None
    c: float | None
    label: str | None


class GateDocument(TypedDict):
    """What holds a state."""

    gate: Gate
    state: State
    evidence: str
    reasons: list[ReasonDocument]


class ConfidenceDocument(TypedDict):
    """How sure it is."""

    value: float
    level: Level
    evidence: str | None


class CauseDocument(TypedDict):
    """One failure class that has a scope of its own."""

    failure: str
    scope: str | None
    who: str | None
    evidence: str | None


class ScopeDocument(TypedDict):
    """For whom or what a proxy is sick."""

    scope: str
    who: str


class ContentDocument(TypedDict):
    """A version of a module that is not the same everywhere."""

    name: str
    kind: Kind
    evidence: str
    since: Time
    proxies: list[str]
    hosts: list[str]
    refused: int
    accepted: int
    is_now: bool


class ProxyDocument(TypedDict):
    """One proxy; counts are of ten minutes."""

    proxy: str
    state: State
    since: Time | None
    last_seen: Time | None
    score: ScoreDocument | None
    n: float
    agents: int
    requests: int
    ok: int
    misses: int
    suspect_misses: int
    failures: dict[str, int]
    failure_ratio: float | None
    consecutive_failures: int
    top_cause: str | None
    gates: list[GateDocument]
    scope: str | None
    scope_evidence: str | None
    scope_who: str | None
    scope_failures_share: float | None
    scope_requests_share: float | None
    scope_also: list[ScopeDocument]
    scope_causes: list[CauseDocument]
    confidence: ConfidenceDocument | None
    phases: dict[str, dict[str, float]]
    certificate_days_left: float | None
    contents: list[ContentDocument]
    windows: int
    lossy_windows: int


class ClockDocument(TypedDict):
    """Steps of the wall clock."""

    steps: int
    last_step_s: float | None
    last_step_at: Time | None


class JudgedDocument(Head):
    """What is said of the proxies."""

    window_s: float
    proxies: list[ProxyDocument]


class ServiceDocument(JudgedDocument):
    """The same, and how the collector does."""

    clock: ClockDocument
    overflow: dict[str, int]
    dropped_of: dict[str, int]
    told_to_wait: int
    reading_back: dict[str, int] | None
    unreadable: dict[str, int]


class ProxiesDocument(ServiceDocument):
    """Every proxy, and how the collector does."""

    door: dict[str, int]
    access_trouble: str | None
    next: str | None


class ChannelDocument(TypedDict):
    """How a channel does."""

    name: str
    kind: ChannelKind
    severities: list[Severity]
    waiting: int
    dead_since: Time | None
    error: str | None
    last_delivered: Time | None
    delivered: int


class WordsDocument(TypedDict):
    """What is told, in one language."""

    title: str
    body: str


class ToldIncidentDocument(IncidentDocument):
    """An incident with its notes, and what is told of it in each language."""

    text: dict[str, WordsDocument]


class IncidentsHead(Head):
    """What is said beside the incidents."""

    alerts_dropped: int
    channels: list[ChannelDocument]


class IncidentsDocument(IncidentsHead):
    """Open incidents and the last closed ones, the newest first."""

    incidents: list[ToldIncidentDocument]
    next: str | None


class NoteDocument(TypedDict):
    """A note of an incident."""

    incident: str
    at: Time
    who: str
    text: str
    public: bool


class ListedWindowDocument(TypedDict):
    """A window of maintenance; one of the configuration has no `id`."""

    id: int | None
    begins: str
    minutes: float
    proxy: str | None
    site: str | None
    on: bool
    over: bool
    who: str | None
    at: Time | None


class MaintenanceDocument(Head):
    """Windows that are not over."""

    maintenance: list[ListedWindowDocument]


class EndedDocument(TypedDict):
    """A window was ended."""

    ended: int


class ActDocument(TypedDict):
    """Who did what."""

    at: Time
    who: str | None
    act: str
    target: str | None
    outcome: Outcome
    address: str | None


class AuditHead(Head):
    """What is said beside the acts."""

    unwritten: int
    next: str | None


class AuditDocument(AuditHead):
    """Who did what, the newest first."""

    audit: list[ActDocument]
