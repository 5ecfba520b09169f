"""
The life of one request: its stages, and what leads from one to the next. One table, no state.

What cannot follow is not in the table and changes nothing: events get lost, and a request is then
where the next one finds it.
"""

from collections.abc import Mapping
from enum import IntEnum, auto


class Stage(IntEnum):
    """How far a request has come; an IntEnum is hashed in C."""

    BEGUN = auto()
    """Nothing was asked yet."""
    CONNECTING = auto()
    """A round trip is under way, without a connection in hand."""
    WAITING = auto()
    """With a connection in hand: for the head of an answer."""
    HANGING = auto()
    """The same, for so long that it was told."""
    SENT_ON = auto()
    """Answered with a redirect; the next round trip follows."""
    READING = auto()
    """Answered with 200; the body is under way."""
    STALLED = auto()
    """The same, and for so long without more of it that it was told."""
    ANSWERED = auto()
    """With another status, or by a release that does not tell of bodies: nothing is waited for."""
    READ = auto()
    """The body of an answer was closed."""
    BROKEN = auto()
    """An error came instead of an answer."""
    FAILED = auto()
    """`go` says that the operation failed, at whatever."""
    REFUSED = auto()
    """`go` did not take what had come."""


class Move(IntEnum):
    """What happens to a request."""

    ROUND_TRIP_START = auto()
    """A round trip begins."""
    GOT_CONN = auto()
    """A connection is in hand."""
    REDIRECT = auto()
    """The head of a redirect."""
    BODY_START = auto()
    """A head with a body whose end will be told."""
    ANSWER = auto()
    """Any other final head."""
    NO_ANSWER = auto()
    """An error instead of a head."""
    BODY_CLOSED = auto()
    """The body was read or given up."""
    OPERATION_FAILED = auto()
    """The operation failed."""
    REFUSED = auto()
    """Its content was refused."""
    OVERDUE = auto()
    """What is waited for has not come in time."""
    TAKE_BACK = auto()
    """A file that was taken for read: nothing told when it was, and the process was killed."""


_OVER = {Move.OPERATION_FAILED: Stage.FAILED, Move.REFUSED: Stage.REFUSED}
_ANY = _OVER | {
    Move.ROUND_TRIP_START: Stage.CONNECTING,
    Move.REDIRECT: Stage.SENT_ON,
    Move.BODY_START: Stage.READING,
    Move.ANSWER: Stage.ANSWERED,
    Move.NO_ANSWER: Stage.BROKEN,
}

NEXT: Mapping[Stage, Mapping[Move, Stage]] = {
    Stage.BEGUN: _OVER | {Move.ROUND_TRIP_START: Stage.CONNECTING},
    Stage.CONNECTING: _ANY | {Move.GOT_CONN: Stage.WAITING, Move.OVERDUE: Stage.HANGING},
    Stage.WAITING: _ANY | {Move.OVERDUE: Stage.HANGING},
    Stage.HANGING: _ANY,
    Stage.SENT_ON: _ANY,
    Stage.READING: _ANY | {Move.BODY_CLOSED: Stage.READ, Move.OVERDUE: Stage.STALLED},
    Stage.STALLED: _ANY | {Move.BODY_CLOSED: Stage.READ},
    Stage.ANSWERED: _ANY | {Move.BODY_CLOSED: Stage.READ},
    Stage.READ: _ANY | {Move.TAKE_BACK: Stage.WAITING},
    Stage.BROKEN: _ANY,
    Stage.FAILED: {Move.REFUSED: Stage.REFUSED},
    Stage.REFUSED: {},
}

UNFINISHED = frozenset(
    {
        Stage.BEGUN,
        Stage.CONNECTING,
        Stage.WAITING,
        Stage.HANGING,
        Stage.READING,
        Stage.STALLED,
    }
)
"""Neither answered whole nor failed: who ends now cancels it."""

OVER = frozenset({Stage.READ, Stage.BROKEN, Stage.FAILED, Stage.REFUSED})
"""Nothing more is to come but a verdict on it."""

ANSWERED = frozenset({Stage.ANSWERED, Stage.READ})
"""As the protocol has it: what can be wrong is the status alone."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""net/http/client.go: redirectBehavior."""


def move_of(status: int | None, tells_bodies: bool) -> Move:
    """
    Say what the return of a round trip is.

    Args:
        status: Of the head; None where an error came instead.
        tells_bodies: The release tells when a body was closed.
    """
    if status is None:
        return Move.NO_ANSWER
    if status in REDIRECTS:
        return Move.REDIRECT
    return Move.BODY_START if status == 200 and tells_bodies else Move.ANSWER
