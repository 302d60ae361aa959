"""The parts of the page that list: the queue by kind, accounts, the last messages, the last hour's lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from gateway.control.parts import View
from gateway.listeners.http.page.charts import Line, chart
from gateway.listeners.http.page.history import Point
from gateway.listeners.http.page.markup import Child, Html, el, join
from gateway.listeners.http.page.sections import badge, button
from gateway.listeners.http.page.words import count, figure, length, moment, seconds

__all__ = ["accounts", "flow", "messages", "queue", "table"]


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Child]], class_: str = "") -> Html:
    """A table whose rows become cards on a narrow screen: each cell knows its column's name, and its role, which the
    cards' style would take from it.
    """
    head = el("tr", *(el("th", name, scope="col", role="columnheader") for name in columns), role="row")
    body = []
    for row in rows:
        first = el("th", row[0], scope="row", role="rowheader")
        cells = (
            el("td", cell, data_label=name, role="cell")
            for name, cell in zip(columns[1:], row[1:], strict=True)
        )
        body.append(el("tr", first, *cells, role="row"))
    return el(
        "table", el("caption", caption), el("thead", head, role="rowgroup"), el("tbody", *body, role="rowgroup"),
        role="table", class_=f"stacked {class_}".strip(),
    )  # fmt: skip


def queue(view: View, operator: bool) -> Html:
    """What waits by kind, with the oldest's age; and the holds."""
    waiting = view["waiting"]
    rows = [
        (
            kind, count(found["count"]), count(found["held"]),
            "–" if found["oldest_age_s"] is None else length(found["oldest_age_s"]),
        )
        for kind, found in waiting["kinds"].items()
    ]  # fmt: skip
    holds = [_hold(hold, operator) for hold in view["holds"]]
    return join([
        el("h2", f"Queue ({count(waiting['total'])})", id="queue-h"),
        table("Messages that wait, by kind", ("Kind", "Waiting", "Held", "Oldest"), rows),
        join([el("h3", "Holds"), el("ul", *holds, class_="holds")]) if holds else None,
    ])  # fmt: skip


def _hold(hold: View, operator: bool) -> Html:
    words = hold["words"]
    release = button("queue.release", "Release", f"Release {words}", **hold["flow"]) if operator else None
    return el("li", words, " ", release)


def flow(points: Sequence[Point], now: float) -> Html:
    """Throughput and latency over the last hour."""
    through = (
        Line("in", "one", lambda point: point.rates["admitted"]),
        Line("accepted by carriers", "two", lambda point: point.rates["accepted"]),
        Line("failed", "three", lambda point: point.rates["failed"]),
    )
    late = (
        Line("half below", "one", lambda point: point.p50),
        Line("95 % below", "two", lambda point: point.p95),
    )
    return join([
        el("h2", "Last hour", id="flow-h"),
        el(
            "div",
            chart("throughput", "Messages a second", through, points, now, lambda value: f"{figure(value)}/s"),
            chart("latency", "From submission to the carrier’s answer", late, points, now, seconds),
            class_="charts",
        ),
    ])  # fmt: skip


def accounts(view: View, zone: ZoneInfo) -> Html:
    """Who is bound, how fast they submit, and what they are owed."""
    heading = el("h2", "Accounts", id="accounts-h")
    rows = [_account(account, view["at"], zone) for account in view["accounts"]]
    if not rows:
        return join([heading, el("p", "None is configured.", class_="quiet")])
    caption = "Who is bound by SMPP, how fast they submit, and what receipts and replies they are owed"
    return join([heading, table(caption, ("Account", "SMPP", "Rate", "Owed"), rows)])


def _account(account: View, now: str, zone: ZoneInfo) -> tuple[Child, ...]:
    binds, bound, owed, oldest = account["binds"], account["bound"], account["owed"], account["owed_oldest_s"]
    smpp: list[Child] = [badge("bound" if bound else "away")]
    if bound > 1:
        smpp.append(f" {bound} binds")
    elif len(binds) == 1:
        smpp += [" since ", moment(binds[0]["since"], now, zone)]
    limit = f" of {figure(account['rate'])}" if account["rate"] else ""
    return (
        account["name"],
        join(smpp),
        f"{figure(account['admitted_per_s'])}{limit}/s",
        f"{count(owed)}{f', oldest {length(oldest)}' if owed and oldest else ''}",
    )


def messages(view: View, zone: ZoneInfo) -> Html:
    """The newest, numbers masked; each leads to its story."""
    heading = el("h2", "Last messages", id="messages-h")
    if not view["messages"]:
        return join([heading, el("p", "None yet.", class_="quiet")])
    rows = [_message(found, view["at"], zone) for found in view["messages"]]
    columns = ("Submitted", "To", "State", "Kind", "Account", "Bearer")
    return join([heading, table("The newest messages; each leads to its story", columns, rows, "messages")])


def _message(found: View, now: str, zone: ZoneInfo) -> tuple[Child, ...]:
    # What is read out begins with what is seen, so that one can say it to a browser that listens.
    unseen = el("span", f", story of message {found['id']}", class_="unseen")
    return (
        el("a", moment(found["admitted"], now, zone), unseen, href=f"/messages/{found['id']}"),
        el("span", found["to"], class_="number"),
        badge(found["state"]),
        found["kind"],
        found["account"],
        found["bearer"] or "–",
    )
