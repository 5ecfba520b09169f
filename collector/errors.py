"""One exception per who must act."""


class ConfigError(Exception):
    """The operator must change the configuration; the message names key, value and limit."""


class StoreError(Exception):
    """The operator must look at the database before the collector can start."""


class StoreUnavailableError(Exception):
    """Nothing could be written now (disk full): the agent must come again later."""


class OverloadedError(Exception):
    """More comes than the disk takes: the agent must come again soon."""


class RejectedError(Exception):
    """
    The agent sent what will never be accepted.

    Args:
        status: HTTP status to answer.
        reason: One sentence for the agent's log.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
