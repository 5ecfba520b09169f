"""
A bounded amount, shared fairly: each party may hold as much as is left for all the others.

So one that floods ends at a half, two at a third each, and who comes later always finds room: the
dynamic threshold of Choudhury and Hahne (1998) for the buffers of a switch, with a factor of 1.
Pure.
"""

from collections import Counter


class Shares:
    """Who holds how much of it."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.held = 0
        """By all of them."""
        self._of: Counter[str] = Counter()

    def of(self, party: str) -> int:
        """Return how much one holds."""
        return self._of[party]

    def has_room(self, party: str, amount: int, part: int = 1) -> bool:
        """
        Return whether a party may hold so much more.

        Args:
            party: Who wants it.
            amount: How much more.
            part: What is less urgent may only use one of so many parts of what is left.
        """
        return self._of[party] + amount <= (self.total - self.held) // part

    def has_less(self, party: str) -> bool:
        """Return whether a party holds less than all that hold anything do on average."""
        return self._of[party] * len(self._of) < self.held

    def take(self, party: str, amount: int) -> None:
        """Hold more; whether there is room is the caller's to ask."""
        self.held += amount
        self._of[party] += amount

    def give(self, party: str, amount: int) -> None:
        """Hold less."""
        self.held -= amount
        self._of[party] -= amount
        if not self._of[party]:
            del self._of[party]
