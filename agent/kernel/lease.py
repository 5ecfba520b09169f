"""
Leases: to be asked before anybody writes to a probed file.

The kernel sets breakpoints by inode and offset, whatever the file holds by then: in a new content
they destroy instructions. It lets the holder of a read lease finish first when the file is opened
for writing or truncated (fcntl_setlease in fs/locks.c); who runs or reads it is not held up. A
writer waits until the probes are gone, for /proc/sys/fs/lease-break-time at the longest, 45 s.
When this process is killed the leases go last, see outlast.py.
"""

import errno
import fcntl
import os
import signal
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence

from ..machine.filesystems import require_own
from .outlast import Outlast

_F_SETOWN_EX, _F_OWNER_TID = 15, 0
"""include/uapi/asm-generic/fcntl.h"""
_SIGNAL = signal.SIGIO
"""What a lease is broken with, sent to one thread that has it blocked and waits for it."""


class Lease:
    """A file that nobody writes to while this is held, and the links on it."""

    def __init__(self, path: str, thread_id: int) -> None:
        """
        Take it.

        Args:
            path: A regular file.
            thread_id: Whom the kernel tells when somebody wants to write.

        Raises:
            OSError: EAGAIN: it is open for writing; else: there can be no lease on it, or none
                that all who write would meet.
        """
        self.handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._links: list[int] = []
        self._lock = threading.Lock()
        self.is_held = self.is_wanted = True
        try:
            require_own(self.handle)
            owner = struct.pack("<ii", _F_OWNER_TID, thread_id)
            fcntl.fcntl(self.handle, _F_SETOWN_EX, owner)
            fcntl.fcntl(self.handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError:
            os.close(self.handle)
            raise

    @property
    def path(self) -> str:
        """The open file, by a name that only this process can use."""
        return f"/proc/self/fd/{self.handle}"

    @property
    def last_descriptor(self) -> int:
        """The highest that this takes."""
        return max(self._links, default=self.handle)

    def is_asked_for(self) -> bool:
        """Whether somebody waits to write, or it is not needed any more."""
        with self._lock:
            asked = self.is_held and fcntl.fcntl(self.handle, fcntl.F_GETLEASE) != fcntl.F_RDLCK
            return asked or not self.is_wanted

    def attach(self, link: Callable[[str], Sequence[int]]) -> bool:
        """
        Add links, unless it is over: then False.

        Raises:
            OSError: `link` failed.
        """
        with self._lock:
            if self.is_held:
                self._links += link(self.path)
            return self.is_held

    def status(self) -> os.stat_result | None:
        """Return what the file is now; None when it is over."""
        with self._lock:
            return os.fstat(self.handle) if self.is_held else None

    def read(self, offset: int, length: int) -> bytes | None:
        """Return bytes of the file, fewer at its end; None when they cannot be had."""
        with self._lock:
            try:
                return os.pread(self.handle, length, offset) if self.is_held else None
            except OSError:
                return None

    def end(self, before_writing: Callable[[], object]) -> None:
        """Close every link, then let the file go; once."""
        with self._lock:
            if not self.is_held:
                return
            self.is_held = False
        # Nothing uses the descriptors from here on, and this may take seconds: 0.1 s for each
        # uprobe where a link has but one.
        try:
            for link in self._links:
                os.close(link)
            before_writing()
        finally:
            os.close(self.handle)


class Guard:
    """
    Holds leases, and a thread that ends one as soon as somebody waits for it.

    The thread does nothing else: a writer must not wait for what the main thread is at.
    """

    def __init__(self) -> None:
        """Start the thread."""
        self.ended: deque[Lease] = deque()
        """Leases that are over; for the user to take."""
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """For the user to poll: it becomes readable, once more, when a lease has ended."""
        self._leases: set[Lease] = set()
        self._disposed: deque[int] = deque()
        self._outlast = Outlast()
        self._lock = threading.Lock()
        self._thread_id = 0
        self._is_closing = False
        ready = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(ready,), name="leases")
        self._thread.daemon = True
        self._thread.start()
        ready.wait()

    @property
    def is_alive(self) -> bool:
        """Whether writers are heard."""
        return self._thread.is_alive()

    def expect_perf_links(self) -> None:
        """Links will be such as outlive their descriptors for a while; see outlast.py."""
        self._outlast.sink()

    def lease(self, path: str) -> Lease:
        """
        Take a lease on a file.

        Raises:
            OSError: see Lease.
        """
        lease = Lease(path, self._thread_id)
        try:
            with self._lock:
                self._leases.add(lease)
                self._keep()
        except OSError:
            self.end(lease)
            raise
        # The signal may have come before the thread could know of this one.
        if lease.is_asked_for():
            self.end(lease)
            raise BlockingIOError(errno.EAGAIN, "it is being written")
        return lease

    def let_go(self, lease: Lease) -> None:
        """Have the thread end it soon."""
        lease.is_wanted = False
        self._wake()

    def dispose(self, handle: int) -> None:
        """Have the thread close a descriptor: for those with which that takes long."""
        self._disposed.append(handle)
        self._wake()

    def end(self, lease: Lease) -> None:
        """End it now, which may take seconds."""
        lease.end(lambda: self._forget(lease))

    def _forget(self, lease: Lease) -> None:
        self.ended.append(lease)
        with self._lock:
            self._leases.discard(lease)
            self._keep()
        os.eventfd_write(self.descriptor, 1)

    def _keep(self) -> None:
        self._outlast.keep([lease.handle for lease in self._leases])

    def close(self) -> None:
        """End all, and the thread last: until then somebody may be waiting to write."""
        for lease in list(self._leases):
            self.end(lease)
        self._is_closing = True
        self._wake()
        self._thread.join()
        self._outlast.close()
        os.close(self.descriptor)

    def _wake(self) -> None:
        if self._thread.ident is not None and self._thread.is_alive():
            signal.pthread_kill(self._thread.ident, _SIGNAL)

    def _watch(self, ready: threading.Event) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {_SIGNAL})
        self._thread_id = threading.get_native_id()
        ready.set()
        while not self._is_closing:
            signal.sigwait({_SIGNAL})
            for lease in list(self._leases):
                if lease.is_asked_for():
                    self.end(lease)
            while self._disposed:
                os.close(self._disposed.popleft())
