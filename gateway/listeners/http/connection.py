"""One connection as aiohttp serves it, but what cannot be read as a request is answered in our words.

aiohttp's own answer is a text that names its version, Python's, and the octets that it stumbled over: a client
that reads problems cannot read it, and strangers need not know. What can be read is answered by site.py.
"""

from __future__ import annotations

from aiohttp import web

from gateway.listeners.http.problem import Problem
from gateway.listeners.http.site import HEADERS

__all__ = ["LINE", "MOST_HEADERS", "Connection"]

LINE = 8190
"""Octets of a request line, and of each header."""
MOST_HEADERS = 64


class Connection(web.RequestHandler):
    """See the module."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:  # fmt: skip
        """aiohttp's, which writes the log line; raises ConnectionError where an answer has begun already."""
        super().handle_error(request, status, exc, message)
        problem = Problem("internal", "a fault of the gateway: its log has the trace")
        if status < 500:
            problem = Problem(
                "bad-request",
                f"this cannot be read as a request of HTTP/1.1 with at most {MOST_HEADERS} headers and {LINE}"
                " octets a line; is it TLS, or no TLS, by mistake?",
            )
        response = web.Response(
            body=problem.body(), status=problem.status, headers={**HEADERS, **problem.headers()}
        )
        response.force_close()
        return response
