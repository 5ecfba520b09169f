"""
The one command that shows a failure to somebody who does not believe us.

Knows nothing of terminals. Every word that comes from the network or from a configuration is
made printable and quoted for the shell, and none can be taken for an option.
"""

import ipaddress
import re
import shlex
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from ..records.records import Connection, Failure, Lookup, Query, Request
from ..screen.words import clean
from ..wire.goproxy import is_file

_ZIPS = ("zip", "toolchain")
_SHOWN_BYTES = 2000
"""Of an answer whose content is the fault; a page says who wrote it in less."""
_AS_GO = (
    "-curves", "X25519:P-256:P-384:P-521",
    "-cipher", "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+SHA1",
    "-sigalgs", "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384"
    ":RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512",
)  # fmt: skip
"""What go offers and OpenSSL can (crypto/tls/defaults.go): OpenSSL alone would agree on more."""


_LARGE4, _LARGE6 = 1500 - 20 - 8, 1500 - 40 - 8
"""Bytes of a ping that fills a packet of Ethernet, without the headers of IP and ICMP."""


def command(
    failure: Failure,
    request: Request | None = None,
    connection: Connection | None = None,
    lookup: Lookup | None = None,
    sumdb: str | None = None,
    through: str | None = None,
) -> str | None:
    """
    Return a shell command that lives the same failure again, or None where none is known.

    Args:
        failure: What to show.
        request: The request that failed, where one was seen.
        connection: Its connection, for the HTTP proxy on the way.
        lookup: The lookup that failed, for the server that was asked.
        sumdb: Name of the checksum database, for requests to it through a proxy.
        through: URL of the HTTP or SOCKS proxy on the way, where its scheme is known.
    """
    via = connection.via if connection is not None else None
    area = failure.cls.partition(".")[0]
    if request is not None and is_file(request.proxy or "") and area != "checksum":
        return _look(request)
    if area == "local":
        return None
    if request is not None and request.endpoint == "git" and area not in ("dns", "tls"):
        return f"GIT_TERMINAL_PROMPT=0 git ls-remote {_quote(request.url or '')}"
    if area == "dns":
        return _dig(failure, request, lookup)
    if failure.cls == "tcp.mtu":
        return _ping(failure, via)
    if area == "tls":
        return _openssl(failure, request, via)
    if area == "checksum":
        return _go_mod_verify(request)
    through = through or (f"http://{via}" if via is not None else None)
    return _curl(failure, request, through, sumdb)


def request_url(request: Request, sumdb: str | None = None) -> str:
    """
    Return the URL that was asked for; where it was too long to be seen, as the record tells it,
    else its host's root.

    Source: `go help goproxy-protocol`; golang.org/x/mod/module.EscapePath.
    """
    if request.url is not None and not is_file(request.url):
        return request.url + ("?go-get=1" if request.endpoint == "go-get" else "")
    if request.proxy == "direct" and request.module is not None:
        return f"https://{request.module}?go-get=1"
    proxy = request.proxy or ""
    base = proxy if "://" in proxy else f"https://{_bracketed(request.host)}"
    if request.endpoint == "sumdb" and not proxy.startswith("sumdb:"):
        base = f"{base}/sumdb/{sumdb or 'sum.golang.org'}"
    path = _path(request) if proxy.startswith("sumdb:") or "://" in proxy else None
    return f"{base}/{path or ''}"


def _path(request: Request) -> str | None:
    module = _escape(request.module or "")
    version = _escape(request.version or "")
    unversioned = {"list": f"{module}/@v/list", "latest": f"{module}/@latest"}
    versioned = {
        "info": f"{module}/@v/{version}.info",
        "mod": f"{module}/@v/{version}.mod",
        "zip": f"{module}/@v/{version}.zip",
        "toolchain": f"{module}/@v/{version}.zip",
        "sumdb": f"lookup/{module}@{version}",
    }
    paths = unversioned if not version else unversioned | versioned
    return paths.get(request.endpoint or "") if module else None


def _dig(failure: Failure, request: Request | None, lookup: Lookup | None) -> str:
    host = failure.host or (request.host if request is not None else "")
    asked = _asked(host, lookup.queries if lookup is not None else ())
    words = ["dig"]
    if asked is not None:
        server, port = _split(asked.server)
        words += [_quote(f"@{server}")]
        if port not in (None, "53"):
            words += ["-p", _quote(port or "")]
    words += [_quote(host)] if host[:1].isalnum() else ["-q", _quote(host)]
    if asked is not None and asked.qtype != "A" and asked.qtype.isalnum():
        words.append(_quote(asked.qtype))
    if asked is not None and asked.transport == "tcp":
        words.append("+tcp")
    return " ".join(words)


