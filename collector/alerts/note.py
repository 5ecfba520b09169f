"""What a person wrote of an incident. Pure."""

from dataclasses import dataclass

MAX_NOTE_CHARS = 1_000
"""Of one; a longer one is refused, not cut."""
MAX_NOTES = 50
"""Of one incident; a further one is refused."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note; it is not changed afterwards."""

    incident_id: int
    at_ns: int
    """The collector's time."""
    who: str
    words: str
    """As they may leave."""
    is_public: bool = False
    """Anybody may read it, without the name of who wrote it."""
