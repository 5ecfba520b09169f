"""
URLs that `go` is given and asks, as it reads them, without their secrets.

Never raises. The first `/`, `?` or `#` ends the server (parse in net/url/url.go), also within what
a user meant for a password: `https://u:1/pw@host` asks the server `u`. Such a path is hidden up to
its last `@`; the server that is shown is the one that is asked, or none.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from ..service.foreign import CUT, SERVER, visible
from .hosts import DEFAULT_PORTS

_NOT_OF_A_SCHEME = re.compile(r"[^A-Za-z0-9+.-]")
"""RFC 3986 section 3.1."""
_AUTHORITY = re.compile(r"[^/?#]*")
_TAKEN = re.compile(r"(?:\[[^\[\]]*\]|[^\s\\^`{}|\[\]:/?#@]*)(?::\d*)?")
"""What is a server to some release of Go (parseHost); others fail before anything is asked."""
_AT = re.compile(r"(?i)@|%(?:25){0,4}40")
_ASKS = (
    r"/@v/[^@]*\Z|/@latest\Z|(?:/sumdb/[^/@]+)?/(?:lookup/[^@;?#]+@v\d[^/@]*|tile/\d+/[^@]+"
    r"|supported|latest)\Z"
)
_ASKED = re.compile(_ASKS)
"""What the protocol of proxies and checksum databases adds to the path of an entry."""
_MARK = re.compile(r"(?i)[;?#]|%(?:25){0,4}(?:3b|3f|23)")
_PLAIN = re.compile(r"[^@%;?#]*(?:/@v/[^@%;?#]*|/@latest)?")
"""Nearly every path that is asked for."""


class Url(NamedTuple):
    """What may be seen of a URL; empty where it has no such part."""

    scheme: str
    authority: str
    """Lower case, without user info and without the default port."""
    path: str


def split_url(url: str) -> Url:
    """Split as net/url does; secrets are gone from what it returns."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    scheme = _NOT_OF_A_SCHEME.sub("", scheme).lower()
    authority, path = _seen(rest)
    host = authority.lower()
    port = DEFAULT_PORTS.get(scheme)
    if port:
        host = host.removesuffix(f":{port}")
    return Url(scheme, host, path)


def _seen(rest: str) -> tuple[str, str]:
    """Return server and path of what follows a scheme."""
    asked = _AUTHORITY.match(rest)
    authority = asked[0] if asked else ""
    host = authority.rpartition("@")[2]
    is_behind = _AT.search(rest, len(authority)) is not None
    if not rest.endswith(CUT) and host.strip(":") and _TAKEN.fullmatch(host):
        path = re.split("[?#]", rest[len(authority) :], maxsplit=1)[0]
        return (host if SERVER.fullmatch(host) else CUT), shown_path(path)
    seen = visible(rest, is_cut=rest.endswith(CUT))
    if seen is None or (is_behind and rest.endswith(CUT)):
        return CUT, ""
    authority, slash, path = rest[seen.start : seen.end].partition("/")
    return authority, shown_path(slash + path)


def redact(url: str) -> str:
    """Return the URL without user info, query and fragment; also for `host:port` alone."""
    scheme, authority, path = split_url(url.strip())
    return f"{scheme}://{authority}{path}" if scheme else f"{authority}{path}"


def redact_gosumdb(setting: str | None) -> str | None:
    """Return GOSUMDB, a name or key and perhaps a URL, with that redacted; None where it is not."""
    name, *url = (setting or "").split(maxsplit=1)[:2] or ("",)
    return f"{name} {redact(url[0])}" if url else name or None


def shown_path(path: str) -> str:
    """
    Return what may be seen of the path of an entry, or of a request below one.

    All before an `@` that is not the protocol's is hidden, what follows it where that is no server,
    and all from a `;`, an escaped `?` or
    an escaped `#` to what the protocol adds: so a request stays below its entry.
    """
    if _PLAIN.fullmatch(path):
        return path
    asked = _ASKED.search(path)
    ats = [at.end() for at in _AT.finditer(path, 0, asked.start() if asked else len(path))]
    if ats:
        server, slash, rest = path[ats[-1] :].partition("/")
        is_server = SERVER.fullmatch(server) and ("." in server or ":" in server)
        path = f"/{CUT}{server if is_server else ''}{slash}{rest}"
    mark = _MARK.search(path)
    if mark is None:
        return path
    asked = _ASKED.search(path, mark.start())
    return path[: mark.start()] + (asked[0] if asked else "")


def unquoted(url: Url) -> Url:
    """Decode as Go's `url.URL` has it: the zone of an IPv6 address too."""
    return url._replace(authority=unquote(url.authority), path=unquote(url.path))
