"""
Prometheus' Alertmanager, API v2: one alert for each of ours, told again for as long as it fires.

It takes an alert for over at its EndsAt, so each push has one in the near future, and the next push
comes before that; should this collector end, Alertmanager says so after KEPT_S.
Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (postableAlert).
"""

from collections.abc import Iterator
from typing import Any

from modpulse.agent.service.foreign import said

from ..alerts.incident import Member
from ..alerts.notice import Notice
from ..clock import rfc3339
from ..health.reason import sentences
from .message import Post, Telling, json_bytes
from .render import render

RESEND_S = 60
"""How often what fires is told again."""
KEPT_S = 300
"""Four pushes may be lost."""
_PATH = "/api/v2/alerts"


def make(telling: Telling) -> Post:
    """Return the request."""
    alerts = [alert for notice in telling.notices for alert in _alerts(notice, telling)]
    url = telling.secrets.url.rstrip("/") + _PATH
    secret = telling.secrets.secret
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return Post(url, json_bytes(alerts), headers)


def _alerts(notice: Notice, telling: Telling) -> Iterator[dict[str, Any]]:
    incident, offset_ns = notice.incident, notice.wall_offset_ns
    words = render(notice, telling.channel.spoken)
    for member in incident.members:
        ended_ns = member.ended_ns if incident.closed_ns is None else incident.closed_ns
        ends_ns = (telling.now_s + KEPT_S) * 1_000_000_000
        yield {
            "labels": _labels(member),
            "annotations": said(
                {
                    "summary": words.title,
                    "description": words.body,
                    "evidence": sentences(member.facts.evidence, telling.channel.spoken),
                    "incident": incident.name,
                }
            ),
            "startsAt": rfc3339(member.fired_ns + offset_ns),
            "endsAt": rfc3339(ends_ns if ended_ns is None else ended_ns + offset_ns),
        }


def _labels(member: Member) -> dict[str, str]:
    """What an alert is known by: the same at each push, so nothing that changes."""
    key = member.key
    named = {
        "alertname": f"Modpulse{key.rule.title().replace('_', '')}",
        "severity": member.severity,
        "proxy": key.proxy,
        "who": key.who,
    }
    return said({name: value for name, value in named.items() if value})
