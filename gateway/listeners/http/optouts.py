"""/v1/optouts: who objects to marketing: looked at, added, withdrawn, by the operators' own verbs.

An application sees and changes only the scope of its own account; what it says of a number is the proof that is
kept. Operators see numbers masked.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.control import optouts as verbs
from gateway.control.parts import View
from gateway.listeners.http.access import Allow, Caller
from gateway.listeners.http.operation import Operation, Request, answer
from gateway.listeners.http.problem import Problem
from gateway.listeners.http.site import Site

__all__ = ["OPERATIONS"]

_NUMBER = {
    "type": "string",
    "minLength": 4,
    "maxLength": 40,
    "description": "In international form: +33612345678.",
}
_SCOPE = {
    "type": "string",
    "maxLength": 100,
    "description": "short_code:36180, sender:+336…, account:shop, brand:Chappe, global; an application: its account.",
}
_EVIDENCE = {
    "type": "string",
    "minLength": 1,
    "maxLength": 500,
    "description": "Where the number's owner said so.",
}
_BODY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["number", "evidence"],
    "properties": {"number": _NUMBER, "scope": _SCOPE, "evidence": _EVIDENCE},
}
_LIST = {
    "type": "object",
    "required": ["optouts", "more"],
    "properties": {
        "total": {"type": "integer"},
        "more": {"type": "boolean"},
        "optouts": {"type": "array", "items": {"type": "object"}},
        "story": {"type": "array", "items": {"type": "object"}},
    },
}


def _scope(caller: Caller, asked: str) -> str:
    """The scope that this caller may speak of. Raises Problem."""
    if caller.account is None:
        return asked
    own = f"account:{caller.account.name}"
    if asked not in ("", own):
        raise Problem("forbidden", f"an application changes its own scope only: {own}")
    return own


def _args(request: Request, given: dict[str, Any]) -> dict[str, Any]:
    own = request.caller.account is not None  # it has written to these numbers itself
    return {**given, "scope": _scope(request.caller, given.get("scope", "")), "unmasked": own}


async def get(site: Site, request: Request) -> web.StreamResponse:
    view: View = await verbs.optouts(site.gateway, _args(request, dict(request.query)))
    if request.caller.account is not None:  # the figures and the story are of all accounts
        view = {key: view[key] for key in ("optouts", "more")}
    return answer(view)


async def post(site: Site, request: Request) -> web.StreamResponse:
    return await _act(site, request, "optouts.add", 201)


async def delete(site: Site, request: Request) -> web.StreamResponse:
    return await _act(site, request, "optouts.remove", 200)


async def _act(site: Site, request: Request, verb: str, status: int) -> web.StreamResponse:
    act = verbs.OPTOUT_ACTS[verb]
    return answer(await act(site.gateway, _args(request, request.body), request.caller.who, _deaf), status)


async def _deaf(_line: View) -> None:
    """Progress has nowhere to go in one answer."""


_DONE = {
    "type": "object",
    "properties": {
        "added": {"type": "integer"}, "removed": {"type": "integer"}, "scope": {"type": "string"},
        "number": {"type": "string"},
    },
}  # fmt: skip
OPERATIONS = (
    Operation(
        method="GET", path="/v1/optouts", handler=get, tag="opt-outs", summary="Who has opted out",
        allow=Allow(account=True, role="viewer"),
        query={"number": _NUMBER, "scope": _SCOPE, "limit": {"type": "integer", "minimum": 1, "maximum": verbs.MOST}},
        answers={200: "What holds now; for operators, with a number, everything that led to it."}, answer=_LIST,
    ),
    Operation(
        method="POST", path="/v1/optouts", handler=post, tag="opt-outs", summary="Add a number",
        details="What waits for it is refused (0x0401).", allow=Allow(account=True, role="operator"), body=_BODY,
        answers={201: "It stands; `added` is 0 when it stood before."}, answer=_DONE,
    ),
    Operation(
        method="DELETE", path="/v1/optouts", handler=delete, tag="opt-outs", summary="Withdraw a number",
        details="The body says on what proof.", allow=Allow(account=True, role="operator"), body=_BODY,
        answers={200: "Withdrawn; `removed` is 0 when there was none."}, answer=_DONE,
    ),
)  # fmt: skip
