"""The tracker's share of the loss account: where every event that it was fed has gone."""

from dataclasses import dataclass


@dataclass(slots=True)
class Account:
    """`decoded` is the sum of the five after it; the others count things, not events."""

    decoded: int = 0
    joined: int = 0
    late: int = 0
    """Of a process or connection that is gone."""
    orphan: int = 0
    """Without the event that should have come before, or beyond a bound."""
    dismissed: int = 0
    """Of a process that has a name like `go` and is something else."""
    pending: int = 0
    tracker_full: int = 0
    """What was given out before its end, or not followed at all, for a bound was reached."""
    bad_packets: int = 0
    """Packets that could not be read."""
    bad_certificates: int = 0
    """Certificates that could not be read."""
