"""/openapi.json: OpenAPI 3.1, printed from the very tables by which requests are checked, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

import gateway as program
from gateway.listeners.http.access import Allow
from gateway.listeners.http.operation import Operation, Request, answer
from gateway.listeners.http.problem import MEDIA_TYPE, SORTS
from gateway.listeners.http.site import Site

__all__ = ["OPERATIONS", "document"]

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [f"urn:chappe:{sort}" for sort in SORTS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "The command_status that SMPP would give."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"at": {"type": "string"}, "what": {"type": "string"}},
                "required": ["at", "what"],
            },
        },
    },
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chappe",
            "version": program.__version__,
            "description": "An SMPP gateway over HTTP. Ids are strings. Errors are RFC 9457 problems.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": _name(operation),
        "summary": operation.summary,
        "description": " ".join(filter(None, (operation.details, _who(operation.allow)))),
        "tags": [operation.tag],
        "parameters": [
            *_parameters("path", operation.parameters),
            *_parameters("query", operation.query),
            *_parameters("header", operation.headers),
        ],
        "responses": _responses(operation),
    }
    if not operation.allow.anybody:
        shown["security"] = [{"token": []}]
        if operation.allow.local:
            shown["security"].append({})
    if operation.body is not None:
        shown["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
    return shown


def _name(operation: Operation) -> str:
    """messages.post, health.healthz.get: the handler, and the method where it does not say so."""
    handler, method = operation.handler, operation.method.lower()
    name = f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"
    return name if handler.__name__ == method else f"{name}.{method}"


def _who(allow: Allow) -> str:
    if allow.anybody:
        return "For anybody."
    who = ["applications"] if allow.account else []
    who += [f"operators with the role {allow.role} or a higher one"] if allow.role else []
    who += ["anybody on the gateway's machine"] if allow.local else []
    return f"For {', '.join(who)}."


def _parameters(place: str, shapes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": place, "required": place == "path", "schema": shape}
        for name, shape in shapes.items()
    ]


def _responses(operation: Operation) -> dict[str, Any]:
    """Those of its table, and the problems that its kind of request can meet."""
    problems = {500, 503}
    if operation.media == "application/json":
        problems |= {422}
    if not operation.allow.anybody:
        problems |= {401, 403, 429}
    if operation.body is not None:
        problems |= {400, 408, 413, 415}
    good = [status for status in operation.answers if status < 300]
    found: dict[str, Any] = {}
    for status, words in operation.answers.items():
        if status in good or operation.media != "application/json" or operation.allow.anybody:
            schema: Any = operation.answer or {"type": "string"}
            found[str(status)] = {"description": words, "content": {operation.media: {"schema": schema}}}
            if operation.links:
                found[str(status)]["links"] = {
                    name: {"operationId": name, "parameters": {"id": f"$response.body#{where}"}}
                    for name, where in operation.links.items()
                }
        else:
            found[str(status)] = _problem(words)
    for status in sorted(problems):
        found.setdefault(str(status), _problem(_title(status)))
    return found


def _title(status: int) -> str:
    return next(title for known, title in SORTS.values() if known == status)


def _problem(words: str) -> dict[str, Any]:
    return {
        "description": words,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


async def get(site: Site, _request: Request) -> web.StreamResponse:
    return answer(site.document)


OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        handler=get,
        summary="This description",
        allow=Allow(anybody=True),
        answers={200: "OpenAPI 3.1."},
        answer={"type": "object"},
    ),
)
