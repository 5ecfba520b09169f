"""
PagerDuty's Events API v2: one incident there for each of ours, resolved with it.

Source: https://developer.pagerduty.com/docs/send-alert-event: summary of 1024 characters at most.
"""

from collections.abc import Mapping

from modpulse.agent.service.foreign import said

from ..alerts.document import incident_document
from ..alerts.rules import Severity
from .message import Post, Telling, json_bytes

MAX_SUMMARY_CHARS = 1024
_SEVERITIES: Mapping[Severity, str] = {"P0": "critical", "P1": "error", "P2": "warning"}


def make(telling: Telling) -> Post:
    """Return the request."""
    notice, words = telling.notice, telling.words
    incident = notice.incident
    event = {
        "routing_key": telling.secrets.secret,
        "event_action": "resolve" if notice.kind == "closed" else "trigger",
        # What repeats it is no second incident there.
        "dedup_key": f"modpulse-{incident.name}",
        # Not the key, which looks like what it is.
        "payload": said(
            {
                "summary": words.title[:MAX_SUMMARY_CHARS],
                "source": ", ".join(incident.proxies)[:MAX_SUMMARY_CHARS] or incident.topic,
                "severity": _SEVERITIES[incident.severity],
                "custom_details": {
                    "body": words.body,
                    "cost": incident_document(incident, notice.wall_offset_ns)["cost"],
                },
            }
        ),
    }
    return Post(telling.secrets.url, json_bytes(event))
