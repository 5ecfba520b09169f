"""
The GOPROXY list, and what a URL of the module proxy protocol asks for.

Knows nothing of processes or packets. Never raises: a URL that makes no sense is kept as text,
without its secrets. Source: cmd/go/internal/modfetch/proxy.go (the same logic from 1.19 to 1.27)
and https://go.dev/ref/mod#goproxy-protocol.
"""

import posixpath
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, cast

from ..batch.proxies import FILE
from ..records.records import ChainEntry, Endpoint
from ..service.foreign import CUT
from .urls import Url, redact, shown_path, split_url, unquoted

MAX_CHAIN_ENTRIES = 64
"""Entries kept of one GOPROXY list; the longest in use have four."""

_KEYWORDS = ("direct", "off", "noproxy")
_FILE_URL = re.compile(
    r"file:(?=/)(?://[^/?#]*)?(?P<path>/[^?#]*|)(?:[?#].*)?", re.IGNORECASE | re.DOTALL
)
_FILE_ENDPOINTS = ("info", "mod", "zip")
TOOLCHAIN = "golang.org/toolchain"
"""The module whose versions are releases of Go."""
_ESCAPED = re.compile(r"!([a-z])")
_CAPITAL = re.compile(r"[A-Z]")
_SUMDB_PATH = re.compile(r"(?P<base>.*?)/(?:lookup/(?P<target>[^@]+@.+)|tile/\d+/.+)")


class Target(NamedTuple):
    """What one request asks for; all None for a path outside the protocol."""

    endpoint: Endpoint | None = None
    module: str | None = None
    version: str | None = None


class ChainPlace(NamedTuple):
    """Which entry of the chain a URL was requested for."""

    proxy: str
    """The canonical entry; `direct`, or `sumdb:NAME` for a checksum database asked directly, or
    `file:` for a folder that is no entry."""
    chain_index: int | None
    """None where the chain is not known or has no such entry."""
    target: Target


def canonical_proxy(url: str) -> str:
    """
    Write one entry of a GOPROXY list as records do.

    Returns:
        `scheme://host[:port unless default]/path` without user info, query or trailing slash;
        `file:///path` of a folder; `direct`, `off` and `noproxy` as they are.
    """
    url = url.strip()
    if url in _KEYWORDS:
        return url
    if folder := _FILE_URL.fullmatch(url):
        return f"file://{folder['path'].rstrip('/') or '/'}"
    if ":/" not in url and not url.startswith("/") and any(mark in url for mark in ".:/"):
        url = f"https://{url}"
    return redact(url).rstrip("/")


def is_file(proxy: str) -> bool:
    """Tell whether an entry, as records have it, is a folder of this machine."""
    return proxy.startswith(FILE)


def public_name(proxy: str) -> str:
    """Return an entry as it may leave this machine: of a folder nothing but that it is one."""
    return FILE if is_file(proxy) else proxy


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


def escape(name: str) -> str:
    """Encode the case of a module path or a version, as URLs and the module cache have it."""
    return _CAPITAL.sub(lambda match: "!" + match[0].lower(), name)


def parse_target(path: str) -> Target:
    """
    Read a URL path relative to the base of a proxy, such as `/m/@v/v1.0.0.info`.

    Returns:
        The target, its module path and version unescaped; `Target()` outside the protocol.
    """
    path = "/" + path.lstrip("/")
    if path.startswith("/sumdb/"):
        return _sumdb_target(path.partition("/lookup/")[2])
    if path.endswith("/@latest"):
        return Target("latest", _module(path.removesuffix("/@latest")))
    escaped_module, separator, file = path.partition("/@v/")
    if not separator:
        return Target()
    module = _module(escaped_module)
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
    return Target("sumdb", _module(module), unescape(version) or None)


def _module(escaped: str) -> str | None:
    """Return a module path; None for what is hidden, or none (module.CheckPath)."""
    is_none = "@" in escaped or CUT in escaped
    return None if is_none else unescape(escaped.removeprefix("/")) or None


