"""A memory with a bound."""

from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Bounded(dict[_K, _V]):
    """
    A dict that forgets what was put into it first, to make room for what is new.

    Only `memory[key] = value` heeds the bound. What must be kept for longer because it was used is
    taken out and put in again.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: _K, value: _V) -> None:
        if len(self) >= self._most and key not in self:
            del self[next(iter(self))]
        super().__setitem__(key, value)
