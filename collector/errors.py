"""One exception per who must act."""

from modpulse.agent.service.foreign import say


class StoreError(Exception):
    """The operator must look at the database before the collector can start."""


class BusyError(Exception):
    """Something else has what the collector needs now (port, database, room): start it again."""


class StoreUnavailableError(Exception):
    """
    Nothing could be read or written now (disk full): the agent must come again later.

    Args:
        reason: What is wrong and what helps.
        lasting: It is damage, which does not go away by itself.
    """

    def __init__(self, reason: str, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class StoreGoneError(StoreUnavailableError):
    """The files are no longer those that were opened: nothing is read or written until they are."""


class OverloadedError(Exception):
    """More comes than the disk takes: the agent must come again soon."""


class CrowdedError(Exception):
    """All places are taken by those we know: the agent must come again soon."""


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
        self.reason = say(reason)
        """As it may leave: it may quote the batch."""
