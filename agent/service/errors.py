"""What an operator is told in one line."""


class ConfigError(Exception):
    """The operator must change the configuration; the message names key, value and limit."""


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
