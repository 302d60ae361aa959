"""What every resource is given: the gateway, who calls, the figures; and the way from a raw request to a handler.

Every answer leaves through here: what a handler raises becomes a problem, headers that keep browsers honest are
set, and each request is counted by its path's pattern and status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import HttpVersion11, web

from gateway.accounts import Account
from gateway.control.parts import Gateway, Refusal
from gateway.listeners.http.access import LOCAL, Access, Allow, Caller, is_loopback
from gateway.listeners.http.operation import Operation
from gateway.listeners.http.problem import Problem, of_status
from gateway.stores.store import StoreError

__all__ = ["HEADERS", "Exposition", "Site"]

log = structlog.get_logger("listener.http")

Exposition = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Accept header -> (metrics, their content type)."""
_FORWARDED = frozenset({"forwarded", "x-real-ip", "via", "true-client-ip", "cf-connecting-ip"})
"""What tells, as does every X-Forwarded-…, that somebody stands behind the peer: then "on this machine" says nothing
about him."""
HEADERS = {
    "Server": "chappe",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Of every answer; one that a handler set stays."""


class Site:
    """See the module. requests: (method, pattern, status) -> how many, for metrics.

    counting: the accounts whose reports are under way, "" for an operator's. closing: set when the gateway stops;
    what streams ends then.
    """

    def __init__(self, gateway: Gateway, access: Access, exposition: Exposition) -> None:
        self.gateway = gateway
        self.access = access
        self.exposition = exposition
        self.requests: dict[tuple[str, str, int], int] = {}
        self.counting: list[str] = []
        self.closing = asyncio.Event()
        self.document: Mapping[str, object] = {}

    # ── who ──────────────────────────────────────────────────────────────────────────────────────────────
    def caller(self, raw: web.Request, allow: Allow) -> Caller | None:
        """Who calls; None for nobody in particular, where anybody may. Raises Problem."""
        if allow.anybody:  # a token that is shown nevertheless is neither read nor counted
            return None
        token = _token(raw)
        if not token:
            if allow.local and self.is_local(raw):
                return LOCAL
            raise Problem("unauthorized", "send the header Authorization: Bearer TOKEN")
        caller = self.access.identify(token, raw.remote or "")
        if (allow.account and caller.account) or (allow.role and caller.may(allow.role)):
            return caller
        if caller.account is not None:
            raise Problem("forbidden", "an account's token does not open this")
        needed = f"the role {allow.role}" if allow.role else "an account's token"
        raise Problem("forbidden", f"{caller.name} has the role {caller.role}; this takes {needed}")

    @staticmethod
    def is_local(raw: web.Request) -> bool:
        """Whether it comes from this machine and was meant for it: no proxy, and no stranger's name for us."""
        names = {name.lower() for name in raw.headers}
        if names & _FORWARDED or any(name.startswith("x-forwarded-") for name in names):
            return False
        if (
            raw.version < HttpVersion11
        ):  # nginx, as it comes: HTTP/1.0, our own address as Host, no word of its client
            return False
        host = raw.headers.get("Host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        return is_loopback(raw.remote or "") and is_loopback(name)

    def has_webhook(self, account: Account) -> bool:
        """Whether receipts of this account have a way out over HTTP."""
        settings = self.gateway.config.accounts.get(account.name)
        return settings is not None and settings.webhook is not None

    # ── what ─────────────────────────────────────────────────────────────────────────────────────────────
    def handler(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """What aiohttp calls for an operation."""

        async def handle(raw: web.Request) -> web.StreamResponse:
            caller = self.caller(raw, operation.allow)
            request = await operation.read(raw, caller or Caller("", ""))
            return await operation.handler(self, request)

        return handle

    @web.middleware
    async def answered(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The outermost layer: every failure becomes a problem, every request is counted."""
        try:
            response = await handler(request)
        except Problem as problem:
            response = _problem(problem)
        except web.HTTPRequestEntityTooLarge:
            response = _problem(Problem("too-large", "the body is too large: at most 1 MiB"))
        except web.HTTPException as error:
            response = _problem(
                of_status(error.status, f"{request.method} {request.path[:200]}: {error.reason}")
            )
            response.headers.update({k: v for k, v in error.headers.items() if k in ("Allow", "Location")})
        except Refusal as refusal:
            response = _problem(_refused(refusal))
        except StoreError as error:
            response = _problem(Problem("unavailable", f"the store: {error}"))
        except Exception:  # a fault of ours is told and logged; the door stays open
            log.exception("http.failed", method=request.method, path=_pattern(request))
            response = _problem(Problem("internal", "a fault of the gateway: its log has the trace"))
        self._count(request, response.status)
        return response

    def _count(self, raw: web.Request, status: int) -> None:
        key = (raw.method if raw.method in _METHODS else "other", _pattern(raw), status)
        self.requests[key] = self.requests.get(key, 0) + 1

    @staticmethod
    async def dress(_raw: web.Request, response: web.StreamResponse) -> None:
        """on_response_prepare: the headers of every answer; one that a handler set stays."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "chappe"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _token(raw: web.Request) -> str:
    scheme, _, token = raw.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _pattern(raw: web.Request) -> str:
    """The path as it stands in the table: bounded, unlike what callers make up."""
    resource = raw.match_info.route.resource
    return resource.canonical if resource is not None else "other"


def _problem(problem: Problem) -> web.Response:
    return web.Response(body=problem.body(), status=problem.status, headers=problem.headers())


def _refused(refusal: Refusal) -> Problem:
    """What an operator's verb refuses: 2 is a fault of the question, else it cannot be done now."""
    text = str(refusal).replace("--", "")
    return Problem("invalid" if refusal.code == 2 else "conflict", text)
