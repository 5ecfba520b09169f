"""
What go makes of HTTPS_PROXY or HTTP_PROXY where that is not what its user meant.

A value that is no URL with a host go reads once more with `http://` before it, so that its scheme
becomes the proxy's name; a scheme that it does not know it takes for HTTP. Source:
golang.org/x/net/http/httpproxy, parseProxy; net/http/transport.go, dialConn.
"""

from ..wire.hosts import split_port

_SCHEMES = ("http", "https", "socks5", "socks5h")


def misread(value: str | None, dialled: str) -> str | None:
    """
    Return the end of a sentence that begins with the variable; None where go took it as meant.

    Args:
        value: Of the variable, without secrets.
        dialled: Whom go took for the proxy, `host` or `host:port`.
    """
    if not value:
        return None
    scheme, separator, _ = value.lower().partition("://")
    name = split_port(dialled)[0].lower()
    if separator and scheme not in _SCHEMES:
        return "has a scheme that go does not know, and takes for http"
    if name in _SCHEMES and value.lower().startswith(name):
        return f"is no URL that go can read: it takes {name} for the name of a proxy"
    if name == "localhost" and name not in value.lower():
        return "names no host, so that go asks this machine itself"
    return None
