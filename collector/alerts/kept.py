"""
Incidents, notices and the past as text, for the database, and back: what makes no sense is a
ValueError.

The form is that of the values' types; a field that an older collector did not know has its default.
"""

import dataclasses
import json
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ..health.reason import Reason
from .incident import Incident
from .notice import Notice
from .past import Stretch, Transition

_T = TypeVar("_T")
MOST = 1 << 62
"""Of a number: a time that is later is damage."""


def to_text(value: Incident | Notice) -> str:
    """Return it as JSON."""
    return json.dumps(dataclasses.asdict(value), separators=(",", ":"), allow_nan=False)


def incident_of(text: object) -> Incident:
    """Return the incident of a text."""
    return typed(Incident, _parsed(text))


def notice_of(text: object) -> Notice:
    """Return the notice of a text."""
    return typed(Notice, _parsed(text))


def past_value(row: Transition | Stretch) -> dict[str, Any]:
    """Return a row of the past as JSON has it; what has its default is left out."""
    if isinstance(row, Stretch):
        value = dataclasses.asdict(row)
        return value if row.is_end else {k: v for k, v in value.items() if k != "is_end"}
    seen = row.condition
    if seen is None:
        return {"at_ns": row.at_ns, "key": [*row.key], "condition": None}
    facts = {"site": seen.facts.site, "failure": seen.facts.failure}
    fields = {
        "is_served": seen.is_served,
        "residue": seen.residue,
        "failed_ns": seen.failed_ns,
        "at_ns": seen.at_ns,
        "cause": seen.cause,
        "facts": {name: each for name, each in facts.items() if each},
    }
    known = {name: each for name, each in fields.items() if each}
    return {"at_ns": row.at_ns, "key": [*row.key], "condition": {"says": seen.says, **known}}


def past_text(row: Transition | Stretch) -> str:
    """Return a row of the past as JSON."""
    return json.dumps(past_value(row), separators=(",", ":"))


def past_of(text: object) -> Transition | Stretch:
    """Return the row of a text."""
    return past_row(_parsed(text))


def past_row(value: object) -> Transition | Stretch:
    """Return the row of a value that JSON has."""
    is_seen = isinstance(value, dict) and "key" in value
    return typed(Transition, value) if is_seen else typed(Stretch, value)


def typed(kind: type[_T], value: object) -> _T:
    """Return a value of a type of ours from one that JSON has."""
    try:
        return cast(_T, _value(kind, value))
    except (RecursionError, TypeError) as error:
        raise ValueError(f"no {kind.__name__.lower()}: {error}") from None


def _parsed(text: object) -> object:
    if not isinstance(text, str):
        raise ValueError("expected text")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


@cache
def _types(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, value: Any) -> Any:
    """Return a value of JSON in a type of ours."""
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError("expected an object")
        held: Any = kind
        types = _types(held)
        made = {name: _value(types[name], each) for name, each in value.items() if name in types}
        return held(**made)
    if hasattr(kind, "_fields"):
        return _named(kind, value)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (tuple, Mapping):
        return _several(origin, inner, value)
    if origin in (Union, UnionType):
        return _one_of(inner, value)
    if origin is Literal:
        is_right = value in inner
    elif kind is float:
        is_right = type(value) in (int, float) and abs(value) < MOST
    elif kind is int:
        is_right = type(value) is int and abs(value) < MOST
    else:
        is_right = type(value) is kind
    if not is_right:
        raise ValueError(f"expected {kind}")
    return value


def _named(kind: Any, value: Any) -> Any:
    if kind is Reason and isinstance(value, str):
        return Reason("plain", (value,))  # an older collector wrote sentences
    return kind(*_each(_types(kind).values(), value))


def _several(origin: Any, inner: tuple[Any, ...], value: Any) -> Any:
    if origin is tuple:
        return tuple(_value(inner[0], item) for item in _list(value))
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return {_value(inner[0], name): _value(inner[1], each) for name, each in value.items()}


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and NoneType in kinds:
        return None
    for kind in kinds:
        if kind is not NoneType:
            try:
                return _value(kind, value)
            except ValueError:
                continue
    raise ValueError("expected another type")


def _each(kinds: Any, value: Any) -> list[Any]:
    return [_value(kind, item) for kind, item in zip(kinds, _list(value), strict=True)]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("expected a list")
    return value
