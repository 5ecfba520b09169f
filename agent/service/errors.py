"""What an operator is told in one line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class ConfigError(Exception):
    """
    The operator must change the configuration; the message names key, value and limit.

    Args:
        words: Of the first fault.
        more: Of others that were found with it.
    """

    def __init__(self, words: str, more: Iterable[str] = ()) -> None:
        super().__init__(words)
        self.faults = (words, *more)


class Faults:
    """Of several steps: a bad one does not hide what is wrong with the next."""

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Do one step."""
        try:
            yield
        except ConfigError as error:
            self.add(*error.faults)

    def add(self, *words: str) -> None:
        """Note these."""
        self._found += words

    def end(self) -> None:
        """
        Tell all of them.

        Raises:
            ConfigError: there was one at least.
        """
        if self._found:
            raise ConfigError(self._found[0], self._found[1:])


class FileError(Exception):
    """
    Why a file cannot be used: the end of a line that begins with who named it.

    Args:
        words: Without the path.
        is_missing: There is none.
    """

    def __init__(self, words: str, is_missing: bool = False) -> None:
        super().__init__(words)
        self.is_missing = is_missing
