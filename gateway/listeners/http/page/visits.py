"""Who looks at the page, and whether a form is his own: sessions, cookies, and the forms that come back.

Seen with a session, with an operator's token in the header, and, while no such token is configured, from this
machine. Once there are tokens, this machine needs one, too: a proxy that stands here and says nothing of those
behind it would show the page to everybody.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from gateway.listeners.http.access import LOCAL, Allow, Caller, is_loopback
from gateway.listeners.http.operation import body_of
from gateway.listeners.http.page.sessions import LASTS, Session, Sessions
from gateway.listeners.http.problem import Problem
from gateway.listeners.http.site import Site

__all__ = ["COOKIE", "Visitor", "Visits"]

COOKIE = "chappe"
LARGEST_FORM = 16 * 1024


class Visitor:
    """caller: his name and role. session: None for one who can only look."""

    __slots__ = ("caller", "session")

    def __init__(self, caller: Caller, session: Session | None = None) -> None:
        self.caller = caller
        self.session = session

    @property
    def csrf(self) -> str:
        return self.session.csrf if self.session is not None else ""

    def may(self, role: str) -> bool:
        """Whether he may act: looking needs no session, acting does."""
        return self.session is not None and self.caller.may(role)


class Visits:
    """See the module."""

    def __init__(self, site: Site, sessions: Sessions) -> None:
        self._site = site
        self._sessions = sessions

    @property
    def configured(self) -> bool:
        """Whether anybody can log in at all."""
        http = self._site.gateway.config.http
        return http is not None and bool(http.tokens)

    def visitor(self, raw: web.Request) -> Visitor | None:
        """Who it is; None for one who must log in. Raises Problem for a token in the header that opens nothing."""
        session = self._sessions.find(raw.cookies.get(COOKIE, ""))
        if session is not None:
            return Visitor(session.caller, session)
        if "Authorization" in raw.headers:
            caller = self._site.caller(raw, Allow(role="viewer"))
            return Visitor(caller) if caller is not None else None
        if not self.configured and self._site.is_local(raw):
            return Visitor(LOCAL)
        return None

    def needed(self, raw: web.Request, role: str = "") -> Visitor:
        """The same, of at least this role in a session. Raises Problem."""
        visitor = self.visitor(raw)
        if visitor is None:
            raise Problem("unauthorized", "log in to see this")
        if role and not visitor.may(role):
            raise Problem("forbidden", f"this takes a session with the role {role}: log in with such a token")
        return visitor

    # ── coming and going ─────────────────────────────────────────────────────────────────────────────────
    def log_in(self, raw: web.Request, token: str) -> web.Response:
        """To the page, with a cookie. Raises Problem: guessing is counted as everywhere else."""
        access = self._site.access
        caller = access.identify(token, raw.remote or "")
        if not caller.may("viewer"):
            raise Problem("forbidden", "an application's token does not open the page: take an operator's")
        self._sessions.close(raw.cookies.get(COOKIE, ""))
        key = self._sessions.open(caller, access.proof(token))
        response = to("/")
        secure = self.is_secure(raw)
        response.set_cookie(
            COOKIE, key, max_age=int(LASTS), path="/", httponly=True, samesite="Strict", secure=secure
        )
        return response

    def log_out(self, raw: web.Request) -> web.Response:
        self._sessions.close(raw.cookies.get(COOKIE, ""))
        response = to("/login")
        response.del_cookie(COOKIE, path="/")
        return response

    @staticmethod
    def is_secure(raw: web.Request) -> bool:
        """By TLS of ours, or of a proxy that says so: at worst a cookie is sent back more rarely than it could be."""
        return raw.secure or raw.headers.get("X-Forwarded-Proto") == "https"

    def readable(self, raw: web.Request) -> bool:
        """Whether others on the network may read along."""
        return not self.is_secure(raw) and not is_loopback(raw.remote or "")

    # ── forms ────────────────────────────────────────────────────────────────────────────────────────────
    async def form(self, raw: web.Request) -> dict[str, str]:
        """What a form of this site brought. Raises Problem."""
        if not _same_origin(raw):
            raise Problem("forbidden", "this form was sent by another site")
        if raw.content_type != "application/x-www-form-urlencoded":
            raise Problem("media-type", "this takes a form")
        octets = await body_of(raw)
        if len(octets) > LARGEST_FORM:
            raise Problem("too-large", "the form is too large")
        try:
            return dict(parse_qsl(octets.decode("utf-8"), keep_blank_values=True, max_num_fields=20))
        except ValueError as error:
            raise Problem("bad-request", f"the form cannot be read: {error}") from error

    async def posted(self, raw: web.Request, role: str) -> tuple[Session, dict[str, str]]:
        """A form of the visitor's own, who has this role. Raises Problem."""
        session = self.needed(raw, role).session
        form = await self.form(raw)
        if session is None or not session.meant(form.pop("csrf", "")):
            raise Problem("forbidden", "this form is not of your session: open the page anew")
        return session, form


def to(place: str) -> web.Response:
    """After a form: reloading what comes then does nothing twice."""
    return web.Response(status=303, headers={"Location": place})


def _same_origin(raw: web.Request) -> bool:
    """Browsers say from where a form comes; what says nothing is no browser, and has no cookie of anybody."""
    if raw.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = raw.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == raw.headers.get("Host", "")
