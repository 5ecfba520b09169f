"""
DingTalk's group robots; the address is the secret, and `secret_file` signs it too.

Source: https://open.dingtalk.com/document/robots/customize-robot-security-settings.
"""

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

from .message import Post, Telling, json_bytes


def make(telling: Telling) -> Post:
    """Return the request."""
    content = f"{telling.words.title}\n{telling.words.body}"
    body = json_bytes({"msgtype": "text", "text": {"content": content}})
    return Post(_signed(telling), body)


def _signed(telling: Telling) -> str:
    url, secret = telling.secrets.url, telling.secrets.secret
    if not secret:
        return url
    now_ms = f"{telling.now_s}000"
    digest = hmac.new(secret.encode(), f"{now_ms}\n{secret}".encode(), hashlib.sha256).digest()
    sign = quote_plus(base64.b64encode(digest))
    return f"{url}{'&' if '?' in url else '?'}timestamp={now_ms}&sign={sign}"
