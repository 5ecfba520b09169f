"""
Dataclasses as positional arrays: what each field may hold, checked alike on both ways.

Knows nothing of msgpack. A row is an array of its fields in order; fields are only ever appended,
so a reader ignores what comes after those it knows. Every kind has a name for docs/batch.md,
`write` (value to what msgpack packs) and `read` (what was unpacked to value); both raise
BatchValueError. Where it happened is only put together then: a collector reads a thousand batches
a second.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

_T = TypeVar("_T")


class BatchValueError(ValueError):
    """A value that may not be in its place."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason, path)
        self._reason, self._path = reason, path

    def below(self, step: str) -> "BatchValueError":
        """Return it as seen from what holds the value."""
        return BatchValueError(self._reason, step + self._path)

    def __str__(self) -> str:
        """Say where, then why."""
        path = self._path.removeprefix(".")
        return f"{path}: {self._reason}" if path else self._reason


class Kind(Protocol):
    """What a field may hold."""

    name: str

    def write(self, value: Any) -> Any:
        """Return what is packed."""

    def read(self, value: Any) -> Any:
        """Return the field's value."""


class Int:
    """An integer within bounds; never a bool or a float."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.name = f"int {_span(minimum, maximum)}"
        self._minimum, self._maximum = minimum, maximum

    def read(self, value: Any) -> int:
        """Check it."""
        if type(value) is not int:
            raise BatchValueError(f"{_type(value)} instead of an integer")
        if not self._minimum <= value <= self._maximum:
            raise BatchValueError(f"{value} is not in {self.name.removeprefix('int ')}")
        return value

    write = read


class Text:
    """UTF-8 of at most so many bytes."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.name = f"str {_span(minimum, maximum)} bytes"
        self._minimum, self._maximum = minimum, maximum

    def read(self, value: Any) -> str:
        """Check it."""
        if type(value) is not str:
            raise BatchValueError(f"{_type(value)} instead of a string")
        # Asking for ASCII costs nothing, and nearly all of it is.
        size = len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
        if not self._minimum <= size <= self._maximum:
            raise BatchValueError(f"{size} bytes, not {self.name.removeprefix('str ')}")
        return value

    write = read


class Bytes:
    """Bytes, at most so many."""

    def __init__(self, maximum: int, minimum: int = 0) -> None:
        self.name = f"bin {_span(minimum, maximum)} bytes"
        self._minimum, self._maximum = minimum, maximum

    def read(self, value: Any) -> bytes:
        """Check it."""
        if type(value) is not bytes:
            raise BatchValueError(f"{_type(value)} instead of bytes")
        if not self._minimum <= len(value) <= self._maximum:
            raise BatchValueError(f"{len(value)} bytes, not {self.name.removeprefix('bin ')}")
        return value

    write = read


class Maybe:
    """Nil, for what was not seen, or the other kind."""

    def __init__(self, kind: Kind) -> None:
        self.name = f"{kind.name} or nil"
        self._kind = kind

    def write(self, value: Any) -> Any:
        """Return what is packed."""
        return None if value is None else self._kind.write(value)

    def read(self, value: Any) -> Any:
        """Return the field's value."""
        return None if value is None else self._kind.read(value)


class Many:
    """An array, at most so long; a tuple in Python."""

    def __init__(self, kind: Kind, maximum: int) -> None:
        self.name = f"array 0..{maximum} of {kind.name}"
        self._kind, self._maximum = kind, maximum

    def write(self, value: Sequence[Any]) -> list[Any]:
        """Return what is packed."""
        return self._each(value, self._kind.write)

    def read(self, value: Any) -> tuple[Any, ...]:
        """Return the field's value."""
        if type(value) is not list:
            raise BatchValueError(f"{_type(value)} instead of an array")
        return tuple(self._each(value, self._kind.read))

    def _each(self, value: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
        if len(value) > self._maximum:
            raise BatchValueError(f"{len(value)} items, at most {self._maximum}")
        changed: list[Any] = []
        try:
            for item in value:
                changed.append(change(item))
        except BatchValueError as error:
            raise error.below(f"[{len(changed)}]") from None
        return changed


class Table:
    """A map, at most so large."""

    def __init__(self, key: Kind, value: Kind, maximum: int) -> None:
        self.name = f"map 0..{maximum} of {key.name} to {value.name}"
        self._key, self._value, self._maximum = key, value, maximum

    def write(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return what is packed."""
        return self._each(value, self._key.write, self._value.write)

    def read(self, value: Any) -> dict[Any, Any]:
        """Return the field's value."""
        if type(value) is not dict:
            raise BatchValueError(f"{_type(value)} instead of a map")
        return self._each(value, self._key.read, self._value.read)

    def _each(
        self, value: Mapping[Any, Any], key: Callable[[Any], Any], item: Callable[[Any], Any]
    ) -> dict[Any, Any]:
        if len(value) > self._maximum:
            raise BatchValueError(f"{len(value)} entries, at most {self._maximum}")
        changed: dict[Any, Any] = {}
        for name, held in value.items():
            checked = key(name)
            try:
                changed[checked] = item(held)
            except BatchValueError as error:
                raise error.below(f"[{str(name)[:32]!r}]") from None
        return changed


class Row(Generic[_T]):
    """A dataclass all of whose fields are made by `sent`, as an array."""

    def __init__(self, cls: type[_T], oldest: int = 1) -> None:
        """
        Args:
            cls: The dataclass.
            oldest: The oldest schema version that is read; fields appended since may be missing.
        """
        self.name = cls.__name__
        self._cls = cls
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # mypy cannot say "dataclass"
        kinds: list[tuple[str, Kind]] = [(f.name, f.metadata["kind"]) for f in fields]
        self._writers = [(name, kind.write) for name, kind in kinds]
        self._readers = [(name, kind.read) for name, kind in kinds]
        self._required = sum(f.metadata["since"] <= oldest for f in fields)

    def write(self, value: _T) -> list[Any]:
        """Return what is packed."""
        name = ""
        array: list[Any] = []
        try:
            for name, write in self._writers:
                array.append(write(getattr(value, name)))
        except BatchValueError as error:
            raise error.below(f".{name}") from None
        return array

    def read(self, value: Any) -> _T:
        """Return the dataclass."""
        if type(value) is not list:
            raise BatchValueError(f"{_type(value)} instead of an array")
        if len(value) < self._required:
            raise BatchValueError(f"{len(value)} fields, at least {self._required} are due")
        name = ""
        fields: dict[str, Any] = {}
        try:
            for (name, read), item in zip(self._readers, value, strict=False):
                fields[name] = read(item)
        except BatchValueError as error:
            raise error.below(f".{name}") from None
        return self._cls(**fields)


def sent(kind: Kind, default: Any = dataclasses.MISSING, since: int = 1) -> Any:
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
