"""
The OpenAPI 3.1 document of the API: from the table of requests, and the types of their answers.

Who adds a request under /api/v1 adds its row to OPERATIONS: a test holds that none is missing.
Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modpulse.agent.batch.proxies import MAX_PROXY_BYTES

from ..alerts.maintenance import MOST_MINUTES
from ..alerts.note import MAX_NOTE_CHARS
from ..insight.history import STEPS_S
from ..intake.dimensions import ASKED_BY
from . import agents, answers, asked, compare, history, incidents, past, public, query, routes
from .routes import Route
from .schema import Schema, Schemas

API = "/api/v1/"
JSON = "application/json"
PROXY: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_PROXY_BYTES}
MOMENT: Schema = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]{1,6}[mhdwy]$"},
        {"type": "string", "format": "date-time"},
    ]
}
PARAMETERS: Mapping[str, tuple[str, Schema]] = {
    "proxy": ("The entry of GOPROXY.", PROXY),
    "a": ("The entry of GOPROXY.", PROXY),
    "b": ("Another one.", PROXY),
    "since": ("A time before `until`, or how long: `90m`, `12h`, `7d`, `4w`, `1y`.", MOMENT),
    "until": ("A time, or how long ago; without it now.", MOMENT),
    "limit": ("Rows of a page.", {"type": "integer", "minimum": 1, "maximum": query.MAX_LIMIT}),
    "by": ("A dimension to tell apart.", {"type": "string", "enum": list(ASKED_BY)}),
    "step": ("The length of a period.", {"type": "string", "enum": ["", *STEPS_S]}),
}
"""Of a query: what it is, and its schema."""
AFTER: Mapping[Route, Schema] = {
    routes.PAST: {"type": "string", "pattern": "^[0-9]{1,18}$"},
    routes.AUDIT: {"type": "string", "pattern": "^[0-9]{1,18}$"},
    routes.INCIDENTS: {"type": "string", "pattern": "^([0-9]{1,18}-[0-9]{1,18})?$"},
}
"""What a page begins after, where that is not the name of a row."""
NEEDED = frozenset({"proxy", "a", "b"})
SITE: Schema = {"type": "string", "maxLength": asked.MAX_SITE_CHARS}
NOTE: Schema = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": MAX_NOTE_CHARS},
        "public": {"type": "boolean"},
    },
    "required": ["text"],
    "additionalProperties": False,
}
WINDOW: Schema = {
    "type": "object",
    "description": "It begins now and is of everything, if nothing else is said.",
    "properties": {
        "begins": {"type": "string", "description": "A time with its zone, or `sat 02:00` in UTC."},
        "ends": {"type": "string", "format": "date-time"},
        "minutes": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_MINUTES},
        "proxy": {"type": "string", "maxLength": MAX_PROXY_BYTES},
        "site": SITE,
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["minutes"]}, {"required": ["ends"]}],
}
BATCH: Schema = {"type": "string", "format": "binary"}
PLACES = {
    routes.NOTES: ("incident", "The id of an incident.", {"type": "string", "minLength": 1}),
    routes.END: ("id", "Of a window that was announced.", {"type": "integer", "minimum": 1}),
}
"""What stands for the `*` of a path."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One request, as others are told of it."""

    route: Route
    about: str
    answer: Any
    """Its type."""
    status: int = 200
    """Where all is well."""
    query: tuple[str, ...] = ()
    body: Schema | None = None
    media_type: str = JSON
    """Of the body."""
    has_tag: bool = True
    """An ETag, and 304."""


