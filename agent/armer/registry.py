"""
Which binaries are known, by which names, and which of them go when there are too many.

Decides and remembers; what it takes to probe them or to let them go is prober.py's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..binary.points import Plan
from ..service.bounded import Bounded

MAX_BINARIES = 128
"""Probed at a time; a host has tens."""
MAX_SLOW_BINARIES = 12
"""The same where each point has a link of its own, which takes the kernel 0.12 s to close: those of
a killed agent must all be gone before a writer waits no more, /proc/sys/fs/lease-break-time."""
MAX_NAMES = 4096
"""Files remembered to be known; a binary has another in each container."""
MAX_REFUSED = 4096
"""Files remembered to be no `go`."""
NUMBERS = 1 << 16
"""That an attach cookie can tell apart."""
UNUSED_NS = 600_000_000_000
"""How long a binary without a process is kept where that keeps a mount of this namespace."""
UNUSED_ELSEWHERE_NS = 10_000_000_000
"""The same where it keeps one that this process does not have, of a container most of all."""
RETIRED_NS = 10_000_000_000
"""How long events of a binary may be under way after its probes are gone."""

File = tuple[int, int]
"""Device and inode."""
Key = tuple[int, int, int, int, int]
"""Of one state of a file: see Candidate."""
Content = tuple[int, int, int, int]
"""The same without the time of its last change, which is also that of its mode and its names."""


@dataclass(slots=True, eq=False)
class Binary:
    """A `go` command that is probed, or of a release that never is."""

    number: int
    """How its events name it."""
    plan: Plan
    file: File
    size_bytes: int
    modified_at_ns: int
    """Since 1970, as it was last seen while nobody could write."""
    path: str
    kept_ns: int | None
    """How long it is kept without a process; None: as long as the file has a name."""
    used_at_ns: int
    armed_at_ns: int | None = None
    """Since when its probes are in place; None where it has none."""
    device: str | None = None
    """Of the file system that is kept, as the table of mounts has it, where no mount is."""
    retired_at_ns: int | None = None
    """Since when it is not probed any more."""
    users: dict[int, File] = field(default_factory=dict)
    """Processes that run it, by the file that they see."""

    @property
    def content(self) -> Content:
        """Another one when it has been written to."""
        return *self.file, self.size_bytes, self.modified_at_ns

    def is_unused(self, names: int, is_mounted: bool, now_ns: int) -> bool:
        """Whether to let it go, so that its disk and mount are free; `names`: st_nlink."""
        if self.users:
            return False
        if names == 0 or not is_mounted:
            return True
        return self.kept_ns is not None and now_ns - self.used_at_ns >= self.kept_ns


class Registry:
    """All binaries by number, the longest unused first."""

    def __init__(self, most: int) -> None:
        """Nothing is known; `most` are probed at a time."""
        self.most = most
        self._binaries: dict[int, Binary] = {}
        self._files: dict[File, Binary] = {}
        self._names: Bounded[Key, Binary] = Bounded(MAX_NAMES)
        self._refused: Bounded[Key, None] = Bounded(MAX_REFUSED)
        self._last_number = NUMBERS - 1
        self.forgotten = 0
        """Binaries that had to go for others."""

    def get(self, number: int) -> Binary | None:
        """Return the binary of an event."""
        return self._binaries.get(number)

    def find(self, file: File, key: Key) -> Binary | None:
        """
        Return a binary by its file, whose content cannot have changed, or by another name.

        Args:
            file: While its binary is not retired nobody has written to it.
            key: Of another file that shows the same one, as it was then.
        """
        return self._files.get(file) or self._names.get(key)

    def is_refused(self, key: Key) -> bool:
        """Whether this state of a file is known to be no `go`."""
        return key in self._refused

    def refuse(self, key: Key) -> None:
        """Remember that this state of a file is no `go`."""
        self._refused[key] = None

    def add(self, plan: Plan, key: Key, path: str, kept_ns: int | None, now_ns: int) -> Binary:
        """Take in a new binary; see Binary."""
        number = self._free_number()
        device, inode, size_bytes, modified_at_ns, _ = key
        file = device, inode
        binary = Binary(number, plan, file, size_bytes, modified_at_ns, path, kept_ns, now_ns)
        self._binaries[number] = binary
        return binary

    def hold(self, binary: Binary) -> None:
        """From now on nobody writes to its file, until it is retired."""
        self._files[binary.file] = binary

    def _free_number(self) -> int:
        # In turn: events of a forgotten one are long read when its number comes again.
        number = (self._last_number + 1) % NUMBERS
        while number in self._binaries:
            number = (number + 1) % NUMBERS
        self._last_number = number
        return number

    def name(self, binary: Binary, key: Key) -> None:
        """Remember a file that shows the same one: overlayfs has another in each container."""
        self._names[key] = binary

    def use(self, binary: Binary, pid: int, file: File, now_ns: int) -> None:
        """A process has begun to run it."""
        binary.users[pid] = file
        binary.used_at_ns = now_ns
        if binary.number in self._binaries:
            self._binaries[binary.number] = self._binaries.pop(binary.number)

    def current(self) -> list[Binary]:
        """Return those that are not retired, the longest unused first."""
        return [binary for binary in self._binaries.values() if binary.retired_at_ns is None]

    def surplus(self, at_least: int = 0) -> list[Binary]:
        """Return those that must go for the newest: the longest unused, what is run last of all."""
        others = self.current()[:-1]
        ordered = sorted(others, key=lambda binary: bool(binary.users))
        return ordered[: max(len(ordered) + 1 - self.most, at_least)]

    def alike(self, size_bytes: int) -> Iterator[Binary]:
        """Yield those of the same size: a file in a container may be one of them."""
        return (binary for binary in self.current() if binary.size_bytes == size_bytes)

    def retire(self, binary: Binary, now_ns: int) -> None:
        """It is not probed any more; its events may still be under way."""
        if binary.retired_at_ns is not None:
            return
        binary.retired_at_ns = now_ns
        if self._files.get(binary.file) is binary:
            del self._files[binary.file]
        for key in [key for key, known in self._names.items() if known is binary]:
            del self._names[key]

    def drop_retired(self, now_ns: int) -> list[Binary]:
        """Forget and return those whose events have all been read, earlier if there are many."""
        retired = [known for known in self._binaries.values() if known.retired_at_ns is not None]
        retired.sort(key=lambda binary: binary.retired_at_ns or 0)
        surplus = max(len(retired) - self.most, 0)
        late_ns = now_ns - RETIRED_NS
        gone = [
            binary
            for index, binary in enumerate(retired)
            if index < surplus or (binary.retired_at_ns or 0) <= late_ns
        ]
        for binary in gone:
            del self._binaries[binary.number]
        return gone
