"""Rules of the clock that a batch was written down by, with literal times."""

import pytest

from modpulse.agent.delivery.eras import MAX_ERAS, Eras

S = 1_000_000_000
WALL_NS, BOOT_NS, HOUR_NS = 1_800_000_000 * S, 500 * S, 3600 * S
RUN, OTHER = "ab" * 8, "cd" * 8


def name(seq: int, run_id: str = RUN) -> str:
    """As the spool names a batch."""
    return f"0000000000000007-{run_id}-{seq}.batch"


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 366 * 24 * HOUR_NS])
def test_a_clock_that_was_set_while_batches_waited(step_ns: int) -> None:
    """Each batch is sent by the clock that its window was written down by."""
    eras = Eras(RUN)
    offset_ns = WALL_NS - BOOT_NS
    eras.note(0, offset_ns)
    eras.note(1, offset_ns + S)  # slewed
    eras.note(2, offset_ns + step_ns)
    sent = [eras.sent_ns(name(seq), WALL_NS + step_ns, BOOT_NS) for seq in range(4)]

    assert sent == [WALL_NS, WALL_NS, WALL_NS + step_ns, WALL_NS + step_ns]
    assert eras.sent_ns(name(0, OTHER), WALL_NS + step_ns, BOOT_NS) == WALL_NS + step_ns


def test_a_clock_that_was_set_just_now() -> None:
    """Also before a next window tells of the new clock."""
    eras = Eras(RUN)
    eras.note(0, WALL_NS - BOOT_NS)

    assert eras.sent_ns(name(0), WALL_NS + HOUR_NS + S, BOOT_NS + S) == WALL_NS + S


def test_a_clock_that_is_set_for_ever() -> None:
    """Of very many clocks the latest are remembered."""
    eras = Eras(RUN)
    for seq in range(2 * MAX_ERAS):
        eras.note(seq, seq * HOUR_NS)

    assert eras.sent_ns(name(0), WALL_NS, BOOT_NS) == WALL_NS
    assert eras.sent_ns(name(MAX_ERAS), WALL_NS, BOOT_NS) == MAX_ERAS * HOUR_NS + BOOT_NS
