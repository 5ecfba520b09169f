"""
Hosts and ports as `go` writes them: in a URL, and to a dial.

Knows nothing of sockets. A dial has the ASCII form of a name and always a port
(net/http/transport.go: canonicalAddr); a URL may have neither.
"""

from ..records.spelling import asked_name

DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_name(one: str | None, other: str | None) -> bool:
    """Say whether two spellings mean the same host: case, a final dot, brackets, IDNA, zones."""
    return one is not None and other is not None and _plain(one) == _plain(other)


def split_port(host: str) -> tuple[str, int | None]:
    """Split `host:port`; without brackets, and None where there is no port."""
    name, colon, port = host.rpartition(":")
    is_number = port.isascii() and port.isdecimal()
    if colon and (":" not in name or name.endswith("]")) and (is_number or not port):
        return name.strip("[]"), int(port) if port else None
    return host.strip("[]"), None


def join_port(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an address of IPv6 (net.JoinHostPort)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_dial_of(dialled: str, asked: str, scheme: str, is_redirected: bool) -> bool:
    """
    Say whether a dial goes to whom a request asks, not to a proxy.

    Args:
        dialled: `host:port`.
        asked: The URL's host, with a port where the URL has one.
        scheme: Of the URL that the request began with.
        is_redirected: This is not its first URL: `http` may have become `https`, never back.
    """
    name, port = split_port(dialled)
    wanted, its_port = split_port(asked)
    ports = {its_port} if its_port is not None else {DEFAULT_PORTS.get(scheme, 443)}
    if its_port is None and is_redirected:
        ports.add(DEFAULT_PORTS["https"])
    return is_same_name(name, wanted) and (port is None or port in ports)


def _plain(name: str) -> str:
    return asked_name(name.strip("[]")).removesuffix(".").lower()
