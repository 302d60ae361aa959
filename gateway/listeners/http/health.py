"""/healthz, /readyz and /metrics: what a supervisor, a load balancer and Prometheus ask."""

from __future__ import annotations

from aiohttp import web

from gateway.control.views import state_of
from gateway.listeners.http.access import Allow
from gateway.listeners.http.operation import Operation, Request, answer
from gateway.listeners.http.site import Site

__all__ = ["OPERATIONS"]

HANGS = 20.0
"""Seconds after which a COMMIT under way says that the disk hangs: nothing will be acknowledged."""
_READY = frozenset({"ready", "degraded"})
_STATE = {
    "type": "object",
    "properties": {
        "status": {
            "type": "string",
            "enum": ["alive", "stuck", "ready", "degraded", "refusing", "drained", "stopping"],
        }
    },
    "required": ["status"],
}


async def healthz(site: Site, _request: Request) -> web.StreamResponse:
    """Whether the process works at all: the loop has answered, and the disk does."""
    stuck = site.gateway.store.stuck(HANGS)
    return answer({"status": "stuck" if stuck else "alive"}, 503 if stuck else 200)


async def readyz(site: Site, _request: Request) -> web.StreamResponse:
    """Whether messages are taken. Why not is for those with a token (/metrics, the page): it names paths."""
    state, _ = state_of(site.gateway)
    return answer({"status": state}, 200 if state in _READY else 503)


async def metrics(site: Site, request: Request) -> web.StreamResponse:
    text, content_type = await site.exposition(request.raw.headers.get("Accept", ""))
    return web.Response(body=text, headers={"Content-Type": content_type})


OPERATIONS = (
    Operation(
        method="GET",
        path="/healthz",
        handler=healthz,
        summary="Whether the process works",
        allow=Allow(anybody=True),
        answers={
            200: "The loop and the disk answer.",
            503: "The disk hangs: restart will not heal it, look at it.",
        },
        answer=_STATE,
    ),
    Operation(
        method="GET",
        path="/readyz",
        handler=readyz,
        summary="Whether messages are taken",
        allow=Allow(anybody=True),
        details="`degraded`: messages are taken and wait: no bearer is open, or marketing waits for its lists.",
        answers={200: "Send messages here.", 503: "Send them elsewhere, or wait."},
        answer=_STATE,
    ),
    Operation(
        method="GET",
        path="/metrics",
        handler=metrics,
        summary="Metrics for Prometheus",
        allow=Allow(role="viewer", local=True),
        details="Text or OpenMetrics by the Accept header; docs/metrics.md explains each name.",
        answers={200: "The metrics."},
        media="text/plain",
    ),
)
