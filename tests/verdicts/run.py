"""Provokes members under the agent's eyes, and judges each."""

from collections.abc import Sequence

from eyes import Eyes, Seen
from lab.lab import Lab

from .judged import verdict_of
from .member import Member
from .provoke import provoke
from .table import Row

PIECE = 40
"""Members run between two looks at the events, which would else fill the memory."""


def pieces(members: Sequence[Member]) -> list[Sequence[Member]]:
    """The slow ones together, the others by some tens."""
    slow = [member for member in members if member.takes_s]
    quick = [member for member in members if not member.takes_s]
    cut = [quick[at : at + PIECE] for at in range(0, len(quick), PIECE)]
    return [slow, *cut] if slow else cut


def run(lab: Lab, eyes: Eyes, members: Sequence[Member]) -> tuple[list[Row], Seen]:
    """Return a row for each member, and all that was seen."""
    eyes.forget()
    outcomes = provoke(lab, members, lambda: eyes.look(0.01))
    seen = eyes.seen()
    rows = [Row(outcome, verdict_of(seen, outcome.pid, outcome.exit_code)) for outcome in outcomes]
    return rows, seen
