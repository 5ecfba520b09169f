"""Rules of how many lines an event may take."""

from modpulse.agent.service.lines import (
    MAX_EVENT_BYTES,
    MAX_EVENT_LINES,
    MAX_EVENTS,
    MAX_PARTY_LINES,
    MINUTE_NS,
    Lines,
)


def test_a_flood_leaves_some_lines_and_a_number() -> None:
    """Beyond its lines an event is counted; the number is told when its minute is over."""
    lines = Lines()
    admitted = sum(lines.admit("batch.rejected", "", now_ns) for now_ns in range(1000))

    assert admitted == MAX_EVENT_LINES
    assert lines.next_end_ns() == MINUTE_NS
    assert lines.ended(MINUTE_NS - 1) == []
    assert lines.ended(MINUTE_NS) == [("batch.rejected", 1000 - MAX_EVENT_LINES)]
    assert lines.next_end_ns() is None
    assert lines.admit("batch.rejected", "", MINUTE_NS)


def test_an_event_hides_no_other() -> None:
    """While one floods, another is written."""
    lines = Lines()
    for _ in range(1000):
        lines.admit("batch.rejected", "", 0)

    assert lines.admit("store.unavailable", "", 0)


def test_a_party_hides_no_other() -> None:
    """One party has a few lines of an event, and others have theirs after it."""
    lines = Lines()
    flood = sum(lines.admit("batch.rejected", "token 1", 0) for _ in range(1000))

    assert flood == MAX_PARTY_LINES
    assert lines.admit("batch.rejected", "token 2", 0)
    assert lines.ended(MINUTE_NS) == [("batch.rejected", 1000 - MAX_PARTY_LINES)]


def test_bytes_are_bounded_too() -> None:
    """Long lines are fewer."""
    lines = Lines()
    assert lines.admit("request.failed", "", 0)
    lines.wrote("request.failed", MAX_EVENT_BYTES)

    assert not lines.admit("request.failed", "", 0)


def test_invented_events_share_an_account() -> None:
    """However many events there were, so many accounts are held."""
    lines = Lines()
    for number in range(10_000):
        lines.admit(f"event.{number}", "", 0)

    assert lines.ended(MINUTE_NS) == [("other", 10_000 - MAX_EVENTS - MAX_EVENT_LINES)]
    assert lines.ended(MINUTE_NS) == []
