"""
The counters of the loss account, by name, with what each means in words; pure.

docs/records.md and docs/batch.md say the same under a test.
"""

from collections.abc import Mapping

ACCOUNT = frozenset(
    {"seen", "submitted", "decoded", "joined", "pending", "in_ring", "filtered", "dismissed"}
)
"""Counters that say where an event is, not that it is gone."""

EVENTS: Mapping[str, str] = {
    "ring_full": "the ring buffer was full",
    "map_full": "more went on at a time on this host than is followed",
    "process_full": "one process did more at a time than its share",
    "decode_errors": "not to be read",
    "queue_dropped": "the reader had no room",
    "tracker_full": "more at a time than is held, so given out early or not at all",
    "late": "of a process or connection that was gone",
    "orphan": "what should have come before was not seen",
    "bad_packets": "packets that could not be read",
    "bad_certificates": "certificates that could not be read",
    "unprobed": "`go` processes that began before their binary was probed: packets tell of them",
    "unexamined": "programs that had ended, and whose files were gone, before it could be told "
    "whether they were `go`",
    "not_ip": "packets of another protocol than TCP and UDP",
    "not_dns": "UDP packets that are not DNS",
    "flows_forgotten": "connections beyond what is told apart at a time",
    "untimed": "packets without a time",
    "out_of_order": "packets whose time was before the last one's",
    "damaged": "complaints about the file",
}
"""What is missing from the records."""

LOST = (
    "ring_full", "map_full", "process_full", "decode_errors", "queue_dropped", "tracker_full",
)  # fmt: skip
"""Those for which a batch says that its window lost something. The others are ends that an event
may find also where nothing is amiss."""

DELIVERY: Mapping[str, str] = {
    "unattributed": "lookups, connections and handshakes that found no request before they had to "
    "make room for others of their process",
    "poll_errors": "readings that failed, with what they had read",
    "batch_unsendable": "batches that broke their own schema",
    "spool_queue_full": "batches that the disk was too slow for",
    "spool_refused": "batches that the disk did not take and that were sent from memory, which is "
    "no loss",
    "spool_full": "batches dropped from a full spool, the oldest first",
    "spool_io": "batches that the disk refused",
    "spool_partial": "files of the spool that were not whole",
    "spool_foreign": "files in the spool that are no batch",
    "ship_poison": "batches that the collector refused for good",
    "ship_duplicates": "batches that the collector had already, which is no loss",
    "ship_failed_attempts": "attempts to deliver, which is no loss",
}
"""What was lost between the records and the collector, or nearly."""


def lost_between(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return what was lost between two readings of the account, by counter."""
    grown = {name: after.get(name, 0) - before.get(name, 0) for name in LOST}
    return {name: number for name, number in grown.items() if number > 0}
