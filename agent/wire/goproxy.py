"""
The GOPROXY list, and what a URL of the module proxy protocol asks for.

Knows nothing of processes or packets. Never raises: a URL that makes no sense is kept as text,
without its secrets. Source: cmd/go/internal/modfetch/proxy.go (the same logic from 1.19 to 1.27)
and https://go.dev/ref/mod#goproxy-protocol.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, cast
from urllib.parse import unquote

from ..records import ChainEntry, Endpoint

MAX_CHAIN_ENTRIES = 64
"""Entries kept of one GOPROXY list; the longest in use have four."""

DEFAULT_PORTS = {"http": "80", "https": "443"}

_KEYWORDS = ("direct", "off", "noproxy")
_FILE_ENDPOINTS = ("info", "mod", "zip")
TOOLCHAIN = "golang.org/toolchain"
"""The module whose versions are releases of Go."""
_ESCAPED = re.compile(r"!([a-z])")
_SUMDB_PATH = re.compile(r"(?P<base>.*?)/(?:lookup/(?P<target>[^@]+@.+)|tile/\d+/.+)")

_NOT_OF_A_SCHEME = re.compile(r"[^A-Za-z0-9+.-]")
"""RFC 3986 section 3.1."""
_USER_INFO = re.compile(r"(?<=://)[^/@\s,|]*@")


class Target(NamedTuple):
    """What one request asks for; all None for a path outside the protocol."""

    endpoint: Endpoint | None = None
    module: str | None = None
    version: str | None = None


class Attribution(NamedTuple):
    """Which entry of the chain a URL was requested for."""

    proxy: str
    """The canonical entry; `direct`, or `sumdb:NAME` for a checksum database asked directly."""
    chain_index: int | None
    """None where the chain is not known or has no such entry."""
    target: Target


class _Url(NamedTuple):
    scheme: str
    authority: str
    """Lower case, without user info and without the default port."""
    path: str


def _split(url: str) -> _Url:
    """Split as net/url does; secrets are gone from what it returns."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    scheme = _NOT_OF_A_SCHEME.sub("", scheme)
    authority, path = _cut(rest)
    if not _has_valid_port(authority):
        # A password with a raw `/`, `?` or `#`: not a URL to Go, and not ours to print.
        authority, path = _cut(rest.rpartition("@")[2])
    host = authority.lower()
    port = DEFAULT_PORTS.get(scheme.lower())
    if port and host.endswith(f":{port}"):
        host = host[: -len(port) - 1]
    return _Url(scheme.lower(), host, path)


def _cut(rest: str) -> tuple[str, str]:
    before_query = rest.partition("#")[0].partition("?")[0]
    authority, slash, path = before_query.partition("/")
    return authority.rpartition("@")[2], slash + path


def _has_valid_port(authority: str) -> bool:
    after_address = authority.rpartition("]")[2]
    port = after_address.rpartition(":")[2] if ":" in after_address else ""
    return not port or port.isdecimal()


def redact(url: str) -> str:
    """Return the URL without user info, query and fragment; also for `host:port` alone."""
    scheme, authority, path = _split(url.strip())
    return f"{scheme}://{authority}{path}" if scheme else f"{authority}{path}"


def redact_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return a command line without the user info of the URLs in it."""
    return tuple(_USER_INFO.sub("", argument) for argument in arguments)


def canonical_proxy(url: str) -> str:
    """
    Write one entry of a GOPROXY list as records do.

    Returns:
        `scheme://host[:port unless default]/path` without user info, query or trailing slash;
        `direct`, `off` and `noproxy` as they are.
    """
    url = url.strip()
    if url in _KEYWORDS:
        return url
    if ":/" not in url and not url.startswith("/") and any(mark in url for mark in ".:/"):
        url = f"https://{url}"
    return redact(url).rstrip("/")


def parse_goproxy(text: str) -> tuple[ChainEntry, ...]:
    """Read a GOPROXY list as `go` does; cut after MAX_CHAIN_ENTRIES."""
    entries: list[tuple[str, bool]] = []
    for part in re.finditer(r"([^,|]*)([,|]|$)", text):
        url = part[1].strip()
        if url:
            entries.append((url, part[2] == "|"))
        if url in ("direct", "off") or len(entries) == MAX_CHAIN_ENTRIES:
            break
    return chain_entries(entries)


def chain_entries(entries: Iterable[tuple[str, bool]]) -> tuple[ChainEntry, ...]:
    """Make the chain of a process's own list of (url, falls back on any error)."""
    kept = [(canonical_proxy(url), anything) for url, anything in entries if url != "noproxy"]
    last = len(kept) - 1
    return tuple(
        ChainEntry(url, None if index == last else "|" if anything else ",")
        for index, (url, anything) in enumerate(kept)
    )


