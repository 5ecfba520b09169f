"""
What one request holds of the bytes that all connections share.

Pure. A body counts for nobody in particular until who sends it has said who it is.
"""

from ..shares import Shares
from .limits import LARGE_BODY_BYTES, STRANGERS_PART

STRANGERS = "strangers"
"""No caller is called so: they are tokens and certificates, or nobody is asked."""


class Holding:
    """Of one request, or of one answer."""

    def __init__(self, shares: Shares, party: str = STRANGERS) -> None:
        self._shares, self._party = shares, party
        self.held = 0

    def more(self, amount: int) -> bool:
        """Hold more; False when there is no room for it."""
        if self._party == STRANGERS:
            part = STRANGERS_PART
        else:
            part = 2 if self.held + amount > LARGE_BODY_BYTES else 1
        if not self._shares.has_room(self._party, amount, part):
            return False
        self._shares.take(self._party, amount)
        self.held += amount
        return True

    def belongs_to(self, party: str) -> None:
        """Who sends has said who it is; what it holds already it keeps."""
        self._shares.give(self._party, self.held)
        self._party = party
        self._shares.take(party, self.held)

    def let_go(self) -> None:
        """Hold nothing; more than once is no harm."""
        self._shares.give(self._party, self.held)
        self.held = 0
