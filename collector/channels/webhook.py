"""
A webhook of one's own: the whole notice as JSON, signed.

`X-Modpulse-Signature: t=SECONDS,v1=HEX` is HMAC-SHA256 of `SECONDS.BODY` with the secret: who
checks the time too is safe from a copy that somebody sends again. docs/alerts.md has the body.
"""

import hashlib
import hmac

from ..alerts.document import SCHEMA, incident_document
from .message import Post, Telling, json_bytes


def make(telling: Telling) -> Post:
    """Return the request."""
    notice = telling.notice
    body = json_bytes(
        {
            "schema": SCHEMA,
            "notice": notice.id,
            "kind": notice.kind,
            "title": telling.words.title,
            "body": telling.words.body,
            "incident": incident_document(notice.incident, notice.wall_offset_ns),
        }
    )
    headers = {"Idempotency-Key": notice.id}
    if telling.secrets.secret:
        signed = signature(telling.secrets.secret, telling.now_s, body)
        headers["X-Modpulse-Signature"] = f"t={telling.now_s},v1={signed}"
    return Post(telling.secrets.url, body, headers)


def signature(secret: str, now_s: int, body: bytes) -> str:
    """Return the hex digest that proves who sent a body, and when."""
    return hmac.new(secret.encode(), b"%d." % now_s + body, hashlib.sha256).hexdigest()