OPERATIONS = (
    Operation(routes.PUBLIC, "What anybody may know", public.PublicDocument),
    Operation(
        routes.PROXIES,
        "Every proxy, and how the collector does",
        answers.ProxiesDocument,
        query=query.PAGED,
    ),
    Operation(
        routes.INCIDENTS,
        "Incidents, and channels",
        answers.IncidentsDocument,
        query=incidents.KEYS,
    ),
    Operation(routes.ALERTS, "What waits and what fires", past.AlertsDocument, query=query.PAGED),
    Operation(routes.PAST, "What alerts did", past.PastDocument, query=past.KEYS),
    Operation(routes.AGENTS, "Every agent", agents.AgentsDocument, query=query.PAGED),
    Operation(routes.HISTORY, "A proxy's past", history.HistoryDocument, query=history.KEYS),
    Operation(
        routes.COMPARE, "Mirrors side by side", compare.ComparisonDocument, query=compare.KEYS
    ),
    Operation(routes.WINDOWS, "When nobody is told", answers.MaintenanceDocument),
    Operation(
        routes.AUDIT, "Who did what", answers.AuditDocument, query=query.PAGED, has_tag=False
    ),
    Operation(
        routes.NOTES,
        "Write a note",
        answers.NoteDocument,
        status=201,
        body=NOTE,
        has_tag=False,
    ),
    Operation(
        routes.ANNOUNCE,
        "Open a window",
        answers.ListedWindowDocument,
        status=201,
        body=WINDOW,
        has_tag=False,
    ),
    Operation(routes.END, "End a window", answers.EndedDocument, has_tag=False),
    Operation(
        routes.BATCHES,
        "Take a batch: 202, or 200 where it is known",
        answers.TakenDocument,
        status=202,
        body=BATCH,
        media_type="application/msgpack",
        has_tag=False,
    ),
)


def document() -> dict[str, Any]:
    """Return it."""
    schemas = Schemas()
    error = schemas.of(answers.ErrorDocument)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        route = operation.route
        name = PLACES[route][0] if route in PLACES else ""
        path = route.path.replace("*", f"{{{name}}}")
        paths.setdefault(path, {})[route.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "modpulse",
            "version": "1",
            "description": "What a collector knows. Within a version keys are only ever added.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}, {"certificate": []}, {}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "responses": {
                "Refused": {"description": "Why not.", "content": {JSON: {"schema": error}}}
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    }


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    route, content = operation.route, {JSON: {"schema": schemas.of(operation.answer)}}
    role = f"Wants the role `{route.role}`." if route.role else "Anybody may ask."
    answered: dict[str, Any] = {"description": operation.about, "content": content}
    told: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{route.path.removeprefix(API).title()}".translate(
            str.maketrans("", "", "/*")
        ),
        "summary": operation.about,
        "description": role,
        "parameters": list(_parameters(operation)),
        "responses": {str(operation.status): answered, "default": _refused()},
    }
    if route is routes.BATCHES:
        told["responses"]["200"] = answered
    if operation.has_tag:
        tag = {"ETag": {"description": "Its version.", "schema": {"type": "string"}}}
        answered["headers"] = tag
        told["responses"]["304"] = {"description": "It is as it was.", "headers": tag}
    if operation.body:
        body = {operation.media_type: {"schema": operation.body}}
        told["requestBody"] = {"required": True, "content": body}
    if route.role is None:
        told["security"] = []
    return told


def _refused() -> dict[str, str]:
    return {"$ref": "#/components/responses/Refused"}


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.route in PLACES:
        name, about, schema = PLACES[operation.route]
        yield _parameter("path", name, about, schema, is_needed=True)
    for name in operation.query:
        if name == "after":
            schema = AFTER.get(operation.route, {"type": "string"})
            yield _parameter("query", name, "`next` of the page before.", schema)
            continue
        about, schema = PARAMETERS[name]
        yield _parameter("query", name, about, schema, is_needed=name in NEEDED)
    if operation.has_tag:
        about = "An ETag, or several: 304 where the answer would have it."
        yield _parameter("header", "If-None-Match", about, {"type": "string"})


def _parameter(
    place: str, name: str, about: str, schema: Schema, is_needed: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "description": about,
        "required": is_needed,
        "schema": schema,
    }
