"""LivePage: the page's resources, and its two clocks (a picture a second while somebody looks, a sample in ten).

Not part of the API: what is here is for people, may change with any version, and stands in no /openapi.json.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from aiohttp import web

from gateway.control.acts import ACTS, audit
from gateway.control.parts import Refusal, View
from gateway.control.rates import totals
from gateway.control.stories import trace
from gateway.control.words import moment
from gateway.listeners.http.access import Allow, Caller
from gateway.listeners.http.operation import Operation, Request
from gateway.listeners.http.page import documents, forms, home, sections, tables
from gateway.listeners.http.page.deeds import DEEDS, Deed
from gateway.listeners.http.page.history import EVERY, History, merged
from gateway.listeners.http.page.markup import Html, join
from gateway.listeners.http.page.picture import Pictures
from gateway.listeners.http.page.sessions import Sessions
from gateway.listeners.http.page.static import Static
from gateway.listeners.http.page.story import story
from gateway.listeners.http.page.stream import Stream
from gateway.listeners.http.page.visits import Visits, to
from gateway.listeners.http.page.words import moment as shown
from gateway.listeners.http.problem import SORTS, Problem
from gateway.listeners.http.site import Site
from gateway.masking import masked

__all__ = ["Distribution", "LivePage"]

log = structlog.get_logger("listener.http")

STORIES = 2
"""Stories that are read at the same time: each asks the store, and others ask it, too."""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers would not say that our forms are ours
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip

Handler = Callable[[Request], Awaitable[web.StreamResponse]]


class Distribution(Protocol):
    """A histogram that only grows: watchers.latency.Histogram. series: counts of each bucket, then the sum."""

    bounds: tuple[int, ...]
    series: dict[tuple[str | int, ...], list[int]]


class LivePage:
    """accepted: how long messages took from submission to the carrier's answer."""

    def __init__(self, site: Site, accepted: Distribution) -> None:
        gateway = site.gateway
        self._gateway = gateway
        self._accepted = accepted
        self._static = Static()
        self._pictures = Pictures(gateway)
        self._visits = Visits(site, Sessions(os.urandom, gateway.clock.now, site.access.stands))
        self._stream = Stream(self._pictures.now, self._parts, gateway.bus, site.closing)
        self._history = History(accepted.bounds)
        self._flow: Html | None = None
        self._acting: set[asyncio.Future[object]] = set()
        self._reading = 0
        self._sampler: asyncio.Task[None] | None = None
        rows: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/", self._live), ("GET", "/events", self._events), ("GET", "/assets/{name}", self._asset),
            ("GET", "/login", self._log_in_form), ("POST", "/login", self._log_in), ("POST", "/logout", self._log_out),
            ("GET", "/acts/{deed}", self._confirm), ("POST", "/acts/{deed}", self._act),
            ("GET", "/messages", self._look_up), ("GET", "/messages/{id}", self._story),
            ("POST", "/messages/{id}", self._whole_story), ("GET", "/alarms/{id}", self._advice),
        )  # fmt: skip
        self.operations = tuple(self._operation(*row) for row in rows)

    async def start(self) -> None:
        self._sample()
        self._sampler = asyncio.create_task(self._keep_sampling(), name="page history")

    async def stop(self) -> None:
        await self._stream.stop()
        if self._sampler is not None:
            self._sampler.cancel()
            await asyncio.gather(self._sampler, return_exceptions=True)
            self._sampler = None
        if self._acting:
            await asyncio.wait(self._acting, timeout=1.0)

    # ── always ───────────────────────────────────────────────────────────────────────────────────────────
    async def _keep_sampling(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                self._sample()
            except Exception:  # a point is missing; the next one spans its time
                log.exception("page.failed")

    def _sample(self) -> None:
        gateway, accepted = self._gateway, self._accepted
        at = gateway.clock.wall_ms() / 1000
        counts = totals(gateway.ledger.tally.counts)
        self._history.sample(at, counts, merged(accepted.series, len(accepted.bounds) + 1))
        self._flow = None
        self._pictures.look()

    def _last_hour(self) -> Html:
        """Drawn once for each sample, and only when somebody looks."""
        if self._flow is None:
            self._flow = tables.flow(list(self._history.points()), self._history.until)
        return self._flow

    def _parts(self, view: View, operator: bool) -> Mapping[str, Html]:
        """Every part of the page that changes, by the id of its place."""
        zone = self._pictures.zone
        return {
            "title": join([sections.title(view)]),
            "live": join(["as of ", shown(view["at"], view["at"], zone)]),
            "announce": join([sections.announcement(view)]),
            "state": sections.state(view),
            "figures": sections.figures(view, zone),
            "alarms": sections.alarms(view, zone),
            "bearers": sections.bearers(view, zone, operator),
            "routes": sections.routes(view, zone),
            "queue": tables.queue(view, operator),
            "flow": self._last_hour(),
            "modems": sections.modems(view, zone),
            "accounts": tables.accounts(view, zone),
            "messages": tables.messages(view, zone),
        }

    # ── resources ────────────────────────────────────────────────────────────────────────────────────────
    def _operation(self, method: str, path: str, handler: Handler) -> Operation:
        """A row for the listener's table. Who may is asked in here: a browser is sent to log in."""

        async def handle(_site: Site, request: Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Refusal as refusal:
                return self._page(documents.notice(self._name, "That cannot be done", str(refusal)), 404)
            except Problem as problem:
                if problem.sort == "unauthorized" and method == "GET" and path != "/events":
                    return to("/login")
                words = documents.notice(self._name, SORTS[problem.sort][1], problem.detail)
                return self._page(words, problem.status, problem.headers())

        return Operation(
            method=method, path=path, handler=handle, summary="The live page", allow=Allow(anybody=True),
            media="text/html",
        )  # fmt: skip

    @property
    def _name(self) -> str:
        return self._gateway.config.gateway.name

    @staticmethod
    def _page(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        body = text.encode("utf-8", "replace")
        return web.Response(body=body, status=status, headers={**(headers or {}), **HEADERS})

    async def _live(self, request: Request) -> web.StreamResponse:
        visitor = self._visits.needed(request.raw)
        view = await self._pictures.now()
        parts = self._parts(view, visitor.may("operator"))
        said = visitor.session.take_said() if visitor.session is not None else None
        zone = self._pictures.zone
        return self._page(home.live(view, parts, visitor.caller, visitor.csrf, said, zone))

    async def _events(self, request: Request) -> web.StreamResponse:
        raw = request.raw
        visitor = self._visits.needed(raw)
        operator = visitor.may("operator")

        def stands() -> bool:
            """Whether he may still look: he may have logged out, or his token be gone."""
            if visitor.session is None:
                return True
            now = self._visits.visitor(raw)
            return now is not None and now.session is visitor.session

        return await self._stream.watch(raw, operator, stands)

    async def _asset(self, request: Request) -> web.StreamResponse:
        return self._static.answer(request.raw, request.part("name"))

    # ── logging in ───────────────────────────────────────────────────────────────────────────────────────
    async def _log_in_form(self, request: Request) -> web.StreamResponse:
        return self._page(self._login_words(request.raw, ""))

    async def _log_in(self, request: Request) -> web.StreamResponse:
        form = await self._visits.form(request.raw)
        try:
            return self._visits.log_in(request.raw, form.get("token", "").strip())
        except Problem as problem:
            words = self._login_words(request.raw, problem.detail)
            headers = {key: value for key, value in problem.headers().items() if key == "Retry-After"}
            return self._page(words, problem.status, headers)

    def _login_words(self, raw: web.Request, wrong: str) -> str:
        return forms.log_in(self._name, wrong, self._visits.configured, self._visits.readable(raw))

    async def _log_out(self, request: Request) -> web.StreamResponse:
        await self._visits.posted(request.raw, "viewer")
        return self._visits.log_out(request.raw)

    # ── acting ───────────────────────────────────────────────────────────────────────────────────────────
    def _deed(self, request: Request) -> tuple[str, Deed]:
        key = request.part("deed")
        if key not in DEEDS:
            raise Problem("not-found", f"there is no act {key[:40]}")
        return key, DEEDS[key]

    async def _confirm(self, request: Request) -> web.StreamResponse:
        key, deed = self._deed(request)
        visitor = self._visits.needed(request.raw, deed.role)
        values = {field: request.raw.query.get(field, "")[:200] for field in deed.fields}
        if deed.fields and not any(values.values()):
            raise Problem("invalid", "choose what is meant first")
        name = values.get("name")
        if name is not None and name not in self._gateway.dispatcher.roads:
            raise Problem("not-found", f"no bearer {name!r} is open")
        return self._page(forms.confirm(self._name, key, deed, values, visitor.csrf))

    async def _act(self, request: Request) -> web.StreamResponse:
        """To its end, whether or not the browser waits: half an act would be nobody's."""
        _, deed = self._deed(request)
        session, form = await self._visits.posted(request.raw, deed.role)
        act = ACTS[deed.verb](self._gateway, deed.args(form), _who(session.caller), _deaf)
        doing: asyncio.Future[object] = asyncio.ensure_future(act)
        self._acting.add(doing)
        doing.add_done_callback(self._acting.discard)
        try:
            answer = await asyncio.shield(doing)
        except Refusal as refusal:
            session.said = False, f"{deed.title}: {refusal}"
        else:
            told = deed.told(answer)
            session.said = True, f"{deed.title}: done{f' – {told}' if told else ''}."
        self._pictures.forget()
        return to("/")

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────
    async def _look_up(self, request: Request) -> web.StreamResponse:
        digits = "".join(filter(str.isdecimal, request.raw.query.get("id", "")))[:19]
        return to(f"/messages/{digits or '0'}")

    async def _story(self, request: Request) -> web.StreamResponse:
        visitor = self._visits.needed(request.raw)
        told = await self._read(request, {})
        told |= {
            "reference": masked(told["reference"]),
            "tag": masked(told["tag"]),
            "now": masked(told["now"]),
        }
        csrf = visitor.csrf if visitor.may("operator") else ""
        return self._story_page(told, csrf, whole=False)

    async def _whole_story(self, request: Request) -> web.StreamResponse:
        """With its number and text, for who asks in so many words; the audit log keeps that he did."""
        session, _ = await self._visits.posted(request.raw, "operator")
        told = await self._read(request, {"unmasked": True, "text": True})
        await audit(self._gateway, _who(session.caller), "show", f"number and text of {told['row']}")
        return self._story_page(told, "", whole=True)

    async def _read(self, request: Request, more: Mapping[str, bool]) -> View:
        if self._reading >= STORIES:
            raise Problem("throttled", "others are reading stories: try again in a moment")
        self._reading += 1
        try:
            return await trace(self._gateway, {"id": request.part("id"), **more})
        finally:
            self._reading -= 1

    def _story_page(self, told: View, csrf: str, *, whole: bool) -> web.Response:
        now = moment(self._gateway.clock.wall_ms()) or ""
        return self._page(story(self._name, told, now, self._pictures.zone, csrf, whole))

    async def _advice(self, request: Request) -> web.StreamResponse:
        self._visits.needed(request.raw)
        wanted = request.part("id")[:80]
        standing = {event.id: (event.severity, masked(event.text)) for event in self._gateway.alarms}
        return self._page(documents.advice(self._name, wanted, *standing.get(wanted, ("", ""))))


def _who(caller: Caller) -> str:
    """For the audit log."""
    return f"page:{caller.name}"


async def _deaf(_line: View) -> None:
    """Progress has nowhere to go in one answer."""
