"""
By which wall clock a batch was written down: it may be set while batches wait to be sent.

The collector takes the difference of its clock to the `Date` of sending for that of the window's
times. Pure: whoever calls reads the clocks.
"""

STEP_NS = 2_000_000_000
"""Less is slewing, or not worth a word: the collector ignores as much."""
MAX_ERAS = 64
"""Of one run; those of before are forgotten, and their batches have the clock of now."""


class Eras:
    """The wall clocks of one run, one after the other."""

    def __init__(self, run_id: str) -> None:
        """`run_id` as in the names of the spool."""
        self._run_id = run_id
        self._eras: tuple[tuple[int, int], ...] = ()
        """First seq, and the wall's time less the time since boot; replaced, for it is shared."""

    def note(self, seq: int, offset_ns: int) -> None:
        """Remember the wall clock, less the time since boot, by which a batch is written down."""
        if not self._eras or abs(offset_ns - self._eras[-1][1]) >= STEP_NS:
            self._eras = (*self._eras, (seq, offset_ns))[-MAX_ERAS:]

    def sent_ns(self, name: str, wall_ns: int, boot_ns: int) -> int:
        """
        Return the time of sending by the clock of a batch, ns since 1970.

        Args:
            name: Of its file, see spool.py.
            wall_ns: Now; also the answer where the batch is of another run or the clock the same.
            boot_ns: Since boot, in suspend too.
        """
        _, run_id, seq = name.partition(".")[0].split("-")
        if run_id != self._run_id:
            return wall_ns
        offsets = [offset_ns for first, offset_ns in self._eras if first <= int(seq)]
        if not offsets or abs(boot_ns + offsets[-1] - wall_ns) < STEP_NS:
            return wall_ns
        return boot_ns + offsets[-1]
