"""
What GET /metrics tells: names, labels and values, all from what others have found. Pure.

A public interface (docs/metrics.md): names and labels are only ever added. Seconds and bytes,
counters end with `_total`, a state is 0 or 1 for each that there is. What is not known has no
sample. Every word of others passes `said`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, get_args

from modpulse.agent.batch.batch import FIRST_BYTE
from modpulse.agent.service.foreign import said
from modpulse.agent.service.units import NS

from ..alerts.incident import Incident
from ..alerts.lifecycle import Alert
from ..alerts.rules import SEVERITIES, RuleName
from ..health.agents import TROUBLES
from ..health.gates import Gate, State
from ..health.report import Report
from ..insight.totals import OfProxy, Total
from ..intake.cells import FAILED
from ..intake.dimensions import Dimension
from .exposition import Durations, Family, Sample
from .names import Names

PHASES = ("resolve", "connect", "tls", "processing", "transfer")
"""As blackbox_exporter calls those of its `http` module; `verify` is within `tls`."""
DOOR = ("known", "known_max", "strangers", "strangers_max", "held_bytes", "held_bytes_max")
"""What the door says of now; all else it counts."""
OUTCOMES = {"ok": "ok", "miss": "miss", "suspect": "suspect_miss"}


class Told(NamedTuple):
    """How one channel does."""

    channel: str
    waiting: int
    delivered: int
    is_dead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that is known at one moment; times in ns of the collector's clock."""

    reports: Sequence[Report]
    reported_at_ns: int
    totals: Mapping[str, OfProxy]
    batches: int
    incidents: Sequence[Incident]
    """Open and closed ones."""
    alerts: Sequence[Alert]
    agents: Mapping[str, int]
    """How many have each trouble."""
    agents_known: int
    channels: Sequence[Told]
    overflow: Mapping[str, int]
    unreadable: Mapping[str, int]
    door: Mapping[str, int]
    told_to_wait: int
    clock_steps: int
    is_ready: bool
    version: str
    wall_offset_ns: int
    """Added to times to show them."""

    names: Names = field(default_factory=lambda: Names(()))
    """Of proxies, and of values of their dimensions."""

    def shown_s(self, at_ns: int) -> float:
        """Return a time as seconds since 1970."""
        return (at_ns + self.wall_offset_ns) / NS


def families(picture: Picture) -> Iterator[Family]:
    """Return every family; samples are made when they are asked for."""
    yield from _of_states(picture)
    yield from _of_requests(picture)
    yield from _of_durations(picture)
    yield from _of_people(picture)
    yield from _of_ourselves(picture)


OF_A_PROXY: tuple[tuple[str, str, Callable[[Report], float | None]], ...] = (
    ("score", "H of the score, 0 to 1.", lambda r: r.score.h if r.score else None),
    (
        "score_low",
        "H at the low end of its 90 % interval.",
        lambda r: r.score.low if r.score else None,
    ),
    ("score_high", "H at its high end.", lambda r: r.score.high if r.score else None),
    ("success", "S of the score, 0 to 1.", lambda r: r.score.s if r.score else None),
    ("latency", "R of the score, 0 to 1.", lambda r: r.score.r if r.score else None),
    ("certificate", "C of the score, 0 to 1.", lambda r: r.certificate_part),
    (
        "confidence",
        "How much of what happened was seen, 0 to 1.",
        lambda r: r.confidence.value if r.confidence else None,
    ),
    ("agents", "Agents that asked within an hour.", lambda r: r.agents),
)
"""Gauges `modpulse_proxy_NAME`: name, what it is, and its value."""


def _of_states(picture: Picture) -> Iterator[Family]:
    reports, names = picture.reports, picture.names
    yield Family(
        "modpulse_proxy_state",
        "gauge",
        "1 for the state that a proxy is in, 0 for the others.",
        (
            ({"proxy": names[r.proxy], "state": state}, float(r.track.state == state))
            for r in reports
            for state in get_args(State)
        ),
    )
    yield Family(
        "modpulse_proxy_gate",
        "gauge",
        "1 for each gate that holds a proxy in its state, 0 for the others.",
        (
            ({"proxy": names[r.proxy], "gate": gate}, float(gate in {f.gate for f in held}))
            for r in reports
            for held in (r.track.findings,)
            for gate in get_args(Gate)
        ),
    )
    for name, about, value in OF_A_PROXY:
        yield Family(f"modpulse_proxy_{name}", "gauge", about, _each(picture, value))
    yield Family(
        "modpulse_proxy_last_seen_timestamp_seconds",
        "gauge",
        "When somebody asked it last.",
        _each(picture, lambda r: r.last_seen_ns and picture.shown_s(r.last_seen_ns)),
    )
    at_s = picture.shown_s(picture.reported_at_ns)
    left = [(r.proxy, r.certificate_left_s) for r in reports]
    yield Family(
        "modpulse_certificate_expiry_timestamp_seconds",
        "gauge",
        "When the certificate that it shows ends.",
        [({"proxy": names[p]}, round(at_s + left_s)) for p, left_s in left if left_s is not None],
    )


