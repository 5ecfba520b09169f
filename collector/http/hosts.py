"""
By which names a collector may be asked where nobody shows a secret. Pure.

A page of elsewhere whose name is made to lead to this machine (DNS rebinding) is of one origin with
the collector, for a browser, and may read and send all that its user may. It cannot change `Host`,
which is its own name.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping

from modpulse.agent.service.loopback import is_loopback

from ..errors import RejectedError

MISDIRECTED = 421
"""RFC 9110 section 15.5.20."""
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/?#\s]+)(?::[0-9]*)?", re.IGNORECASE)


class Hosts:
    """Of one collector."""

    def __init__(self, listen_host: str, names: Iterable[str]) -> None:
        """
        Args:
            listen_host: The address listened on.
            names: Names and addresses that are configured.
        """
        self._configured = {name.lower().rstrip(".") for name in names}
        self._names = {*self._configured, listen_host.partition("%")[0].lower()}
        # Only a name can be led astray: who asks for an address means that machine.
        self._is_any = ipaddress.ip_address(listen_host).is_unspecified

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """
        Raise RejectedError 421 where `Host` is none of ours.

        A request without one is no browser's, and is taken.
        """
        if b"host" in headers and not self._knows(_name(headers[b"host"].decode("latin-1"))):
            raise RejectedError(MISDIRECTED, "asked by a name that is not in host_names")

    def check_origin(self, headers: Mapping[bytes, bytes]) -> None:
        """
        Raise RejectedError 403 where a browser says that a page of another site sends it.

        Source: Fetch Metadata Request Headers, section 2.3; RFC 6454 section 7 for browsers that
        say nothing of the site, as where neither TLS nor loopback is between.
        """
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site is not None:
            is_ours = site in (b"same-origin", b"none")
        elif origin is not None:
            authority = origin.decode("latin-1").partition("://")[2].lower()
            host = headers.get(b"host", b"").decode("latin-1").lower()
            is_ours = authority == host != "" or _name(authority) in self._configured
        else:
            is_ours = True
        if not is_ours:
            raise RejectedError(403, "this came from a page of another site")

    def _knows(self, name: str) -> bool:
        return name in self._names or is_loopback(name) or (self._is_any and is_address(name))


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name(authority: str) -> str:
    """Return the host of `host:port`; empty where it is none."""
    found = _AUTHORITY.fullmatch(authority.strip())
    return found[1].strip("[]").lower().rstrip(".") if found else ""
