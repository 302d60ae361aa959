"""The parts of the page that say how the gateway is: its state, alarms, bearers, routes, modems. Pure.

Each gives the inside of one <section>; what changes is sent to the browser under the section's id.
"""

from __future__ import annotations

from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from gateway.control.parts import View
from gateway.listeners.http.page.advice import advice_for
from gateway.listeners.http.page.markup import Html, el, join
from gateway.listeners.http.page.words import coded, count, figure, length, moment, since

__all__ = [
    "alarms", "announcement", "badge", "bearers", "button", "figures", "modems", "routes", "state", "title",
]  # fmt: skip

_BADGES = {
    "ready": "good", "up": "good", "bound": "good", "delivered": "good",
    "full": "good", "paused": "busy", "draining": "busy", "drained": "busy", "degraded": "busy", "warning": "busy",
    "sick": "bad", "down": "bad", "refusing": "bad", "critical": "bad",
    "undeliverable": "bad", "rejected": "bad", "expired": "bad",
}  # fmt: skip
_SIGNS = {"good": "●", "busy": "◆", "bad": "▲", "calm": "○"}
_SHOWN_STATE = {"full": "up, window full"}
_STATE_WORDS = {
    "ready": "Messages are taken and leave.",
    "degraded": "Messages are taken and wait on disk.",
    "refusing": "New messages are refused.",
    "drained": "New messages are refused; what is here goes on.",
    "stopping": "The gateway is stopping.",
}


def badge(word: str) -> Html:
    """A state as colour, sign and word: none of them alone."""
    sort = _BADGES.get(word, "calm")
    sign = el("span", _SIGNS[sort], aria_hidden="true")
    return el("span", sign, " ", _SHOWN_STATE.get(word, word), class_=f"badge {sort}")


def button(deed: str, words: str, label: str = "", **args: str) -> Html:
    """A link to the page that asks whether it is meant."""
    query = urlencode({name: value for name, value in args.items() if value})
    href = f"/acts/{deed}?{query}" if query else f"/acts/{deed}"
    return el("a", words, href=href, class_="button", aria_label=label or None)


def title(view: View) -> str:
    """Of the browser's tab: the worst first."""
    alarms = len(view["alarms"])
    told = f"{alarms} alarm{'s' if alarms > 1 else ''}, " if alarms else ""
    return f"{told}{view['state']} – {view['name']}"


def announcement(view: View) -> str:
    """What a screen reader says when it changes: no ages, no figures that move all the time."""
    parts = [f"Gateway {view['name']} is {view['state']}."]
    parts += [f"Alarm, {alarm['severity']}: {alarm['text']}." for alarm in view["alarms"]]
    return " ".join(parts if view["alarms"] else [*parts, "No alarm stands."])


def state(view: View) -> Html:
    """The one line that answers "is it working?"."""
    down = sum(link["state"] in ("down", "sick") for link in view["bearers"])
    but = f" {down} of {len(view['bearers'])} bearers {'is' if down == 1 else 'are'} down." if down else ""
    words = _STATE_WORDS.get(view["state"], "") + but
    return join([
        el("p", badge(view["state"]), " ", el("strong", words), class_="verdict"),
        el("p", coded(view["why"]), class_="why") if view["why"] else None,
    ])  # fmt: skip


def figures(view: View, zone: ZoneInfo) -> Html:
    """Four figures, and the store."""
    waiting, rates = view["waiting"], view["rates"]
    ages = [kind["oldest_age_s"] for kind in waiting["kinds"].values() if kind["oldest_age_s"] is not None]
    doubt = f", {count(view['in_doubt'])} in doubt" if view["in_doubt"] else ""
    stops = view["optouts"]["today"]
    return join([
        el("h2", "Figures", id="figures-h", class_="unseen"),
        el(
            "dl",
            _tile("Waiting", count(waiting["total"]), f"oldest {length(max(ages))}" if ages else "nothing waits"),
            _tile("In flight", count(view["in_flight"]), f"not answered yet{doubt}"),
            _tile("Leaving", f"{figure(rates['accepted'])}/s", f"{figure(rates['admitted'])}/s come in"),
            _tile("Opt-outs today", count(stops.get("stop", 0) + stops.get("add", 0)), _stops(view)),
            class_="tiles",
        ),
        el(
            "p", "Store: ", _store(view["store"]), ". Up since ", since(view["started"], view["at"], zone), ".",
            class_="quiet",
        ),
    ])  # fmt: skip


def _tile(name: str, value: str, more: str) -> Html:
    return el("div", el("dt", name), el("dd", el("strong", value), " ", el("span", more, class_="more")))


