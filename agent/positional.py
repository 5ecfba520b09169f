"""
Dataclasses as positional arrays: what each field may hold, checked alike on both ways.

Knows nothing of msgpack. A row is an array of its fields in order; fields are only ever appended,
so a reader ignores what comes after those it knows. Every kind has a name for docs/wire.md,
`write` (value to what msgpack packs) and `read` (what was unpacked to value); both raise
WireValueError, which says where.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

_T = TypeVar("_T")


class WireValueError(ValueError):
    """A value that may not be in its place."""


class Kind(Protocol):
    """What a field may hold."""

    name: str

    def write(self, value: Any, path: str) -> Any:
        """Return what is packed."""

    def read(self, value: Any, path: str) -> Any:
        """Return the field's value."""


class Int:
    """An integer within bounds; never a bool or a float."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.name = f"int {_span(minimum, maximum)}"
        self._range = range(minimum, maximum + 1)

    def read(self, value: Any, path: str) -> int:
        """Check it."""
        if type(value) is not int:
            raise WireValueError(f"{path}: {_type(value)} instead of an integer")
        if value not in self._range:
            raise WireValueError(f"{path}: {value} is not in {self.name.removeprefix('int ')}")
        return value

    write = read


class Text:
    """UTF-8 of at most so many bytes."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.name = f"str {_span(minimum, maximum)} bytes"
        self._range = range(minimum, maximum + 1)

    def read(self, value: Any, path: str) -> str:
        """Check it."""
        if type(value) is not str:
            raise WireValueError(f"{path}: {_type(value)} instead of a string")
        # Asking for ASCII costs nothing, and nearly all of it is.
        size = len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
        if size not in self._range:
            raise WireValueError(f"{path}: {size} bytes, not {self.name.removeprefix('str ')}")
        return value

    write = read


class Binary:
    """Bytes, at most so many."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.name = f"bin {_span(minimum, maximum)} bytes"
        self._range = range(minimum, maximum + 1)

    def read(self, value: Any, path: str) -> bytes:
        """Check it."""
        if type(value) is not bytes:
            raise WireValueError(f"{path}: {_type(value)} instead of bytes")
        if len(value) not in self._range:
            raise WireValueError(
                f"{path}: {len(value)} bytes, not {self.name.removeprefix('bin ')}"
            )
        return value

    write = read


class Maybe:
    """Nil, for what was not seen, or the other kind."""

    def __init__(self, kind: Kind) -> None:
        self.name = f"{kind.name} or nil"
        self._kind = kind

    def write(self, value: Any, path: str) -> Any:
        """Return what is packed."""
        return None if value is None else self._kind.write(value, path)

    def read(self, value: Any, path: str) -> Any:
        """Return the field's value."""
        return None if value is None else self._kind.read(value, path)


class Many:
    """An array, at most so long; a tuple in Python."""

    def __init__(self, kind: Kind, maximum: int) -> None:
        self.name = f"array 0..{maximum} of {kind.name}"
        self._kind, self._maximum = kind, maximum

    def write(self, value: Sequence[Any], path: str) -> list[Any]:
        """Return what is packed."""
        self._check(value, path)
        return [self._kind.write(item, f"{path}[{i}]") for i, item in enumerate(value)]

    def read(self, value: Any, path: str) -> tuple[Any, ...]:
        """Return the field's value."""
        if type(value) is not list:
            raise WireValueError(f"{path}: {_type(value)} instead of an array")
        self._check(value, path)
        return tuple([self._kind.read(item, f"{path}[{i}]") for i, item in enumerate(value)])

    def _check(self, value: Sequence[Any], path: str) -> None:
        if len(value) > self._maximum:
            raise WireValueError(f"{path}: {len(value)} items, at most {self._maximum}")


class Table:
    """A map, at most so large."""

    def __init__(self, key: Kind, value: Kind, maximum: int) -> None:
        self.name = f"map 0..{maximum} of {key.name} to {value.name}"
        self._key, self._value, self._maximum = key, value, maximum

    def write(self, value: Mapping[Any, Any], path: str) -> dict[Any, Any]:
        """Return what is packed."""
        self._check(value, path)
        return {
            self._key.write(k, path): self._value.write(v, f"{path}.{k}") for k, v in value.items()
        }

    def read(self, value: Any, path: str) -> dict[Any, Any]:
        """Return the field's value."""
        if type(value) is not dict:
            raise WireValueError(f"{path}: {_type(value)} instead of a map")
        self._check(value, path)
        return {
            self._key.read(k, path): self._value.read(v, f"{path}.{_short(k)}")
            for k, v in value.items()
        }

    def _check(self, value: Mapping[Any, Any], path: str) -> None:
        if len(value) > self._maximum:
            raise WireValueError(f"{path}: {len(value)} entries, at most {self._maximum}")


class Row(Generic[_T]):
    """A dataclass all of whose fields are made by `wire`, as an array."""

    def __init__(self, cls: type[_T], oldest: int = 1) -> None:
        """
        Args:
            cls: The dataclass.
            oldest: The oldest schema version that is read; fields appended since may be missing.
        """
        self.name = cls.__name__
        self._cls = cls
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # mypy cannot say "dataclass"
        self._kinds: list[tuple[str, Kind]] = [(f.name, f.metadata["kind"]) for f in fields]
        self._required = sum(f.metadata["since"] <= oldest for f in fields)

    def write(self, value: _T, path: str) -> list[Any]:
        """Return what is packed."""
        return [kind.write(getattr(value, name), f"{path}.{name}") for name, kind in self._kinds]

    def read(self, value: Any, path: str) -> _T:
        """Return the dataclass."""
        if type(value) is not list:
            raise WireValueError(f"{path}: {_type(value)} instead of an array")
        if len(value) < self._required:
            raise WireValueError(f"{path}: {len(value)} fields, at least {self._required} are due")
        return self._cls(
            **{
                name: kind.read(item, f"{path}.{name}")
                for (name, kind), item in zip(self._kinds, value, strict=False)
            }
        )


def wire(kind: Kind, default: Any = dataclasses.MISSING, since: int = 1) -> Any:
    """
    Declare a field of a row.

    Args:
        kind: What it may hold.
        default: For who makes one, and for who reads a row of a schema before `since`.
        since: The schema version that appended the field.
    """
    metadata = {"kind": kind, "since": since}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _span(minimum: int, maximum: int) -> str:
    return _power(minimum) if minimum == maximum else f"{_power(minimum)}..{_power(maximum)}"


def _power(number: int) -> str:
    """Write what is one below a power of two so that it can be read."""
    size = number.bit_length()
    return f"2^{size}-1" if size > 16 and number == (1 << size) - 1 else str(number)


def _type(value: Any) -> str:
    return "nil" if value is None else type(value).__name__


def _short(key: Any) -> str:
    return repr(key)[:32]
