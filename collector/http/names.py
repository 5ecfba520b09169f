"""
Foreign names as labels: each as it may leave, and no two alike. Pure.

A token in a path, or a character that no terminal shows, makes two of one: then a scrape would
have a series twice, of which Prometheus keeps either.
"""

from collections.abc import Iterable

from modpulse.agent.service.foreign import said


class Names(dict[str, str]):
    """What foreign names are told as; those that would be told alike are numbered."""

    def __init__(self, names: Iterable[str]) -> None:
        """
        Args:
            names: In whose order they are numbered; others follow as they come.
        """
        super().__init__()
        self._told: set[str] = set()
        for name in sorted(names):
            self[name]

    def __missing__(self, name: str) -> str:
        told = shown = said(name)
        number = 1
        while told in self._told:
            number += 1
            told = f"{shown}~{number}"
        self._told.add(told)
        self[name] = told
        return told