def _stops(view: View) -> str:
    today = view["optouts"]["today"]
    words = [f"{count(view['optouts']['total'])} in all"]
    for act, word in (("start", "came back"), ("import", "imported")):
        if today.get(act):
            words.append(f"{count(today[act])} {word}")
    return ", ".join(words)


def _store(store: View) -> str:
    if store["sick"]:
        return f"cannot write: {store['sick']}"
    from_disk = store["free_bytes"] / 1e9
    return f"well, {figure(from_disk)} GB free"


def alarms(view: View, zone: ZoneInfo) -> Html:
    """What stands, worst first; each with the way to what helps."""
    found = sorted(view["alarms"], key=lambda alarm: (alarm["severity"] != "critical", alarm["since"]))
    heading = el("h2", f"Alarms ({len(found)})" if found else "Alarms", id="alarms-h")
    if not found:
        return join([heading, el("p", "No alarm stands.", class_="quiet")])
    items = [_alarm(alarm, view["at"], zone) for alarm in found]
    return join([heading, el("ul", *items, class_="alarms")])


def _alarm(alarm: View, now: str, zone: ZoneInfo) -> Html:
    label = f"What to do: {advice_for(alarm['id']).title}"
    return el(
        "li",
        el("p", badge(alarm["severity"]), " ", el("strong", coded(alarm["text"]))),
        _labelled("Why: ", alarm["why"]),
        _labelled("Do: ", alarm["remedy"]),
        el(
            "p", "since ", since(alarm["since"], now, zone), " ",
            el("a", "What to do", href=f"/alarms/{alarm['id']}", aria_label=label, class_="button"),
        ),
        class_=alarm["severity"],
    )  # fmt: skip


# ── bearers ──────────────────────────────────────────────────────────────────────────────────────────────────
def bearers(view: View, zone: ZoneInfo, operator: bool) -> Html:
    """One card each, worst first: state, since when, why, what helps, and the figures."""
    down = sum(link["state"] in ("down", "sick") for link in view["bearers"])
    heading = el("h2", "Bearers", f" ({down} of {len(view['bearers'])} down)" if down else "", id="bearers-h")
    if not view["bearers"]:
        return join([heading, el("p", "None is configured: messages are taken and wait.", class_="quiet")])
    cards = [_bearer(link, view["at"], zone, operator) for link in view["bearers"]]
    return join([heading, el("ul", *cards, class_="cards")])


def _bearer(link: View, now: str, zone: ZoneInfo, operator: bool) -> Html:
    name, wrong = link["name"], link["state"] not in ("up", "full")
    return el(
        "li",
        el("div", el("h3", name), badge(link["state"]), class_="head"),
        el("p", "Since ", since(link["since"], now, zone), class_="quiet"),
        _labelled("Why: ", link["detail"] or link["reason"], "cause") if wrong else None,
        _labelled("Do: ", link["remedy"], "remedy") if wrong else None,
        _figures(link) if "window" in link else None,
        el("p", link["note"], class_="quiet") if link.get("note") else None,
        _bearer_buttons(link) if operator and "window" in link else None,
        class_=f"card {_BADGES.get(link['state'], 'calm')}",
        id=f"bearer-{name}",
    )


def _labelled(label: str, words: str, class_: str | None = None) -> Html | None:
    return el("p", el("span", label, class_="label"), coded(words), class_=class_) if words else None


def _figures(link: View) -> Html:
    rate, window = link["rate"], link["window"]
    slowed = f", slowed to {figure(rate['adaptive'])}" if rate["adaptive"] < rate["contracted"] else ""
    size = f" of {window['size']}" if window["size"] else ""
    lost = [f"{count(link[word])} {word}" for word in ("refused", "doubtful") if link[word]]
    return el(
        "dl",
        _pair("Rate", f"{figure(rate['used'])} of {figure(rate['contracted'])}/s{slowed}"),
        _pair("Window", f"{window['unanswered']}{size} unanswered"),
        _pair("Accepted", ", ".join([count(link["accepted"]), *lost])),
        _pair("Carries", ", ".join(link["kinds"])),
        class_="figures",
    )


def _pair(name: str, value: str | Html) -> Html:
    return el("div", el("dt", name), el("dd", value))


def _bearer_buttons(link: View) -> Html:
    name, disabled = link["name"], link["state"] == "disabled"
    switch = "enable" if disabled else "disable"
    return el(
        "p",
        button("link.reset", "Reset", f"Reset {name}", name=name),
        " ",
        button(f"link.{switch}", switch.capitalize(), f"{switch.capitalize()} {name}", name=name),
        class_="buttons",
    )


