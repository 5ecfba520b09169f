"""
What the process that reads binaries tells of one: a plan as bytes, and back.

That process has read a file that anybody may have written, so what it says is checked as if that
file had said it: types, ranges, and that every breakpoint lies in code of the file.
"""

import json
from collections.abc import Callable
from typing import TypeVar, cast, get_args

from ..events.sites import Site
from .elf import MAX_SEGMENTS, Arch, Segment
from .layouts import layout_index
from .offsets import TEXTS, WRAPPED
from .points import Plan, Point

MAX_POINTS = 1024
"""Of one binary; one for arm64 has 75."""
MAX_TYPES = 4096
"""Error types of one binary; `go` has 180."""
MAX_CHARS = 256
"""Of a version, a type's name or a reason."""
_MOST_WRAPPED = len({**WRAPPED, **TEXTS})
_U64 = 1 << 64
_T = TypeVar("_T")


class UntoldError(Exception):
    """What was told is no plan; the message says why in one phrase."""


def plan_as_bytes(made: Plan) -> bytes:
    """Return a plan as JSON."""
    return json.dumps({
        "version": made.version,
        "arch": made.arch,
        "cgo": made.cgo,
        "layout_index": made.layout_index,
        "pie": made.pie,
        "segments": [
            [part.address, part.offset, part.size, part.writable, part.executable]
            for part in made.segments
        ],
        "points": [[point.site, point.offset] for point in made.points],
        "missing": list(made.missing.items()),
        "wrapped": list(made.wrapped.items()),
        "type_names": list(made.type_names.items()),
    }).encode()  # fmt: skip


def plan_of(data: bytes, size_bytes: int) -> Plan:
    """
    Return a plan that has been told.

    Args:
        data: As `plan_as_bytes` has it, at best.
        size_bytes: Of the binary.

    Raises:
        UntoldError: it cannot be one of such a file.
    """
    try:
        made = _plan(json.loads(data), size_bytes)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UntoldError(f"no plan: {type(error).__name__}") from None
    code = [part for part in made.segments if part.executable]
    for point in made.points:
        if not any(part.offset <= point.offset < part.offset + part.size for part in code):
            raise UntoldError("a breakpoint outside of code")
    if made.layout_index not in (None, layout_index(made.arch, made.version)):
        raise UntoldError("another release's layout")
    if made.points and made.layout_index is None:
        raise UntoldError("breakpoints in a release that is not known")
    return made


def _plan(told: dict[str, object], size_bytes: int) -> Plan:
    index, cgo = told["layout_index"], told["cgo"]
    segments = _rows(told["segments"], MAX_SEGMENTS, _segment)
    if any(part.offset + part.size > size_bytes for part in segments):
        raise ValueError
    return Plan(
        _text(told["version"]),
        _arch(told["arch"]),
        None if cgo is None else _flag(cgo),
        _flag(told["pie"]),
        segments,
        layout_index=None if index is None else _number(index),
        points=_rows(told["points"], MAX_POINTS, lambda of: Point(_site(of[0]), _number(of[1]))),
        missing=dict(_rows(told["missing"], len(Site), lambda of: (_site(of[0]), _text(of[1])))),
        wrapped=dict(_rows(told["wrapped"], _MOST_WRAPPED, _wrapped)),
        type_names=dict(_rows(told["type_names"], MAX_TYPES, _type_name)),
    )


def _rows(told: object, most: int, row: Callable[[list[object]], _T]) -> tuple[_T, ...]:
    if not isinstance(told, list) or len(told) > most:
        raise ValueError
    if not all(isinstance(each, list) for each in told):
        raise ValueError
    return tuple(row(each) for each in told)


def _segment(of: list[object]) -> Segment:
    address, offset, size, writable, executable = of
    return Segment(
        _number(address), _number(offset), _number(size), _flag(writable), _flag(executable)
    )


def _wrapped(of: list[object]) -> tuple[int, int]:
    return _number(of[0]), _number(of[1])


def _type_name(of: list[object]) -> tuple[int, str]:
    return _number(of[0]), _text(of[1])


def _number(told: object) -> int:
    if type(told) is not int or not 0 <= told < _U64:
        raise ValueError
    return told


def _site(told: object) -> Site:
    return Site(_number(told))


def _text(told: object) -> str:
    if not isinstance(told, str) or len(told) > MAX_CHARS:
        raise ValueError
    return told


def _flag(told: object) -> bool:
    if not isinstance(told, bool):
        raise ValueError
    return told


def _arch(told: object) -> Arch:
    if told not in get_args(Arch):
        raise ValueError
    return cast("Arch", told)