def _each(picture: Picture, value: Callable[[Report], float | None]) -> Iterator[Sample]:
    for report in picture.reports:
        found = value(report)
        if found is not None:
            yield {"proxy": picture.names[report.proxy]}, float(found)


def _of_requests(picture: Picture) -> Iterator[Family]:
    totals, names = picture.totals, picture.names
    outcomes = "by outcome: ok, miss, suspect_miss, failure; of failures with their class"
    yield Family(
        "modpulse_requests_total",
        "counter",
        f"Requests to a proxy, {outcomes}.",
        (s for name, of in totals.items() for s in _outcomes({"proxy": names[name]}, of.whole)),
    )
    for dimension in ("site", "endpoint"):
        yield Family(
            f"modpulse_{dimension}_requests_total",
            "counter",
            f"Requests to a proxy by {dimension}, and {outcomes}.",
            (s for labels, total in _parts(picture, dimension) for s in _outcomes(labels, total)),
        )
    for name, kind, unit, about in (
        ("body_bytes_total", "bytes", 1, "Bytes of bodies that a proxy sent."),
        ("fallthroughs_total", "fallback", 1, "Failures after which the next entry was asked."),
        ("fallthrough_seconds_total", "fallback_ms", 1000, "Time that these took."),
        ("failure_seconds_total", "failed_ms", 1000, "Time that failed requests took."),
        ("commands_stopped_total", "stopped", 1, "Commands of go that ended with an error here."),
    ):
        yield Family(
            f"modpulse_{name}",
            "counter",
            about,
            [({"proxy": names[p]}, of.whole.counts[kind] / unit) for p, of in totals.items()],
        )


def _outcomes(labels: Mapping[str, str], total: Total) -> Iterator[Sample]:
    for kind, outcome in OUTCOMES.items():
        yield {**labels, "outcome": outcome, "class": ""}, total.counts[kind]
    for kind in sorted(total.counts.keys() & FAILED):
        yield {**labels, "outcome": "failure", "class": kind}, total.counts[kind]


def _parts(picture: Picture, dimension: Dimension) -> Iterator[tuple[Mapping[str, str], Total]]:
    names = picture.names
    for name, of in picture.totals.items():
        for value, total in of.parts[dimension].items():
            yield {"proxy": names[name], dimension: names[value]}, total


def _of_durations(picture: Picture) -> Iterator[Family]:
    totals, names = picture.totals, picture.names
    yield Family(
        "modpulse_phase_duration_seconds",
        "histogram",
        "Time that a phase of a request took: resolve, connect, tls, processing, transfer.",
        (
            ({"proxy": names[name], "phase": phase}, Durations(of.whole.durations[phase]))
            for name, of in totals.items()
            for phase in PHASES
            if phase in of.whole.durations
        ),
    )
    about = "Time to first byte of list, info and mod answered 200"
    yield Family(
        "modpulse_first_byte_seconds",
        "histogram",
        f"{about}.",
        (s for name, of in totals.items() for s in _first_byte({"proxy": names[name]}, of.whole)),
    )
    yield Family(
        "modpulse_site_first_byte_seconds",
        "histogram",
        f"{about}, by site.",
        (s for labels, total in _parts(picture, "site") for s in _first_byte(labels, total)),
    )
    yield Family(
        "modpulse_endpoint_first_byte_seconds",
        "histogram",
        "Time to first byte of what was answered 200, by endpoint.",
        (s for labels, total in _parts(picture, "endpoint") for s in _first_byte(labels, total)),
    )


def _first_byte(labels: Mapping[str, str], total: Total) -> Iterator[Sample]:
    if FIRST_BYTE in total.durations:
        yield labels, Durations(total.durations[FIRST_BYTE])


