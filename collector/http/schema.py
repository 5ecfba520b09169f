"""
JSON Schema (2020-12) of the types that answers are made of. Pure.

mypy holds that an answer has its type; so what is made from the type says what is answered.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Schema = dict[str, Any]
PREFIX = "#/components/schemas/"
_PLAIN: Mapping[Any, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    NoneType: "null",
}


class Schemas:
    """Of some types, and of all that these are made of."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}
        """Each type that has a name."""
        self._kinds: dict[str, Any] = {}

    def of(self, kind: Any) -> Schema:
        """Return a type's schema; TypeError for one that JSON does not know."""
        if kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        if is_typeddict(kind) or dataclasses.is_dataclass(kind):
            return self._object(kind)
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return {**self.of(inner[0]), "format": inner[1]}
        if origin is NotRequired:
            return self.of(inner[0])
        if origin is Literal:
            return {"type": "string", "enum": list(inner)}
        if origin in (Union, UnionType):
            return self._one_of(inner)
        if origin in (list, Sequence) or (origin is tuple and inner[1:] == (...,)):
            return {"type": "array", "items": self.of(inner[0])}
        if origin in (dict, Mapping) and self.of(inner[0])["type"] == "string":
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        raise TypeError(f"no JSON: {kind}")

    def _one_of(self, kinds: tuple[Any, ...]) -> Schema:
        kept = [self.of(kind) for kind in kinds if kind is not NoneType]
        if all(schema.get("type") == "string" and "enum" in schema for schema in kept):
            kept = [{"type": "string", "enum": [word for each in kept for word in each["enum"]]}]
        if NoneType not in kinds:
            return kept[0] if len(kept) == 1 else {"anyOf": kept}
        if len(kept) == 1 and "type" in kept[0] and "enum" not in kept[0]:
            return kept[0] | {"type": [kept[0]["type"], "null"]}
        return {"anyOf": [*kept, {"type": "null"}]}

    def _object(self, kind: Any) -> Schema:
        name = kind.__name__.removesuffix("Document")
        if self._kinds.setdefault(name, kind) is not kind:
            raise TypeError(f"two types are called {name}")
        if name not in self.named:
            self.named[name] = {}  # it may be made of itself
            hints = get_type_hints(kind, include_extras=True)
            required = getattr(kind, "__required_keys__", hints.keys())
            self.named[name] = {
                "type": "object",
                "description": " ".join(kind.__doc__.split()),
                "properties": {field: self.of(hint) for field, hint in hints.items()},
                "required": [field for field in hints if field in required],
            }
        return {"$ref": PREFIX + name}
