"""
What was seen is remembered, so that other numbers can be tried on it (`rehearsal.py`). Pure.

Only of what held at some time: a fleet without trouble writes nothing. A row says what is seen of
one condition from then on; a stretch says when was judged meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from modpulse.agent.service.units import NS

from .facts import Facts
from .lifecycle import Key
from .reading import HOLDING, Condition

MAX_WATCHED = 40_000
"""Conditions that are watched at a time, as many as there are alerts; a further one is not."""
MAX_STRETCH_STEPS = 60
"""Judgements of one stretch: ten minutes."""
AGAIN_NS = 6 * 3600 * NS
"""What is watched is written again so often: any later time can be read by itself."""
WATCHED_NS = 2 * 3600 * NS
"""What is proven not to hold is watched for so long after it held: an alert may yet go on."""
FORGOTTEN_NS = 8 * 86_400 * NS
"""And what nobody knows, for so long: by then any alert is forgotten."""
EXPIRED = "tls.expired"
"""The only failure class by which alerts become one incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One judgement, and what it depends on beside what is seen."""

    at_ns: int
    listening_ns: int
    """Since when batches are taken."""
    window_ns: int
    wall_offset_ns: int = 0
    """Added to these times to show them."""
    silent_ns: int = 0
    """Silences of agents that were shorter are not known."""


@dataclass(frozen=True, slots=True)
class Transition:
    """What is seen of a key from a time on."""

    at_ns: int
    key: Key
    condition: Condition | None
    """Without what is only told; None: nothing is seen of it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Judgements one after another."""

    last: Moment
    before_ns: tuple[int, ...] = ()
    """Times of the others, oldest first."""
    is_end: bool = False
    """Nothing is watched from here on: until the next stretch was judged too, or was not."""

    @property
    def times_ns(self) -> tuple[int, ...]:
        """When was judged."""
        return (*self.before_ns, self.last.at_ns)


@dataclass(frozen=True, slots=True)
class Watched:
    """One condition that is remembered."""

    condition: Condition | None
    """As it was written last."""
    held_ns: int
    """When it held last; while it holds, when that was written."""
    written_ns: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of what is on disk, and what is to follow."""

    watched: Mapping[Key, Watched] = field(default_factory=dict)
    steps_ns: tuple[int, ...] = ()
    """Judgements that are in no stretch yet."""
    moment: Moment | None = None
    """Of the last of these."""
    dropped: int = 0
    """Conditions that found no room, in all steps."""

    def unwritten(self) -> tuple[Stretch, ...]:
        """Return what a stretch would have now."""
        return (Stretch(self.moment, self.steps_ns[:-1]),) if self.moment and self.steps_ns else ()


Rows = Sequence[Transition | Stretch]
"""In their order: what is seen at a judgement comes before the stretch that has it."""


def remember(
    memory: Memory, seen: Mapping[Key, Condition], moment: Moment, is_due: bool
) -> tuple[Memory, Rows]:
    """
    Return what is known after a judgement, and what is to be written.

    Args:
        memory: Of the one before; it is not changed.
        seen: By this one.
        moment: When.
        is_due: Something else is written.
    """
    now_ns, watched, dropped = moment.at_ns, dict(memory.watched), memory.dropped
    rows: list[Transition | Stretch] = []
    for key, condition in seen.items():
        if condition.says in HOLDING and key not in watched:
            if len(watched) >= MAX_WATCHED:
                dropped += 1
                continue
            watched[key] = Watched(None, now_ns, 0)
    for key, before in [*watched.items()]:
        after = _watched(before, seen.get(key), now_ns)
        if after.written_ns == now_ns:
            rows.append(Transition(now_ns, key, after.condition))
        if _is_over(after, now_ns):
            del watched[key]
        elif after is not before:
            watched[key] = after
    steps_ns = (*memory.steps_ns, now_ns) if watched or memory.watched else ()
    is_end = bool(steps_ns) and not watched
    if steps_ns and (rows or is_due or is_end or len(steps_ns) >= MAX_STRETCH_STEPS):
        rows.append(Stretch(moment, steps_ns[:-1], is_end))
        steps_ns = ()
    return Memory(watched, steps_ns, moment, dropped), rows


def watching(rows: Rows) -> Memory:
    """
    Return what is known after a restart: what is watched, and not what is seen of it.

    Args:
        rows: The newest, oldest first; what is watched is in them, for it is written again.
    """
    held: dict[Key, int] = {}
    holding: set[Key] = set()
    for row in rows:
        if not isinstance(row, Transition):
            continue
        if row.key in holding or row.key not in held:
            held[row.key] = row.at_ns
        holding.discard(row.key)
        if row.condition is not None and row.condition.says in HOLDING:
            holding.add(row.key)
            held[row.key] = row.at_ns
    return Memory({key: Watched(None, held_ns, 0) for key, held_ns in held.items()})


def bare(condition: Condition) -> Condition:
    """Return a condition without what is only told."""
    facts = condition.facts
    failure = facts.failure if facts.failure == EXPIRED else None
    return replace(condition, facts=Facts(site=facts.site, failure=failure))


def _watched(before: Watched, seen: Condition | None, now_ns: int) -> Watched:
    is_recent = 0 < before.written_ns > now_ns - AGAIN_NS
    if is_recent and _is_same(before.condition, seen):
        return before
    is_held = any(each is not None and each.says in HOLDING for each in (before.condition, seen))
    held_ns = now_ns if is_held else before.held_ns
    return Watched(bare(seen) if seen else None, held_ns, now_ns)


def _is_same(kept: Condition | None, seen: Condition | None) -> bool:
    """Whether nothing is to be written; it is asked of each in each step, so it makes nothing."""
    if kept is None or seen is None:
        return kept is seen
    is_expired = seen.facts.failure == EXPIRED
    return (
        kept.says == seen.says
        and kept.at_ns == seen.at_ns
        and kept.is_served == seen.is_served
        and kept.residue == seen.residue
        and kept.cause == seen.cause
        and kept.facts.site == seen.facts.site
        and (kept.facts.failure == EXPIRED) == is_expired
    )


def _is_over(watched: Watched, now_ns: int) -> bool:
    seen = watched.condition
    if seen is not None and seen.says in HOLDING:
        return False
    since_ns = now_ns - watched.held_ns
    is_proven = seen is not None and (
        seen.says == "not"
        or (seen.says == "well" and (seen.is_served or seen.cause == "certificate"))
    )
    return since_ns >= FORGOTTEN_NS or (is_proven and since_ns >= WATCHED_NS)
