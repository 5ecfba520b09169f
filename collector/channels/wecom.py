"""
WeCom's group robots; the address is the secret, and the answer 200 tells by its errcode.

Source: https://developer.work.weixin.qq.com/document/path/91770: text of 2048 bytes at most.
"""

from .message import Post, Telling, json_bytes

MAX_TEXT_BYTES = 2048


def make(telling: Telling) -> Post:
    """Return the request."""
    text = f"{telling.words.title}\n{telling.words.body}".encode()[:MAX_TEXT_BYTES]
    content = text.decode(errors="ignore")
    return Post(telling.secrets.url, json_bytes({"msgtype": "text", "text": {"content": content}}))