def attribute(scheme: str, host: str, path: str, chain: Sequence[ChainEntry] | None) -> ChainPlace:
    """
    Say for which entry of the chain a URL was requested.

    The longest matching base wins, the first of equals. A URL of no entry is a checksum
    database's if it looks so, else a `?go-get=1` page of direct mode. Without a chain the base
    is taken to end before the first path element with a dot, as module paths begin with one.

    Args:
        scheme: `http`, `https` or `file`.
        host: As in the URL, with its port if any.
        path: Decoded, as in Go's `url.URL.Path`.
        chain: The effective chain; None when it is not known.
    """
    path = _clean(path)
    if scheme == "file":
        return _attribute_file(path, chain or ())
    asked = _server(scheme, host)
    path = shown_path(path)
    matches = _matches(asked, path, chain or ())
    if len(matches) > 1:
        matches.sort(key=itemgetter(0), reverse=True)
    for base_chars, index, url in matches:
        target = parse_target(path[base_chars:])
        if target.endpoint is not None:
            return ChainPlace(url, index, target)
    sumdb = _SUMDB_PATH.fullmatch(path)
    if chain is None and (guessed := _guess_proxy(asked, path)):
        return guessed
    if sumdb or path == "/latest":
        base = sumdb["base"] if sumdb else ""
        target = _sumdb_target(sumdb["target"] or "" if sumdb else "")
        return ChainPlace(f"sumdb:{asked.authority}{base}", None, target)
    urls = [entry.url for entry in chain or ()]
    if matches and "direct" not in urls:
        base_chars, index, url = matches[0]
        return ChainPlace(url, index, parse_target(path[base_chars:]))
    index_of_direct = urls.index("direct") if "direct" in urls else None
    module = (asked.authority + path).rstrip("/")
    # Of what is hidden, and of what is no module's, nothing is told.
    return ChainPlace(
        "direct", index_of_direct, Target("go-get", None if CUT in module else module)
    )


def _attribute_file(path: str, chain: Sequence[ChainEntry]) -> ChainPlace:
    """Attribute a path of this machine; below no entry that is known its module is not told."""
    matches = sorted(_matches(Url("file", "", ""), path, chain), key=itemgetter(0), reverse=True)
    for base_chars, index, url in matches:
        target = parse_target(path[base_chars:])
        if target.endpoint is not None:
            return ChainPlace(url, index, target)
    if matches:
        _, index, url = matches[0]
        return ChainPlace(url, index, Target())
    is_sumdb = path.endswith(("/supported", "/latest")) or "/lookup/" in path or "/tile/" in path
    return ChainPlace(FILE, None, Target("sumdb" if is_sumdb else parse_target(path).endpoint))


def _matches(asked: Url, path: str, chain: Sequence[ChainEntry]) -> list[tuple[int, int, str]]:
    """Return (length of the base path, index, url) of each entry that the URL is below."""
    found = []
    for index, entry in enumerate(chain):
        base = _base(entry.url)
        same_server = (base.scheme, base.authority) == (asked.scheme, asked.authority)
        if same_server and f"{path}/".startswith(f"{base.path}/"):
            found.append((len(base.path), index, entry.url))
    return found


@lru_cache(maxsize=MAX_CHAIN_ENTRIES)
def _server(scheme: str, host: str) -> Url:
    return split_url(f"{scheme}://{host}")


@lru_cache(maxsize=MAX_CHAIN_ENTRIES)
def _base(url: str) -> Url:
    """Split an entry of the chain, decoded as a request is."""
    base = Url("file", "", url.removeprefix("file://")) if is_file(url) else split_url(url)
    base = unquoted(base)
    return base._replace(path=_clean(base.path).rstrip("/"))


def _clean(path: str) -> str:
    """Return a path as Go's path.Join leaves it, which makes most paths that `go` asks for."""
    if "//" not in path and "/." not in path:
        return path
    return "/" + posixpath.normpath(path).lstrip("/")


def _guess_proxy(asked: Url, path: str) -> ChainPlace | None:
    before_sumdb, is_sumdb, _ = path.partition("/sumdb/")
    elements = path.split("/")
    named = (index for index, each in enumerate(elements) if "." in each and CUT not in each)
    dotted = next(named, 0)
    base = before_sumdb if is_sumdb else "/".join(elements[:dotted])
    target = parse_target(path[len(base) :])
    if target.endpoint is None:
        return None
    return ChainPlace(f"{asked.scheme}://{asked.authority}{base}", None, target)
