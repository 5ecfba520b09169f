"""
Who has logged in with a browser: a secret in a cookie stands for the token that was shown. Pure.

Nothing of it is kept: who restarts the collector logs everybody out. A session is worth what its
token is at each request, so it ends with it.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from modpulse.agent.service.units import NS

SESSION_NS = 12 * 3600 * NS
"""A working day."""
MAX_SESSIONS = 1_000
"""The oldest of the token that has most goes for a new one."""
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """One login."""

    key: str
    """Of the entry whose token was shown."""
    until_ns: int
    """Of the collector's clock."""


class Sessions:
    """Of one collector; of each secret it knows the hash only."""

    def __init__(self, chance: Callable[[int], bytes]) -> None:
        """
        Args:
            chance: Returns so many random bytes.
        """
        self._chance = chance
        self._secret = chance(SECRET_BYTES)
        self._of: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._of)

    def begin(self, key: str, now_ns: int) -> str:
        """Return the secret of a new session for an entry's key."""
        self._let_go(now_ns)
        if len(self._of) >= MAX_SESSIONS:
            keys = [session.key for session in self._of.values()]
            most = max(keys, key=keys.count)
            del self._of[next(name for name, one in self._of.items() if one.key == most)]
        secret = self._chance(SECRET_BYTES).hex()
        self._of[_hashed(secret)] = Session(key, now_ns + SESSION_NS)
        return secret

    def key(self, secret: str, now_ns: int) -> str | None:
        """Return the key that a session stands for; None: there is none."""
        session = self._of.get(_hashed(secret))
        return session.key if session and now_ns < session.until_ns else None

    def end(self, secret: str) -> None:
        """Log out."""
        self._of.pop(_hashed(secret), None)

    def form_token(self, who: str) -> str:
        """Return what a form of somebody's page has, and nobody else knows."""
        return hmac.new(self._secret, who.encode(), sha256).hexdigest()

    def is_form_token(self, who: str, presented: str) -> bool:
        """Return whether a form came from a page of this person."""
        return hmac.compare_digest(self.form_token(who).encode(), presented.encode())

    def _let_go(self, now_ns: int) -> None:
        # In the order in which they began, so in that in which they end.
        over = [name for name, session in self._of.items() if now_ns >= session.until_ns]
        for name in over:
            del self._of[name]


def _hashed(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()
