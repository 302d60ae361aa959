"""Bearers in an operator's words: open, paused, full, down or disabled, why, and what helps."""

from __future__ import annotations

import re

from gateway.control.parts import Gateway, View
from gateway.control.rates import Rates
from gateway.control.words import kind_word, moment
from gateway.road import Road
from gateway.routing import Route

__all__ = ["condition", "links", "tiers", "why_not"]

REMEDIES = {
    "starting": "wait: it is connecting for the first time",
    "connect.failed": "check host, port and the carrier's firewall; `chappe link reset NAME` tries at once",
    "bind.refused": "check system_id and password with the carrier, and whether our address is on its list",
    "bind.timeout": "the carrier took the connection and did not answer the bind: ask the carrier",
    "link.lost": "nothing: it reconnects by itself; if it stays away, ask the carrier",
    "link.dead": "nothing: it reconnects by itself; if this comes again, look for a firewall that forgets idle links",
    "link.unbound_by_peer": "nothing: it reconnects by itself; the carrier said goodbye, perhaps for maintenance",
    "link.reset": "nothing: it reconnects at once",
    "driver.failed": "a fault of the program, which starts it again: send the log line bearer.failed to its authors",
    "sick": "ask the carrier; what has another road takes it after fallback_after",
    "stopped": "the gateway is stopping or reloading",
    "disabled": "`chappe link enable NAME` when it may be used again",
}


def condition(road: Road, now: float) -> tuple[str, str]:
    """(state, reason): up, full, paused, sick, draining, disabled or down; the reason in words, "" when up."""
    if road.disabled:
        return "disabled", f"by {road.disabled}"
    if not road.health.up:
        return "down", _detail(road) or road.health.reason
    if road.draining:
        return "draining", "it is being closed"
    if road.health.sick:
        return "sick", f"it is open and takes nothing: {road.health.sick}; one message at a time is tried"
    if road.adaptive.paused(now):
        rest = road.adaptive.paused_until - now
        return "paused", f"the carrier throttled us: {rest:.1f} s more, then {road.adaptive.rate:g}/s"
    if road.bearer.credit() <= 0:
        return "full", f"its window is full: {len(road.unanswered)} segments are unanswered"
    return "up", ""


def why_not(road: Road, now: float) -> str:
    """Why nothing leaves by it at this moment, "" when something may."""
    state, reason = condition(road, now)
    if state != "up":
        return f"bearer {road.name} is {state}: {reason}"
    if road.room(now) <= 0:
        return f"bearer {road.name} is at its rate, {road.throttle.rate:g} segments a second"
    return ""


def tiers(gateway: Gateway, route: Route, kind: int) -> list[View]:
    """Every bearer of a route, tier by tier: whether it may take this kind now, and why not."""
    now = gateway.clock.now()
    roads = gateway.dispatcher.roads
    choice = gateway.dispatcher.choice(route, kind)
    chosen, why = choice.bearers, f"not its turn: {choice.why}"
    found: list[View] = []
    for number, tier in enumerate(route.tiers, 1):
        for name in tier:
            road = roads.get(name)
            if road is None:
                state, reason = "absent", "it is not open: disabled in the configuration, or removed"
            else:
                state, reason = condition(road, now)
                if kind not in road.health.kinds:
                    reason = road.health.note or f"it carries no {kind_word(kind)}"
            if not reason:
                reason = _limit(road) if name in chosen else why
            found.append(
                {"tier": number, "bearer": name, "state": state, "chosen": name in chosen, "reason": reason}
            )
    return found


def _limit(road: Road | None) -> str:
    """What an open bearer takes only a part of, in its driver's words; "" for nothing."""
    said = (str(fields.get("limit", "")) for fields in road.status.values()) if road is not None else ()
    return next(filter(None, said), "")


def links(gateway: Gateway, rates: Rates) -> list[View]:
    """All bearers in full."""
    now, wall = gateway.clock.now(), gateway.clock.wall_ms()
    found = []
    for name, road in sorted(gateway.dispatcher.roads.items()):
        settings = gateway.config.bearers.get(name)
        found.append(_link(road, settings.rate if settings else road.adaptive.rate, rates, now, wall))
    return found


def _link(road: Road, contracted: float, rates: Rates, now: float, wall: int) -> View:
    state, reason = condition(road, now)
    health = road.health
    word = "disabled" if road.disabled else "sick" if health.sick else health.reason
    window = sum(int(bind.get("window", 0)) for bind in road.status.values() if bind.get("state") == "bound")
    return {
        "name": road.name,
        "state": state,
        "since": moment(wall - int((now - health.since) * 1000)),
        "since_s": round(now - health.since, 1),
        "reason": word,
        "detail": reason,
        "remedy": "" if state in ("up", "full") else _remedy(word, road),
        "kinds": [kind_word(kind) for kind in sorted(health.kinds)],
        "note": health.note,
        "window": {"unanswered": len(road.unanswered), "size": window, "free": road.bearer.credit()},
        "staged": road.staged_count + road.taking,
        "rate": {
            "contracted": contracted,
            "adaptive": road.adaptive.rate,
            "used": round(rates.per_second(f"bearer {road.name}"), 2),
        },
        "paused_s": round(max(0.0, road.adaptive.paused_until - now), 1),
        "accepted": road.accepted,
        "refused": road.refused,
        "doubtful": road.doubtful,
        "last_answer_s": round(now - road.last_accept, 1) if road.last_accept else None,
        "binds": [{"name": name, **_bind(fields)} for name, fields in sorted(road.status.items())],
    }


def _remedy(word: str, road: Road) -> str:
    """What helps: ours, or the driver's own, which stands in its detail behind what is wrong."""
    known = REMEDIES.get(word)
    if known is not None:
        return known.replace("NAME", road.name)
    said = re.split(r"(?<!ERROR): ", _said(road), maxsplit=1)
    return said[-1]


def _bind(fields: dict[str, str | int | float | bool]) -> View:
    """A driver's own status as it is; its `since`, Unix seconds, as everywhere else."""
    since = fields.get("since")
    if isinstance(since, int | float) and since > 1e9:
        return {**fields, "since": moment(int(since * 1000))}
    return dict(fields)


def _detail(road: Road) -> str:
    """Why its binds say that they are down."""
    said = _said(road)
    return f"{road.health.reason}: {said}" if said else ""


def _said(road: Road) -> str:
    for fields in road.status.values():
        if fields.get("detail") and fields.get("state") == "down":
            return str(fields["detail"])
    return ""
