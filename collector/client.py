"""
Ask a running collector over its HTTP API.

Knows nothing of tables; any failure becomes one line for the user.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .config import Config
from .errors import ConfigError

TIMEOUT_S = 10
MAX_ANSWER_BYTES = 64 << 20
"""A thousand proxies need about 2 MB."""


class ClientError(Exception):
    """The collector could not be asked; the message is one line for the user."""

    def __init__(self, message: str) -> None:
        # What the other side sent may be in it.
        words = " ".join(message.split())
        super().__init__("".join(char if char.isprintable() else "?" for char in words))


def fetch_proxies(config: Config, url: str) -> dict[str, Any]:
    """
    Return the document of GET /api/v1/proxies.

    Raises:
        ClientError: not reachable, refused, or no modpulse collector.
        ConfigError: CA or token file cannot be read.
    """
    address = url.rstrip("/") + "/api/v1/proxies"
    headers = {"Accept": "application/json"}
    token = _token(config.token_file)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        if not address.startswith(("http://", "https://")):
            raise ValueError("expected http:// or https://")
        request = urllib.request.Request(address, headers=headers)
        # The collector is ours and near: an http_proxy of the environment is not meant for it.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_context(config))
        )
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            document = json.loads(answer.read(MAX_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            raise ClientError(
                f"the collector at {url} answers {error.code}: {_why(error)}"
            ) from None
    except urllib.error.URLError as error:
        raise ClientError(f"no collector answers at {url}: {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(f"no collector answers at {url}: {error}") from None
    except ValueError as error:
        raise ClientError(f"no modpulse collector at {url}: {error}") from None
    if not isinstance(document, dict) or "proxies" not in document:
        raise ClientError(f"no modpulse collector at {url}: unexpected answer")
    return document


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(MAX_ANSWER_BYTES))["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return error.reason


def _token(path: str) -> str:
    if not path:
        return ""
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"token_file = {path!r}: {error}") from None
    return next((line.strip() for line in lines if line.strip() and line[0] != "#"), "")


def _context(config: Config) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"ca_file = {config.ca_file!r}: {error}") from None
