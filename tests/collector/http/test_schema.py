"""Rules of schemas that are made from types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from modpulse.collector.http.schema import PREFIX, Schemas

Colour = Literal["red", "green"]


class LeafDocument(TypedDict):
    """A leaf
    of a tree."""

    colour: Colour | Literal["brown"]
    fell: NotRequired[Annotated[str, "date-time"] | None]


@dataclass(frozen=True)
class Trunk:
    """What bears it."""

    leaves: tuple[LeafDocument, ...]


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (int, {"type": "integer"}),
        (float | None, {"type": ["number", "null"]}),
        (Annotated[str, "date-time"], {"type": "string", "format": "date-time"}),
        (Colour, {"type": "string", "enum": ["red", "green"]}),
        (
            Colour | None,
            {"anyOf": [{"type": "string", "enum": ["red", "green"]}, {"type": "null"}]},
        ),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (Mapping[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (dict[Colour, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (LeafDocument | None, {"anyOf": [{"$ref": PREFIX + "Leaf"}, {"type": "null"}]}),
    ],
)
def test_each_type_has_its_schema(kind: Any, schema: Any) -> None:
    """What mypy reads in a type, a program reads in its schema."""
    assert Schemas().of(kind) == schema


def test_types_with_a_name_are_told_once() -> None:
    """A type within a type is a reference; what may be missing is not required."""
    schemas = Schemas()

    assert schemas.of(Trunk) == {"$ref": PREFIX + "Trunk"}
    assert schemas.named == {
        "Trunk": {
            "type": "object",
            "description": "What bears it.",
            "properties": {"leaves": {"type": "array", "items": {"$ref": PREFIX + "Leaf"}}},
            "required": ["leaves"],
        },
        "Leaf": {
            "type": "object",
            "description": "A leaf of a tree.",
            "properties": {
                "colour": {"type": "string", "enum": ["red", "green", "brown"]},
                "fell": {"type": ["string", "null"], "format": "date-time"},
            },
            "required": ["colour"],
        },
    }


@pytest.mark.parametrize("kind", [bytes, object, tuple[int, str], dict[int, str], set[str]])
def test_what_json_does_not_know_is_an_error(kind: Any) -> None:
    """No type is told as something that it is not."""
    with pytest.raises((TypeError, KeyError)):
        Schemas().of(kind)


def test_two_types_of_one_name_are_an_error() -> None:
    """A name stands for one type."""

    @dataclass
    class Leaf:
        """Another."""

    schemas = Schemas()
    schemas.of(LeafDocument)
    with pytest.raises(TypeError, match="two types are called Leaf"):
        schemas.of(Leaf)
