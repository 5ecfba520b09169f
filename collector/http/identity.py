"""
Who asks: a token or a certificate, as everywhere; for a page also a login, or the name that a
reverse proxy says, where it is one that we trust. Pure but for what it holds of logins.
"""

import ipaddress
from collections.abc import Mapping, Sequence

from ..access.entries import key_of
from ..access.guard import Caller, Guard
from ..access.sessions import Sessions
from ..errors import RejectedError
from ..page.look import cookies_of
from .hosts import Hosts

FORWARDED = b"x-forwarded-user"
MAX_FORWARDED_CHARS = 100


class Identity:
    """Of one collector."""

    def __init__(
        self,
        guard: Guard,
        sessions: Sessions,
        trusted: Sequence[str],
        is_tls: bool,
        hosts: Hosts,
    ) -> None:
        """
        Args:
            guard: Knows tokens and certificates.
            sessions: Knows logins.
            trusted: Addresses and networks of reverse proxies whose word counts.
            is_tls: Cookies are for TLS only.
            hosts: Knows by which names a reverse proxy may ask.
        """
        self._guard, self.sessions, self._hosts = guard, sessions, hosts
        self._trusted = [ipaddress.ip_network(address) for address in trusted]
        # Browsers take a cookie of this name only with `Secure`, for this host and no other.
        self.cookie = "__Host-modpulse_session" if is_tls else "modpulse_session"
        self._is_tls = is_tls

    def of_page(
        self,
        headers: Mapping[bytes, bytes],
        address: str,
        peer_names: frozenset[str],
        now_ns: int,
        wall_ns: int,
    ) -> Caller:
        """
        Return who asks for a page.

        Args:
            headers: Of the request.
            address: Where the connection comes from.
            peer_names: Of a client certificate.
            now_ns: On the collector's clock.
            wall_ns: On the wall's.

        Raises:
            RejectedError: 401, or 421: a reverse proxy asks by a name that is not known.
        """
        if b"authorization" in headers:
            return self._guard.caller([headers[b"authorization"]], peer_names, wall_ns)
        if self._is_trusted(address):
            name = headers.get(FORWARDED, b"").decode("latin-1").strip()[:MAX_FORWARDED_CHARS]
            if name.isprintable() and name:
                # A page of elsewhere sets that header as it likes, where it is taken for ours.
                self._hosts.check(headers)
                return self._guard.named(name, wall_ns)
            if not self.session(headers):
                raise RejectedError(401, "the reverse proxy has named nobody")
        secret = self.session(headers)
        key = self.sessions.key(secret, now_ns) if secret else None
        if key:
            return self._guard.of_key(key, wall_ns)
        return self._guard.caller((), peer_names, wall_ns)

    def session(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the secret of the session that a browser says; empty: it says none."""
        return cookies_of(headers.get(b"cookie", b"")).get(self.cookie, "")

    def log_in(self, token: str, now_ns: int, wall_ns: int) -> str:
        """
        Return the cookie for who has shown a token that may read.

        Raises:
            RejectedError: 401 for a token that is none, 403 for one that may not read.
        """
        key = key_of(token.strip().encode(errors="replace"))
        caller = self._guard.of_key(key, wall_ns)
        if not caller.may("read"):
            raise RejectedError(403, f"{caller.name} has not the role read")
        return self._set(self.sessions.begin(key, now_ns), "")

    def log_out(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the cookie for who is to be nobody again."""
        self.sessions.end(self.session(headers))
        return self._set("", "; Max-Age=0")

    def _set(self, value: str, more: str) -> str:
        secure = "; Secure" if self._is_tls else ""
        return f"{self.cookie}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}"

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        peer = ipaddress.ip_address(address.partition("%")[0])
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self._trusted)