# ── routes and modems ────────────────────────────────────────────────────────────────────────────────────────
def routes(view: View, zone: ZoneInfo) -> Html:
    """The fallback: where each route with several tiers sends now."""
    heading = el("h2", "Fallback", id="routes-h")
    if not view["routes"]:
        return join([heading, el("p", "No route has a second tier.", class_="quiet")])
    items = []
    for route in view["routes"]:
        word = el("span", el("span", "◆", aria_hidden="true"), " fallen back", class_="badge busy")
        tiers = " → ".join(" + ".join(tier) for tier in route["tiers"])
        items.append(el(
            "li",
            el("div", el("h3", route["name"]), word if route["fallen"] else badge_of_route(route), class_="head"),
            el("p", tiers, class_="quiet"),
            el("p", "Since ", since(route["since"], view["at"], zone), class_="quiet") if route["fallen"] else None,
            el("ul", *(_way(way) for way in route["ways"]), class_="ways"),
            class_="card",
        ))  # fmt: skip
    return join([heading, el("ul", *items, class_="cards")])


def badge_of_route(route: View) -> Html:
    """A route that has not fallen: on its first tier, unless nothing at all takes some kind."""
    if any(not way["bearers"] for way in route["ways"]):
        return el("span", el("span", "▲", aria_hidden="true"), " some kinds wait", class_="badge bad")
    return el("span", el("span", "●", aria_hidden="true"), " as planned", class_="badge good")


def _way(way: View) -> Html:
    where = f"tier {way['tier']}, {', '.join(way['bearers'])}" if way["bearers"] else "they wait"
    why = None if way["bearers"] and way["tier"] == 1 else el("span", f" – {way['why']}", class_="quiet")
    return el("li", el("strong", ", ".join(way["kinds"])), f": {where}", why)


def modems(view: View, zone: ZoneInfo) -> Html:
    """What modems and SIMs show of themselves."""
    heading = el("h2", "Modems", id="modems-h")
    found = [link for link in view["bearers"] if link["modem"]]
    if not found:
        return join([heading, el("p", "None is configured.", class_="quiet")])
    cards = []
    for link in found:
        shown = [pair for bind in link["binds"] for pair in _modem(bind, view["at"], zone)]
        cards.append(el(
            "li", el("div", el("h3", link["name"]), badge(link["state"]), class_="head"),
            el("dl", *shown, class_="figures") if shown else el("p", "It has said nothing yet.", class_="quiet"),
            class_="card",
        ))  # fmt: skip
    return join([heading, el("ul", *cards, class_="cards")])


def _modem(bind: View, now: str, zone: ZoneInfo) -> list[Html]:
    """Those of its fields that an operator asks for; numbers of the SIM stay masked as they came."""
    found = []
    if "signal_dbm" in bind:
        found.append(_pair("Signal", join([signal(float(bind["signal_dbm"])), f" {bind['signal_dbm']} dBm"])))
    for name, key in (
        ("Operator", "operator"),
        ("Network", "network"),
        ("Model", "model"),
        ("Number", "number"),
    ):
        if bind.get(key):
            roaming = ", roaming" if key == "operator" and bind.get("roaming") else ""
            found.append(_pair(name, f"{bind[key]}{roaming}"))
    if "quota_left" in bind:
        frees = bind.get("quota_frees_at")
        found.append(
            _pair("Quota left", f"{bind['quota_left']} segments{' until more is free' if frees else ''}")
        )
    memories = [
        f"{key.removeprefix('storage_')} {bind[key]}" for key in sorted(bind) if key.startswith("storage_")
    ]
    if memories:
        found.append(_pair("Storage", ", ".join(memories)))
    for name, key in (("Balance", "balance"), ("Supply", "supply"), ("Last error", "last_error")):
        if bind.get(key):
            found.append(_pair(name, str(bind[key])))
    if bind.get("since"):
        found.append(_pair("Since", moment(str(bind["since"]), now, zone)))
    return found


def signal(dbm: float) -> Html:
    """Four bars: none below -110 dBm, all from -75 on."""
    lit = sum(dbm >= limit for limit in (-110, -100, -88, -75))
    words = ("no signal", "weak", "fair", "good", "strong")[lit]
    bars = [
        el("path", d=f"M{3 + 6 * place} 16V{12 - 4 * place}", class_="bar lit" if place < lit else "bar")
        for place in range(4)
    ]
    return el("svg", el("title", words), *bars, viewBox="0 0 24 17", class_="signal", role="img")
