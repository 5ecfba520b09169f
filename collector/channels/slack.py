"""
Slack's incoming webhooks; the address is the secret.

Source: https://api.slack.com/messaging/webhooks, and formatting for the three escapes.
"""

from .message import Post, Telling, json_bytes


def make(telling: Telling) -> Post:
    """Return the request."""
    title, body = _escaped(telling.words.title), _escaped(telling.words.body)
    return Post(telling.secrets.url, json_bytes({"text": f"*{title}*\n{body}"}))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
