"""What waits, and why: for `queue`, for `status`, and for the trace of one message.

Counts come from the queue's own flows, so that asking costs no scan; messages held one by one are counted in
the stored backlog, at most once in ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.control.parts import Gateway, View
from gateway.control.roads import tiers, why_not
from gateway.control.words import admitted_at, kind_word, moment
from gateway.holds import Hold
from gateway.lifecycle import State
from gateway.model import Kind, Message
from gateway.queue import Flow
from gateway.stores.store import FlowKey

__all__ = ["HeldOnes", "by_kind", "count_of", "held_by", "oldest_of", "queue", "reason_of"]

HELD_AGE = 10.0
_MAY_LEAVE = frozenset({State.QUEUED, State.SCHEDULED})
BY = ("kind", "account", "tag", "route")
_HELD = (
    "SELECT route, kind, priority, account, tag, count(*), min(id) FROM backlog WHERE held=1"
    " GROUP BY route, kind, priority, account, tag"
)

Held = list[tuple[FlowKey, int, int]]
"""(flow, how many messages of it are held one by one, the oldest one's id)."""


class HeldOnes:
    """Messages held one by one: they stand in no flow, only in the store."""

    __slots__ = ("_at", "_found")

    def __init__(self) -> None:
        self._found: Held = []
        self._at = -HELD_AGE

    async def count(self, gateway: Gateway, fresh: bool = False) -> Held:
        now = gateway.clock.now()
        if fresh or now - self._at >= HELD_AGE:
            self._at = now
            name = gateway.store.name
            self._found = [
                ((name(r[0]), r[1], r[2], name(r[3]), r[4]), r[5], r[6])
                for r in await gateway.store.query(_HELD)
            ]
        return self._found


# ── why ──────────────────────────────────────────────────────────────────────────────────────────────────────
def held_by(gateway: Gateway, key: FlowKey) -> str:
    """The operators' holds that stop this flow, in words; "" for none."""
    route, kind, _, account, tag = key
    mine = (route, kind_word(kind), account, tag)
    found = [
        hold for hold in gateway.holds
        if all(not want or want == have for want, have in zip(hold, mine, strict=True))
    ]  # fmt: skip
    return ", ".join(map(hold_words, found))


def hold_words(hold: Hold) -> str:
    """As operators say it: tag promo-12 and account shop."""
    names = zip(("route", "kind", "account", "tag"), hold, strict=True)
    return " and ".join(f"{name} {value}" for name, value in names if value)


def reason_of(gateway: Gateway, key: FlowKey, next_due: int) -> str:
    """Why messages of this flow have not left. next_due: when the first may leave (Unix ms), 0 for now."""
    held = held_by(gateway, key)
    if held:
        return f"held by an operator ({held}): `chappe release` lets it go"
    if gateway.store.sick:
        return f"the store cannot write: {gateway.store.sick}"
    if next_due > gateway.clock.wall_ms():
        return f"scheduled: the first is due {moment(next_due)}"
    route_name, kind = key[0], key[1]
    route = gateway.dispatcher.router.get(route_name)
    if route is None:
        return f"its route {route_name} is not in the configuration any more"
    if kind in gateway.dispatcher.barred:
        return f"the gateway has just started and still reads {gateway.recall.barred}: it leaves in a moment"
    chosen = gateway.dispatcher.choices(route_name, kind)
    if not chosen:
        each = "; ".join(f"{t['bearer']} is {t['state']}: {t['reason']}" for t in tiers(gateway, route, kind))
        return f"no working bearer on route {route_name} for {kind_word(kind)}: {each}"
    now = gateway.clock.now()
    reasons = [why_not(gateway.dispatcher.roads[name], now) for name in chosen]
    if all(reasons):
        return "; ".join(reasons)
    return f"leaving now by {', '.join(n for n, why in zip(chosen, reasons, strict=True) if not why)}"


# ── how many ─────────────────────────────────────────────────────────────────────────────────────────────────
def count_of(flow: Flow) -> int:
    """How many may leave: what was held or cancelled in memory stands there until its turn comes."""
    return flow.stored + sum(m.state in _MAY_LEAVE for m in flow.ready)


def oldest_of(flow: Flow) -> int:
    """Since when its oldest message waits, Unix ms; 0 for none. Of those in the store only: since it was due."""
    for m in flow.ready:
        if m.state in _MAY_LEAVE:
            return admitted_at(m.id)
    return flow.next_due if flow.stored else 0


class _Group:
    """Flows that are shown as one line."""

    def __init__(self) -> None:
        self.count = self.held = self.oldest = self.next_due = 0
        self.reasons: dict[str, int] = {}

    def add(self, count: int, oldest: int, next_due: int, held: bool, reason: str) -> None:
        self.count += count
        self.held += count if held else 0
        if oldest and (not self.oldest or oldest < self.oldest):
            self.oldest = oldest
        if next_due and (not self.next_due or next_due < self.next_due):
            self.next_due = next_due
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + count

    def view(self, wall: int) -> View:
        age = max(0.0, (wall - self.oldest) / 1000) if self.oldest else None
        reasons = sorted(self.reasons.items(), key=lambda item: -item[1])
        return {
            "count": self.count,
            "held": self.held,
            "oldest_age_s": age,
            "next_due": moment(self.next_due) if self.next_due > wall else None,
            "why": [{"reason": reason, "count": count} for reason, count in reasons[:5]],
        }


def _grouped(gateway: Gateway, held: Held, name: Callable[[FlowKey], str], why: bool) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
    known: dict[tuple[str, str, str], str] = {}  # many flows, few reasons: tags share their route's

    def reason(flow: Flow) -> str:
        due = flow.next_due if flow.stored and not flow.ready else 0
        if due > gateway.clock.wall_ms() or flow.held:
            return reason_of(gateway, flow.key, due)
        shared = (flow.key[0], str(flow.key[1]), "")
        if shared not in known:
            known[shared] = reason_of(gateway, flow.key, 0)
        return known[shared]

    for flow in list(gateway.queue.flows()):
        count = count_of(flow)
        if not count:
            continue
        next_due = flow.next_due if flow.stored and not flow.ready else 0
        group = groups.setdefault(name(flow.key), _Group())
        group.add(count, oldest_of(flow), next_due, flow.held, reason(flow) if why else "")
    for key, count, oldest in held:
        words = "held one by one: `chappe release ID` lets it go" if why else ""
        groups.setdefault(name(key), _Group()).add(count, admitted_at(oldest), 0, True, words)
    for aside in gateway.outcomes.aside:
        m = aside.message
        key = (m.route, m.kind, m.priority, m.account, m.tag)
        words = aside_words(m, aside.only, aside.avoid) if why else ""
        groups.setdefault(name(key), _Group()).add(1, m.submitted_at, 0, False, words)
    return groups


def aside_words(m: Message, only: str, avoid: frozenset[str]) -> str:
    if only:
        return f"bearer {only} has its first parts, so only that one may take the rest"
    why = f" ({m.reason})" if m.reason else ""
    return f"refused by {', '.join(sorted(avoid))}{why}: it waits for another bearer of its route"


def queue(gateway: Gateway, held: Held, by: str) -> list[View]:
    """Lines of what waits, most first. by: one of BY."""
    index = {"route": 0, "account": 3, "tag": 4}.get(by)

    def name(key: FlowKey) -> str:
        return kind_word(key[1]) if index is None else str(key[index])

    wall = gateway.clock.wall_ms()
    groups = sorted(_grouped(gateway, held, name, why=True).items(), key=lambda item: -item[1].count)
    return [{by: shown, **group.view(wall)} for shown, group in groups]


def by_kind(gateway: Gateway, held: Held) -> View:
    """For status: counts and the oldest age of every kind, without reasons."""
    wall = gateway.clock.wall_ms()
    groups = _grouped(gateway, held, lambda key: kind_word(key[1]), why=False)
    empty = _Group()
    kinds = {}
    for kind in Kind:
        shown = groups.get(kind_word(kind), empty).view(wall)
        kinds[kind_word(kind)] = {k: shown[k] for k in ("count", "held", "oldest_age_s")}
    return {"total": sum(group.count for group in groups.values()), "kinds": kinds}
