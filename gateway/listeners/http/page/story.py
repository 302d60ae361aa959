"""One message's document: where it is, why, and what has happened to it in the order of time. Pure."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gateway.control.parts import View
from gateway.listeners.http.page import forms
from gateway.listeners.http.page.documents import back, document, header
from gateway.listeners.http.page.markup import Child, Html, el
from gateway.listeners.http.page.sections import badge
from gateway.listeners.http.page.words import coded, moment, seconds

__all__ = ["story"]


def story(name: str, told: View, now: str, zone: ZoneInfo, csrf: str, whole: bool) -> str:
    """told: of control.stories.trace. csrf: of a session that may see number and text, else "". whole: it does."""
    where, why = told["now"]["where"], told["now"]["why"]
    lines = [el("li", moment(line["at"], now, zone), " ", line["what"]) for line in told["story"]]
    title = f"Message {told['id']}"
    return document(
        f"{title} – {name}",
        header(name, title),
        el("p", badge(told["state"]), " ", el("strong", told["meaning"]), class_="verdict"),
        el("p", f"Now: {where}", coded(f" – {why}") if why else None, "."),
        el("h2", "Story"),
        el("ol", *lines, class_="story"),
        el("h2", "Details"),
        el("dl", *_details(told, now, zone, whole), class_="figures wide"),
        _show(csrf, told["row"]) if csrf and not whole else None,
        back(),
    )


def _details(told: View, now: str, zone: ZoneInfo, whole: bool) -> list[Html]:
    times = told["times"]
    pairs: list[tuple[str, Child]] = [
        ("To", told["to"]),
        ("From", told["from"]),
        ("Account", told["account"]),
        ("Kind", told["kind"]),
        ("Segments", told["parts"]),
        ("Route", told["route"]),
        ("Bearer", told["bearer"]),
        ("Carrier’s id", told["carrier_id"]),
        ("Tag", told["tag"]),
        ("Reference", told["reference"]),
        ("Error", told["error_words"]),
        ("Accepted after", _length(times["to_accepted_s"])),
        ("Ended after", _length(times["to_done_s"])),
        ("Expires", moment(times["expires"], now, zone)),
        ("Receipt", told["owed"]["words"]),
    ]
    shown = [el("div", el("dt", key), el("dd", value)) for key, value in pairs if value]
    if whole:
        text = told.get("text")
        words = "wiped, or none" if text is None else text
        shown.append(el("div", el("dt", "Text"), el("dd", words, class_="text")))
    return shown


def _length(s: float | None) -> str:
    return "" if s is None else seconds(s)


def _show(csrf: str, row: str) -> Html:
    return el(
        "form",
        forms.hidden("csrf", csrf),
        el("p", el("button", "Show number and text")),
        el("p", "The audit log will say that you looked.", class_="quiet"),
        method="post",
        action=f"/messages/{row}",
    )