def _of_people(picture: Picture) -> Iterator[Family]:
    opened = Counter(i.severity for i in picture.incidents if i.closed_ns is None)
    yield Family(
        "modpulse_incidents_open",
        "gauge",
        "Incidents that are open, by severity.",
        [({"severity": severity}, opened[severity]) for severity in SEVERITIES],
    )
    yield Family(
        "modpulse_incident_since_timestamp_seconds",
        "gauge",
        "Since when an incident is open that people were told of.",
        [
            (labels, round(picture.shown_s(incident.since_ns)))
            for incident in picture.incidents
            if incident.closed_ns is None and incident.told
            for labels in _about(incident, picture.names)
        ],
    )
    phases = Counter((a.key.rule, a.phase) for a in picture.alerts if a.phase != "resolved")
    yield Family(
        "modpulse_alerts",
        "gauge",
        "Alerts by rule that are pending or firing.",
        [
            ({"rule": rule, "phase": phase}, phases[rule, phase])
            for rule in get_args(RuleName)
            for phase in ("pending", "firing")
        ],
    )
    yield Family("modpulse_agents", "gauge", "Agents that are known.", [({}, picture.agents_known)])
    yield Family(
        "modpulse_agents_troubled",
        "gauge",
        "Agents by what is wrong with them.",
        [({"trouble": trouble}, picture.agents.get(trouble, 0)) for trouble in TROUBLES],
    )
    channels = [({"channel": told.channel}, told) for told in picture.channels]
    yield Family(
        "modpulse_channel_waiting",
        "gauge",
        "Notices that wait for a channel.",
        [(labels, told.waiting) for labels, told in channels],
    )
    yield Family(
        "modpulse_channel_delivered_total",
        "counter",
        "Notices that a channel took.",
        [(labels, told.delivered) for labels, told in channels],
    )
    yield Family(
        "modpulse_channel_dead",
        "gauge",
        "1 while a channel takes nothing, else 0.",
        [(labels, float(told.is_dead)) for labels, told in channels],
    )


def _about(incident: Incident, names: Names) -> Iterator[Mapping[str, str]]:
    """
    Yield labels for each proxy that it is about, and with none for what is not a proxy's.

    Its members only become more: so each stays while it is open, but for its severity, which may
    get graver.
    """
    for proxy in sorted({names[member.key.proxy or ""] for member in incident.members}):
        yield {
            "incident": said(incident.name),
            "severity": incident.severity,
            "topic": incident.topic,
            "cause": said(incident.cause),
            "proxy": proxy,
        }


def _of_ourselves(picture: Picture) -> Iterator[Family]:
    def counter(name: str, label: str, about: str, counts: Mapping[str, int]) -> Family:
        samples = [({label: said(key)}, count) for key, count in sorted(counts.items())]
        return Family(f"modpulse_{name}", "counter", about, samples)

    yield Family(
        "modpulse_build_info", "gauge", "1; its version.", [({"version": picture.version}, 1)]
    )
    yield Family(
        "modpulse_ready",
        "gauge",
        "1 while it takes batches, else 0.",
        [({}, float(picture.is_ready))],
    )
    yield Family(
        "modpulse_batches_total",
        "counter",
        "Batches that its tables know of.",
        [({}, picture.batches)],
    )
    yield Family(
        "modpulse_told_to_wait_total",
        "counter",
        "Times an agent was told to come again later.",
        [({}, picture.told_to_wait)],
    )
    yield Family(
        "modpulse_clock_steps_total",
        "counter",
        "Times the wall clock was set.",
        [({}, picture.clock_steps)],
    )
    yield Family(
        "modpulse_judged_timestamp_seconds",
        "gauge",
        "When the proxies were judged last.",
        [({}, round(picture.shown_s(picture.reported_at_ns), 3))],
    )
    yield counter("overflow_total", "bound", "What was dropped at bounds.", picture.overflow)
    yield counter("unreadable_total", "table", "Rows that made no sense.", picture.unreadable)
    door = picture.door
    yield Family(
        "modpulse_connections",
        "gauge",
        "Open connections, of callers we know and of strangers.",
        [({"of": key}, door[key]) for key in ("known", "strangers")],
    )
    yield Family(
        "modpulse_held_bytes",
        "gauge",
        "What callers make this process hold until it is on disk.",
        [({}, door["held_bytes"])],
    )
    counted = {key: count for key, count in door.items() if key not in DOOR}
    yield counter("door_total", "what", "Connections accepted, and why others were not.", counted)