def unescape(text: str) -> str:
    """Undo the case encoding of module paths and versions: `!a` is `A`."""
    return _ESCAPED.sub(lambda match: match[1].upper(), text) if "!" in text else text


def parse_target(path: str) -> Target:
    """
    Read a URL path relative to the base of a proxy, such as `/m/@v/v1.0.0.info`.

    Returns:
        The target, its module path and version unescaped; `Target()` outside the protocol.
    """
    path = path.lstrip("/")
    if path.startswith("sumdb/"):
        return _sumdb_target(path.partition("/lookup/")[2])
    if path.endswith("/@latest"):
        return Target("latest", unescape(path.removesuffix("/@latest")))
    escaped_module, separator, file = path.partition("/@v/")
    if not separator or not escaped_module:
        return Target()
    module = unescape(escaped_module)
    if file == "list":
        return Target("list", module)
    version, _, extension = file.rpartition(".")
    if extension not in _FILE_ENDPOINTS or not version:
        return Target(None, module)
    endpoint = cast(Endpoint, extension)
    if module == TOOLCHAIN and extension == "zip":
        endpoint = "toolchain"
    return Target(endpoint, module, unescape(version))


def _sumdb_target(module_at_version: str) -> Target:
    module, _, version = module_at_version.partition("@")
    return Target("sumdb", unescape(module) or None, unescape(version) or None)


def attribute(scheme: str, host: str, path: str, chain: Sequence[ChainEntry] | None) -> Attribution:
    """
    Say for which entry of the chain a URL was requested.

    The longest matching base wins, the first of equals. A URL of no entry is a checksum
    database's if it looks so, else a `?go-get=1` page of direct mode. Without a chain the base
    is taken to end before the first path element with a dot, as module paths begin with one.

    Args:
        scheme: `http` or `https`.
        host: As in the URL, with its port if any.
        path: Decoded, as in Go's `url.URL.Path`.
        chain: The effective chain; None when it is not known.
    """
    asked = _server(scheme, host)
    matches = _matches(asked, path, chain or ())
    matches.sort(key=itemgetter(0), reverse=True)
    for base_chars, index, url in matches:
        target = parse_target(path[base_chars:])
        if target.endpoint is not None:
            return Attribution(url, index, target)
    sumdb = _SUMDB_PATH.fullmatch(path)
    if chain is None and (guessed := _guess_proxy(asked, path)):
        return guessed
    if sumdb or path == "/latest":
        base = sumdb["base"] if sumdb else ""
        target = _sumdb_target(sumdb["target"] or "" if sumdb else "")
        return Attribution(f"sumdb:{asked.authority}{base}", None, target)
    urls = [entry.url for entry in chain or ()]
    if matches and "direct" not in urls:
        base_chars, index, url = matches[0]
        return Attribution(url, index, parse_target(path[base_chars:]))
    index_of_direct = urls.index("direct") if "direct" in urls else None
    module = (asked.authority + path).rstrip("/")
    return Attribution("direct", index_of_direct, Target("go-get", module))


def _matches(asked: _Url, path: str, chain: Sequence[ChainEntry]) -> list[tuple[int, int, str]]:
    """Return (length of the base path, index, url) of each entry that the URL is below."""
    found = []
    for index, entry in enumerate(chain):
        base = _base(entry.url)
        same_server = (base.scheme, base.authority) == (asked.scheme, asked.authority)
        if same_server and f"{path}/".startswith(f"{base.path}/"):
            found.append((len(base.path), index, entry.url))
    return found


@lru_cache(maxsize=MAX_CHAIN_ENTRIES)
def _server(scheme: str, host: str) -> _Url:
    return _split(f"{scheme}://{host}")


@lru_cache(maxsize=MAX_CHAIN_ENTRIES)
def _base(url: str) -> _Url:
    """Split an entry of the chain, its path decoded as that of a request is."""
    base = _split(url)
    return base._replace(path=unquote(base.path).rstrip("/"))


def _guess_proxy(asked: _Url, path: str) -> Attribution | None:
    before_sumdb, is_sumdb, _ = path.partition("/sumdb/")
    elements = path.split("/")
    dotted = next((index for index, element in enumerate(elements) if "." in element), 0)
    base = before_sumdb if is_sumdb else "/".join(elements[:dotted])
    target = parse_target(path[len(base) :])
    if target.endpoint is None:
        return None
    return Attribution(f"{asked.scheme}://{asked.authority}{base}", None, target)
