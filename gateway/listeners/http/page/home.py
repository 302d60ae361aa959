"""The live page itself: the parts in their order, and what stands beside them and is not sent anew. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from gateway.control.parts import View
from gateway.listeners.http.access import Caller
from gateway.listeners.http.page import forms
from gateway.listeners.http.page.documents import Said, document, header, said
from gateway.listeners.http.page.markup import Html, el, join
from gateway.listeners.http.page.sections import button
from gateway.listeners.http.page.words import moment
from gateway.model import KINDS

__all__ = ["SECTIONS", "live"]

SECTIONS = ("alarms", "figures", "bearers", "routes", "modems", "queue", "accounts", "flow", "messages")
_NAV = (
    ("alarms", "Alarms"), ("bearers", "Bearers"), ("queue", "Queue"), ("flow", "Last hour"), ("messages", "Messages"),
)  # fmt: skip


def live(
    view: View, parts: Mapping[str, Html], caller: Caller, csrf: str, words: Said, zone: ZoneInfo
) -> str:
    """parts: the inside of each place by its id. csrf: of the session, "" when there is none."""
    stamp = el("span", "as of ", moment(view["at"], view["at"], zone), id="live", data_state="still")
    links = (el("li", el("a", name, href=f"#{key}")) for key, name in _NAV)
    sections = (
        el("section", parts[key], id=key, aria_labelledby=f"{key}-h", tabindex="-1") for key in SECTIONS
    )
    footer = join([
        f"Times are those of {view['timezone']}. Numbers are masked. ", el("code", "chappe status"),
        " says the same on a terminal.",
    ])  # fmt: skip
    return document(
        str(parts["title"]),
        header(
            f"{view['site']} · {view['version']}",
            view["name"],
            _who(caller, csrf),
            el("p", stamp, class_="quiet"),
            el("nav", el("ul", *links), aria_label="Sections"),
        ),
        el("p", parts["announce"], id="announce", class_="unseen", role="status", aria_live="polite"),
        said(words),
        el("section", parts["state"], id="state", aria_label="State", tabindex="-1"),
        *sections,
        _controls(view, caller) if csrf and caller.may("operator") else None,
        _look_up(),
        live=True,
        footer=footer,
    )


def _who(caller: Caller, csrf: str) -> Html:
    if not csrf:
        words = (
            "Seen from this machine, read-only. " if caller.name == "local" else f"{caller.name}, read-only. "
        )
        return el("p", words, el("a", "Log in", href="/login"), class_="who")
    button_ = el("button", "Log out", class_="plain")
    leave = el("form", forms.hidden("csrf", csrf), button_, method="post", action="/logout")
    return el("div", el("p", f"{caller.name}, {caller.role}"), leave, class_="who")


def _controls(view: View, caller: Caller) -> Html:
    """What is not one bearer's or one hold's. Stands outside what is sent anew, so that nobody's typing is lost."""
    hold = el(
        "form",
        el("p", "Hold what fits all that you choose:"),
        forms.choice("kind", "Kind", list(KINDS)),
        forms.choice("account", "Account", [account["name"] for account in view["accounts"]]),
        forms.text("tag", "Tag", size="14"),
        el("p", el("button", "Hold…")),
        method="get",
        action="/acts/queue.hold",
        class_="fields",
    )
    whole = [button("reload", "Reload the configuration…")]
    if caller.may("admin"):
        whole += [button("drain", "Drain…"), button("undrain", "Take messages again…")]
    return el(
        "section",
        el("h2", "Act", id="act-h"),
        el("p", *whole, class_="buttons"),
        hold,
        id="act",
        aria_labelledby="act-h",
    )


def _look_up() -> Html:
    form = el(
        "form",
        forms.text("id", "Message id", inputmode="numeric", required=True, size="20"),
        el("p", el("button", "Show")),
        method="get",
        action="/messages",
        class_="fields",
    )
    heading = el("h2", "A message’s story", id="lookup-h")
    return el("section", heading, form, id="lookup", aria_labelledby="lookup-h")
