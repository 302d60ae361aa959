"""/v1/reports: what became of the messages of a period, in the seven lines; an application sees its own."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.control.parts import View
from gateway.control.report import LINES, report
from gateway.listeners.http.access import Allow
from gateway.listeners.http.operation import Operation, Request, answer
from gateway.listeners.http.problem import Problem
from gateway.listeners.http.site import Site

__all__ = ["OPERATIONS"]

AT_ONCE = 2
"""Reports that are counted at the same time, one of each application: they read the store beside everything else
that is asked of it.
"""
LONGEST = 30.0
"""Seconds that one may take; a longer period is asked in pieces, or with `chappe report`."""

_MOMENT = {"type": "string", "format": "date-time"}
_SHOWN = {"oneOf": [_MOMENT, {"type": "null"}]}
_COUNT = {"type": "integer"}
_REPORT = {
    "type": "object",
    "required": ["since", "until", "messages", "segments", "lines", "waiting"],
    "properties": {
        "since": _SHOWN, "until": _SHOWN, "messages": _COUNT, "segments": _COUNT,
        "lines": {"type": "array", "items": {
            "type": "object",
            "properties": {"line": {"type": "string", "enum": [key for key, _ in LINES]}, "name": {"type": "string"},
                           "messages": _COUNT, "segments": _COUNT, "percent": {"type": "string"}},
        }},
        "waiting": {"type": "object"}, "latency_s": {"type": "object"}, "optouts": {"type": "object"},
    },
}  # fmt: skip


async def get(site: Site, request: Request) -> web.StreamResponse:
    args: dict[str, Any] = dict(request.query)
    caller = request.caller
    if caller.account is not None:
        if args.get("account", caller.account.name) != caller.account.name:
            raise Problem("forbidden", "an application sees its own report only")
        args["account"] = caller.account.name
    for name in ("since", "until"):
        if name in args:
            args[name] = _unix_ms(name, args[name])
    who = caller.account.name if caller.account is not None else ""
    if who and who in site.counting:
        raise Problem("throttled", f"a report of {who} is being counted: ask again in a moment", 2.0)
    if len(site.counting) >= AT_ONCE:
        raise Problem("throttled", f"{AT_ONCE} reports are being counted: ask again in a moment", 2.0)
    site.counting.append(who)
    try:
        async with asyncio.timeout(LONGEST):
            return answer(await report(site.gateway, args, _deaf))
    except TimeoutError as error:
        raise Problem(
            "conflict", f"it takes more than {LONGEST:g} s to count: ask for a shorter period"
        ) from error
    finally:
        site.counting.remove(who)


def _unix_ms(name: str, text: str) -> int:
    try:
        return max(0, int(datetime.fromisoformat(text).timestamp() * 1000))
    except (OverflowError, ValueError) as error:
        raise Problem("invalid", f"?{name} lies beyond all messages") from error


async def _deaf(_line: View) -> None:
    """Progress has nowhere to go in one answer."""


OPERATIONS = (
    Operation(
        method="GET", path="/v1/reports", handler=get, tag="reports", summary="The receipt breakdown of a period",
        details="Default: the last seven days. A `+` of an offset is written %2B in a query.",
        allow=Allow(account=True, role="viewer"),
        query={"since": _MOMENT, "until": _MOMENT, "tag": {"type": "string", "maxLength": 64},
               "account": {"type": "string", "maxLength": 63}},
        answers={200: "The seven lines, what still waits, latency, and who answered STOP.",
                 409: "The period takes too long to count."}, answer=_REPORT,
    ),
)  # fmt: skip