def _asked(host: str, queries: Sequence[Query]) -> Query | None:
    """Return the question to ask again: of the name itself, the one that went worst, A before."""
    own = [query for query in queries if query.name in (None, host.rstrip("."))]
    return min(
        own or queries,
        key=lambda query: (query.rcode == "NOERROR", bool(query.addresses), query.qtype != "A"),
        default=None,
    )


def _openssl(failure: Failure, request: Request | None, via: str | None) -> str:
    host = failure.host or (request.host if request is not None else "")
    address = failure.address or f"{_bracketed(host)}:{_port(request)}"
    if via is not None:
        address = f"{_bracketed(host)}:{_port(request)}"
    words = ["openssl", "s_client", "-connect", _quote(address)]
    if failure.cls == "tls.alert":
        # Without `-brief` its last words are "Verify return code: 0 (ok)".
        words[2:2] = ["-brief", *_AS_GO]
    if via is not None:
        words += ["-proxy", _quote(via)]
    if _is_address(host):
        words += ["-verify_ip", _quote(host)]
    else:
        words += ["-servername", _quote(host)]
        if failure.cls == "tls.hostname":
            words += ["-verify_hostname", _quote(host)]
    return " ".join([*words, "</dev/null"])


def _ping(failure: Failure, via: str | None) -> str | None:
    """Return what sends a small packet and one as large as Ethernet's, which may not be cut."""
    target = via or failure.address or failure.host
    if target is None:
        return None
    host = _quote(_split(target)[0])
    size = _LARGE6 if ":" in host else _LARGE4
    end = "-- " if host.startswith("-") else ""
    return f"ping -c 3 -s 56 {end}{host} && ping -c 3 -M do -s {size} {end}{host}"


def _go_mod_verify(request: Request | None) -> str:
    # `go` throws away what it rejected, so that `go mod verify` alone finds nothing to verify.
    if request is None or request.module is None or request.version is None:
        return "go mod download && go mod verify"
    wanted = f"{request.module}@{request.version}"
    end = "-- " if wanted.startswith("-") else ""
    return f"go mod download {end}{_quote(wanted)} && go mod verify"


def _curl(
    failure: Failure, request: Request | None, through: str | None, sumdb: str | None
) -> str | None:
    is_shown = failure.cls == "http.content" and request is not None
    is_zip = request is not None and request.endpoint in _ZIPS
    before, behind = "", ""
    words = ["curl", "-v", "-o", "/dev/null"]
    if is_shown and is_zip:
        before, behind = "f=$(mktemp) && ", ' && unzip -tq "$f" && unzip -l "$f" | head -n 20'
        words[3] = '"$f"'
    elif is_shown:
        behind, words = f" | head -c {_SHOWN_BYTES}", words[:2]
    if through is not None:
        words += ["-x", _quote(through)]
    if failure.cls.startswith("auth.40") and failure.cls != "auth.407":
        words.append("--netrc-optional")
    if request is not None:
        if request.redirects:
            words.append("-L")
        return before + " ".join([*words, _quote(request_url(request, sumdb))]) + behind
    target = failure.address or failure.host
    return None if target is None else " ".join([*words, _quote(f"https://{target}/")])


def _look(request: Request) -> str | None:
    """Return what shows a file of a folder that is a proxy; None where it is not known which."""
    path = _path(request)
    folder = unquote((request.proxy or "").removeprefix("file://"))
    if path is None or request.endpoint == "sumdb":
        return None
    tool = "unzip -tq" if request.endpoint in _ZIPS else "cat"
    return f"{tool} {_quote(f'{folder}/{path}')}"


def _quote(word: str) -> str:
    return shlex.quote(clean(word))


def _escape(path: str) -> str:
    return re.sub(r"[A-Z]", lambda capital: "!" + capital[0].lower(), path)


def _split(server: str) -> tuple[str, str | None]:
    if _is_address(server):
        return server, None
    host, colon, port = server.rpartition(":")
    return (host.strip("[]"), port) if colon else (server, None)


def _port(request: Request | None) -> int:
    try:
        parts = urlsplit((request.proxy if request is not None else None) or "")
        return parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return 443


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
