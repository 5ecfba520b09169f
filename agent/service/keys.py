"""
A configuration as a dataclass: its fields are the keys, each with its default and its bounds.

Takes the text of a file and the environment, touches neither. A field is text, a number, a list of
texts or a table of texts, as its default is. One whose value is itself such a dataclass is a group:
its fields are keys of the same flat file. One of `tables` is a list of tables, `[[name]]`, which
the environment cannot set.
"""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from .errors import ConfigError, Faults

MAX_SHOWN = 100
"""Characters of a wrong value that a message repeats."""
MAX_TABLES = 64
"""Of one name."""
_BOUNDS, _CHOICES, _TABLE = "bounds", "choices", "table"

_T = TypeVar("_T")


def number(default: float, least: float, most: float) -> Any:
    """A number of the default's type and what it may be, both bounds allowed."""
    return dataclasses.field(default=default, metadata={_BOUNDS: (least, most)})


def choice(*words: str) -> Any:
    """One of these texts; the first is the default."""
    return dataclasses.field(default=words[0], metadata={_CHOICES: words})


def tables(kind: type[Any]) -> Any:
    """Tables of which each is such a dataclass."""
    return dataclasses.field(default=(), metadata={_TABLE: kind})


def defaults(kind: type[Any]) -> dict[str, Any]:
    """Return every key with its default."""
    return {field.name: _default(field) for field in _fields(kind)}


def bounds(kind: type[Any]) -> dict[str, tuple[float, float]]:
    """Return every number's least and most, by its key."""
    return {f.name: f.metadata[_BOUNDS] for f in _fields(kind) if _BOUNDS in f.metadata}


def values_of(config: Any) -> dict[str, Any]:
    """Return the value of every key."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        found |= values_of(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def unknown_variables(kind: type[Any], prefix: str, environ: Mapping[str, str]) -> list[str]:
    """Return variables that begin like ours and are no key: others set some, such as Kubernetes
    for a service called `modpulse-collector`."""
    known = {_variable(prefix, key) for key in defaults(kind)}
    return sorted(name for name in environ if name.startswith(prefix) and name not in known)


def parse(kind: type[_T], text: str, prefix: str, environ: Mapping[str, str]) -> _T:
    """
    Make a configuration.

    Args:
        kind: What to make; every field has a default.
        text: TOML.
        prefix: `<PREFIX><KEY>` in the environment wins; lists are written `a,b`, tables of texts
            `name=value,…`.
        environ: Of the process.

    Raises:
        ConfigError: not TOML; or all unknown keys, wrong types and values out of bounds.
    """
    try:
        given = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # ValueError: TOML's own, and Python's of a number with thousands of digits.
        raise ConfigError(f"not valid TOML: {error}") from None
    for field in _fields(kind):
        value = environ.get(_variable(prefix, field.name))
        if value is not None and _TABLE not in field.metadata:
            given[field.name] = _from_text(field.name, value, _default(field))
    return _made(kind, given, "")


def _variable(prefix: str, key: str) -> str:
    return prefix + key.upper()


def _made(kind: type[_T], given: Mapping[str, Any], where: str) -> _T:
    fields = {field.name: field for field in _fields(kind)}
    faults, typed = Faults(), {}
    for key in sorted(set(given) - set(fields)):
        faults.add(f"unknown key {where + _cut(key)!r}")
    for key in filter(fields.__contains__, given):
        with faults.noted():
            typed[key] = _typed(fields[key], where + key, given[key])
    faults.end()
    return _assembled(kind, typed)


def _assembled(kind: type[_T], typed: Mapping[str, Any]) -> _T:
    mine = {
        field.name: _assembled(type(inner), typed) if _is_group(inner) else typed[field.name]
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]  # of dataclasses
        if _is_group(inner := _default(field)) or field.name in typed
    }
    return kind(**mine)


def _fields(kind: type[Any]) -> Iterator["dataclasses.Field[Any]"]:
    for field in dataclasses.fields(kind):
        inner = _default(field)
        if _is_group(inner):
            yield from _fields(type(inner))
        else:
            yield field


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _is_group(value: Any) -> bool:
    return dataclasses.is_dataclass(value)


def _from_text(key: str, text: str, default: Any) -> Any:
    """Read a value as the environment writes it."""
    items = [item.strip() for item in text.split(",") if item.strip()]
    if isinstance(default, tuple):
        return items
    if isinstance(default, dict):
        pairs = [item.partition("=") for item in items]
        if not all(equals for _, equals, _ in pairs):
            raise ConfigError(f"{key} = {_shown(text)}: expected name=value,name=value")
        return {name.strip(): value.strip() for name, _, value in pairs}
    if isinstance(default, int | float):
        try:
            return type(default)(text if text.isascii() else "")
        except ValueError:
            raise ConfigError(f"{key} = {_shown(text)}: expected a number") from None
    return text


def _typed(field: "dataclasses.Field[Any]", key: str, value: Any) -> Any:
    """Return the value in the field's type."""
    default = _default(field)
    if _TABLE in field.metadata:
        return _tables(field.metadata[_TABLE], key, value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(_text(key, item) for item in value)
    if isinstance(default, dict) and isinstance(value, dict):
        return {name: _text(f"{key}.{name}", item) for name, item in value.items()}
    if isinstance(default, str):
        return _chosen(key, _text(key, value), field.metadata.get(_CHOICES))
    if type(value) is type(default) or (type(value) is int and isinstance(default, float)):
        return type(default)(_number(key, value, *field.metadata[_BOUNDS]))
    kinds = {tuple: "a list of texts", dict: "a table of texts", int: "a whole number"}
    raise ConfigError(f"{key} = {_shown(value)}: expected {kinds.get(type(default), 'a number')}")


def _tables(kind: type[Any], key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConfigError(f"{key} = {_shown(value)}: expected tables, [[{key}]]")
    if len(value) > MAX_TABLES:
        raise ConfigError(f"{key}: {len(value)} tables, at most {MAX_TABLES} are taken")
    return tuple(_made(kind, item, f"{key}[{place}].") for place, item in enumerate(value))


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{key} = {_shown(value)}: expected text")
    if not value.isprintable():
        raise ConfigError(f"{key} = {_shown(value)}: must be printable text of one line")
    return value


def _chosen(key: str, value: str, words: tuple[str, ...] | None) -> str:
    if words is not None and value not in words:
        raise ConfigError(f"{key} = {_shown(value)}: must be one of {', '.join(map(repr, words))}")
    return value


def _number(key: str, value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ConfigError(f"{key} = {_shown(value)}: must be from {least:.15g} to {most:.15g}")
    return value


def _shown(value: object) -> str:
    try:
        return _cut(repr(value))
    except (ValueError, RecursionError):
        return "…"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
