"""The fields of forms, and the two documents that are forms: log in, and "is this meant?". Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.listeners.http.page.deeds import Deed
from gateway.listeners.http.page.documents import document, header, said
from gateway.listeners.http.page.markup import Html, el

__all__ = ["choice", "confirm", "hidden", "log_in", "text"]


def hidden(name: str, value: str) -> Html:
    return el("input", type="hidden", name=name, value=value)


def text(name: str, label: str, value: str = "", **more: str | bool) -> Html:
    """A labelled line; `more` are its attributes."""
    attributes: dict[str, str | bool] = {"type": "text", "autocomplete": "off", **more}
    field = el("input", name=name, id=f"f-{name}", value=value or None, **attributes)
    return el("p", el("label", label, for_=f"f-{name}"), field)


def choice(name: str, label: str, values: Sequence[str]) -> Html:
    """One of the values, or any."""
    options = [el("option", "any", value=""), *(el("option", value, value=value) for value in values)]
    return el("p", el("label", label, for_=f"f-{name}"), el("select", *options, name=name, id=f"f-{name}"))


def log_in(name: str, wrong: str, configured: bool, readable: bool) -> str:
    """wrong: why the last try failed. configured: whether there is any token. readable: others may read it."""
    title = f"Log in – {name}"
    if not configured:
        words = el(
            "p", "No token is configured, so this page is shown on the gateway’s own machine only. Name one in ",
            el("code", "[[listeners.http.tokens]]"), ".",
        )  # fmt: skip
        return document(title, header(name, "Log in"), words)
    warning = "This connection is not encrypted: others on the network may read the token."
    hint = "The content of a token file of [[listeners.http.tokens]]. A viewer sees, an operator acts."
    return document(
        title,
        header(name, "Log in"),
        el(
            "form",
            said((False, wrong)) if wrong else None,
            el("p", warning, class_="said busy") if readable else None,
            text("token", "Token", type="password", required=True, autocomplete="current-password"),
            el("p", hint, class_="quiet"),
            el("p", el("button", "Log in", class_="sure")),
            method="post",
            action="/login",
            class_="fields",
        ),
    )


def confirm(name: str, key: str, deed: Deed, values: Mapping[str, str], csrf: str) -> str:
    """What will happen, and the one button that does it. values: what was chosen, by field."""
    chosen = {field: value for field, value in values.items() if value and field != "reason"}
    reason = text("reason", "Reason, for those who come after you", values.get("reason", ""), maxlength="200")
    what = chosen.get("name") or ", ".join(f"{field} {value}" for field, value in chosen.items())
    words = f"{deed.title.split()[0]} {what}" if what else deed.title
    given = [
        el("div", el("dt", _NAMES.get(field, field)), el("dd", value)) for field, value in chosen.items()
    ]
    return document(
        f"{deed.title} – {name}",
        header(name, f"{deed.title}?"),
        el("dl", *given, class_="figures wide") if given else None,
        el("p", deed.means),
        el(
            "form",
            hidden("csrf", csrf),
            *(hidden(field, value) for field, value in chosen.items()),
            reason if "reason" in deed.fields else None,
            el(
                "p",
                el("button", words, class_="grave" if deed.grave else "sure"),
                el("a", "Leave it", href="/", class_="button"),
                class_="buttons",
            ),
            method="post",
            action=f"/acts/{key}",
            class_="fields",
        ),
    )


_NAMES = {"name": "Bearer", "kind": "Kind", "account": "Account", "tag": "Tag", "route": "Route"}
