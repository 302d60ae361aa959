"""One row of the API: who may call it, what it takes, what it answers; and how a request is read by it.

Reading is strict and bounded: the type, the size, the time it takes to arrive, the JSON, the shape; each is
refused with its own problem, before any handler sees it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.listeners.http.access import Allow, Caller
from gateway.listeners.http.problem import Problem
from gateway.listeners.http.shapes import Shape, faults, from_query

if TYPE_CHECKING:
    from gateway.listeners.http.site import Site

__all__ = ["LARGEST", "Handler", "Operation", "Request", "answer"]

LARGEST = 1024 * 1024
"""Octets of a body."""
ARRIVES = 15.0
"""Seconds that a body may take to arrive."""


class Request:
    """What came, checked against its Operation. query: by name; body: the JSON value, None where none is read."""

    __slots__ = ("body", "caller", "query", "raw")

    def __init__(self, raw: web.Request, caller: Caller, query: Mapping[str, Any], body: Any) -> None:
        self.raw = raw
        self.caller = caller
        self.query = query
        self.body = body

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.raw.match_info[name]


Handler = Callable[["Site", Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """answers: HTTP status -> what it means; those of problems (401, 413, …) are added where they can happen.

    parameters, query, headers: shapes by name of what stands in the path, behind the ? and in headers; the last two
    are never required. body: of the JSON body, None where none is read. answer: of a 2xx body; media: its type.
    links: operationId -> where in a 2xx body its {id} stands.
    An answer that is not JSON takes any query (Kannel's, Prometheus's): its handler reads it.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    allow: Allow
    tag: str = "gateway"
    details: str = ""
    parameters: Mapping[str, Shape] = field(default_factory=dict)
    query: Mapping[str, Shape] = field(default_factory=dict)
    headers: Mapping[str, Shape] = field(default_factory=dict)
    body: Shape | None = None
    answers: Mapping[int, str] = field(default_factory=dict)
    answer: Shape | None = None
    media: str = "application/json"
    links: Mapping[str, str] = field(default_factory=dict)

    async def read(self, raw: web.Request, caller: Caller) -> Request:
        """Raises Problem."""
        query, wrong = self._query(raw)
        body = None
        if self.body is not None:
            body = await self._body(raw)
            wrong += faults(self.body, body)
        if wrong:
            first = wrong[0]
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise Problem("invalid", f"{first['at']} {first['what']}{more}", errors=wrong)
        return Request(raw, caller, query, body)

    def _query(self, raw: web.Request) -> tuple[dict[str, Any], list[dict[str, str]]]:
        values: dict[str, Any] = {}
        wrong: list[dict[str, str]] = []
        for name in raw.query:
            shape = self.query.get(name)
            if shape is None:
                if self.media == "application/json":
                    wrong.append({"at": f"?{name[:40]}", "what": "is not known here"})
                continue
            if len(raw.query.getall(name)) > 1:
                wrong.append({"at": f"?{name}", "what": "is there more than once"})
                continue
            values[name] = from_query(shape, raw.query[name])
            wrong += faults(shape, values[name], f"?{name}")
        return values, wrong

    async def _body(self, raw: web.Request) -> Any:
        if (
            raw.content_type != "application/json"
            or raw.headers.get("Content-Encoding", "identity") != "identity"
        ):
            raise Problem("media-type", "send application/json, in UTF-8, not compressed")
        octets = await body_of(raw)
        try:
            return json.loads(
                octets.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_once
            )
        except UnicodeDecodeError as error:
            raise Problem("bad-request", f"the body is no UTF-8 (octet {error.start})") from error
        except RecursionError as error:
            raise Problem("bad-request", "the JSON is nested too deeply") from error
        except ValueError as error:
            raise Problem("bad-request", f"the body is no JSON: {error}") from error


async def body_of(raw: web.Request) -> bytes:
    """The whole body, at most LARGEST octets within ARRIVES seconds. Raises Problem."""
    if raw.content_length is not None and raw.content_length > LARGEST:
        raise Problem(
            "too-large", f"a body has at most {LARGEST} octets; send more messages in several requests"
        )
    try:
        async with asyncio.timeout(ARRIVES):
            return await raw.read()
    except TimeoutError as error:
        raise Problem("too-slow", f"the body did not arrive within {ARRIVES:g} s") from error
    except (
        web.RequestPayloadError,
        ConnectionError,
    ) as error:  # nobody is left to read the answer: no fault of ours
        raise Problem("bad-request", "the body broke off") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two would be meant, nobody knows: another reader of the same octets may take the other one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def answer(view: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Plain data as JSON."""
    octets = json.dumps(view, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "replace"
    )
    return web.Response(body=octets, status=status, content_type="application/json", headers=headers)
