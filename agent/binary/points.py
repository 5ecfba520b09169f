"""
What is known of one `go` binary once it has been read: where to probe it, how to read its events.

Values only: what makes them, from bytes that anybody may have written, is plan.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..events.sites import Site
from .elf import Arch, Segment
from .layouts import LAYOUTS, Layout


@dataclass(frozen=True, slots=True)
class Point:
    """One place for a breakpoint."""

    site: Site
    offset: int
    """In the file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the kernel side and the reader of its events need to know of one binary."""

    version: str
    """`go1.26.8`."""
    arch: Arch
    cgo: bool | None
    """Names may be resolved by libc; None when not recorded."""
    pie: bool
    """Loaded at an address the file does not tell; then no error can be named."""
    segments: tuple[Segment, ...] = field(repr=False)
    layout_index: int | None = None
    """Index in LAYOUTS; None for a release that was not examined, or is not what it says: then
    there are no points."""
    points: tuple[Point, ...] = ()
    missing: Mapping[Site, str] = field(default_factory=dict)
    """Sites without a point, and why, in one phrase."""
    wrapped: Mapping[int, int] = field(default_factory=dict)
    """Address of an error type -> how it is read, see `_reading`."""
    type_names: Mapping[int, str] = field(default_factory=dict, repr=False)
    """Address of an error type -> its name, such as `*net.OpError`."""

    @property
    def layout(self) -> Layout | None:
        """Field offsets of the release; None when it was not examined."""
        return None if self.layout_index is None else LAYOUTS[self.layout_index]

    def type_name(self, address: int) -> str | None:
        """Return the name of an error type; None when it is not known."""
        return self.type_names.get(address)

    def file_offset(self, address: int, length: int) -> int | None:
        """
        Return where the constant bytes at an address of the process lie in the file.

        None for what is not constant: the heap, variables, and everything of a `pie`.
        """
        if self.pie:
            return None
        for segment in self.segments:
            into = address - segment.address
            if not segment.writable and into >= 0 and into + length <= segment.size:
                return segment.offset + into
        return None
