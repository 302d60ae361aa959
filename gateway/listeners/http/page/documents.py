"""A whole document around what a page has to say; and the two that are only words. Pure.

Each works without a script, has one h1, a skip link and a way back, and asks nothing of any other host.
"""

from __future__ import annotations

from gateway.listeners.http.page.advice import advice_for
from gateway.listeners.http.page.markup import Child, Html, el
from gateway.listeners.http.page.sections import badge
from gateway.listeners.http.page.words import coded

__all__ = ["REFRESH", "Said", "advice", "back", "document", "header", "notice", "said"]

REFRESH = 10
"""Seconds between two loads of the live page in a browser without scripts."""
Said = tuple[bool, str] | None
"""Whether it went well, and what to say."""


def document(title: str, head: Html, *main: Child, live: bool = False, footer: Child = None) -> str:
    """head: its header. live: the page that is kept up to date."""
    refresh = el("noscript", el("meta", http_equiv="refresh", content=str(REFRESH)))
    whole = el(
        "html",
        el(
            "head",
            el("meta", charset="utf-8"),
            el("meta", name="viewport", content="width=device-width, initial-scale=1"),
            el("meta", name="color-scheme", content="light dark"),
            el("title", title),
            el("link", rel="icon", href="/assets/icon.svg", type="image/svg+xml"),
            el("link", rel="stylesheet", href="/assets/page.css"),
            el("script", src="/assets/page.js", defer=True) if live else None,
            refresh if live else None,
        ),
        el(
            "body",
            el("a", "Skip to the content", href="#main", class_="skip"),
            head,
            el("main", *main, id="main", tabindex="-1", class_="live" if live else None),
            el("footer", el("p", footer)) if footer is not None else None,
        ),
        lang="en",
    )
    return f"<!DOCTYPE html>{whole}"


def header(name: str, title: Child, *more: Child) -> Html:
    """name: of the gateway, behind ours."""
    home = el("a", "Chappe", href="/", class_="home")
    return el("header", el("p", home, " ", el("span", name, class_="quiet")), el("h1", title), *more)


def said(words: Said) -> Html | None:
    """What became of the last act: read out at once when it failed."""
    if words is None:
        return None
    well, text = words
    return el("p", text, class_=f"said {'good' if well else 'bad'}", role="status" if well else "alert")


def back() -> Html:
    return el("p", el("a", "Back to the page", href="/", class_="button"))


def notice(name: str, title: str, words: str) -> str:
    """An error, or anything else that is one sentence."""
    return document(f"{title} – {name}", header(name, title), el("p", coded(words)), back())


def advice(name: str, alarm_id: str, severity: str, standing: str) -> str:
    """severity, standing: the alarm's own words while it stands, else ""."""
    found = advice_for(alarm_id)
    family, _, about = alarm_id.partition(".")
    see = el("p", el("a", f"See {about}", href=f"/#bearer-{about}", class_="button"))
    now = el("p", badge(severity), " ", el("strong", coded(standing))) if standing else None
    return document(
        f"{found.title} – {name}",
        header(name, found.title),
        now or el("p", "It does not stand now.", class_="quiet"),
        el("p", found.means),
        el("h2", "What to do"),
        el("ol", *(el("li", coded(step)) for step in found.steps)),
        see if family == "bearer" and about else None,
        el("p", "More: ", el("code", f"docs/alarms/{family}.md"), class_="quiet"),
        back(),
    )
