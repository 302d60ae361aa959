"""report: what became of the messages of a period, in seven lines; segments, latency, and what still waits.

Counted from the stored messages by ranges of ids, in slices that are each made to take about a fifth of a
second: others share the reader. A message that was refused when it was submitted was never taken: it is in no
line. The lines and their words are those that French routers print, so that a campaign's figures compare. The
same by day (the gateway's calendar), bearer, account or tag: each group as the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.answers import NO_ROUTE, never_left, own_error
from gateway.control.finding import number_of
from gateway.control.parts import Args, Gateway, Refusal, Tell, View
from gateway.control.words import LATEST, Asked, admitted_at, first_id, moment
from gateway.lifecycle import FINAL, State
from gateway.model import EPOCH_MS
from gateway.rules.quota import day_of
from gateway.unknown_numbers import says_unknown

__all__ = ["GROUPINGS", "LINES", "line_of", "percentile", "report", "shares"]

LINES = (
    ("recu", "reçu"),
    ("echec_transmission", "échec de la transmission"),
    ("erreur_reception", "erreur lors de la réception"),
    ("numero_inconnu", "numéro inconnu"),
    ("non_route", "non routé"),
    ("transmis", "transmis"),
    ("recredite", "recrédité"),
)
"""Key in JSON, words on the page; in the order in which they are printed."""

GROUPINGS = {
    "day": "''",
    "bearer": "coalesce(m.bearer, 0)",
    "account": "m.account",
    "tag": "coalesce(m.tag, '')",
}
"""What a report may be split by, and the column that says it; a day is a range of ids."""
MOST_GROUPS = 1_000
OTHERS = "(others)"
"""Groups beyond that many are one: tags are the applications' own words."""

DAY_MS = 86_400_000
FIRST_SLICE_MS = 600_000
LEAST_SLICE_MS = 1_000
PACE = 0.2
_TOOK = f"done_at - ((id >> 22) + {EPOCH_MS})"
_SLICE = f"""
    SELECT state, coalesce(error, ''), coalesce(sent_at, 0) > 0, coalesce(tries, 0) > 0,
        coalesce(bearer, 0), parts,
        CASE WHEN state<>2 OR coalesce(done_at, 0)=0 THEN -1
            WHEN {_TOOK} < 10000 THEN {_TOOK} / 10 * 10
            WHEN {_TOOK} < 600000 THEN {_TOOK} / 1000 * 1000
            ELSE {_TOOK} / 60000 * 60000 END,
        kind=3, count(*), {{group}}
    FROM message m WHERE id>=? AND id<? {{where}} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 10"""
"""Latency in steps of 10 ms below 10 s, of 1 s below 10 min, of 1 min above: few groups, whatever the period."""

_STOPS = """
    SELECT a.key, min(m.id), {group} FROM optout_act a JOIN mo ON mo.id=a.mo JOIN message m ON m.id=mo.message
    WHERE a.act='stop' AND m.id>=? AND m.id<? {where} GROUP BY 1, 3"""
"""People who answered one of these messages with a STOP, each once a group."""

Unknown = Callable[[int, State, str, bool], bool]
"""unknown_numbers.says_unknown, with the number of the bearer's name."""


def line_of(state: State, error: str, sent: bool, tried: bool, bearer: int, unknown: Unknown) -> str:
    """The key of the line that a message belongs to; "" while it waits or is on the wire."""
    if state is State.DELIVERED:
        return "recu"
    if state in (State.ENROUTE, State.UNKNOWN):
        return "transmis"
    if state not in FINAL:
        return ""
    if error == own_error(NO_ROUTE):
        return "non_route"
    if never_left(state, error, int(sent), int(tried)):
        return "recredite"
    if unknown(bearer, state, error, sent):
        return "numero_inconnu"
    if state is State.REJECTED or not sent:
        return "echec_transmission"
    return "erreur_reception"


def shares(counts: Sequence[int]) -> list[str]:
    """Of their sum, in percent to one decimal; what is not zero never reads 0.0, what is not all never 100.0."""
    whole = sum(counts)
    texts = []
    for count in counts:
        text = f"{100 * count / whole:.1f}" if whole else "0.0"
        if count and text == "0.0":
            text = "<0.1"
        elif count < whole and text == "100.0":
            text = ">99.9"
        texts.append(text)
    return texts


def percentile(steps: dict[int, int], share: float) -> float | None:
    """Seconds within which this share of the messages was delivered, to the step; None when there is none."""
    left = sum(steps.values()) * share
    for step in sorted(steps):
        left -= steps[step]
        if left <= 0:
            return step / 1000
    return None


class _Tally:
    """Sums of one report, or of one of its groups."""

    def __init__(self, unknown: Unknown) -> None:
        self._unknown = unknown
        self.messages = dict.fromkeys((*(key for key, _ in LINES), ""), 0)
        self.segments = dict(self.messages)
        self.steps: dict[int, int] = {}
        self.marketing = 0
        self.stops: set[int] = set()

    def add(self, row: tuple[Any, ...]) -> None:
        state, error, sent, tried, bearer, parts, step, marketing, count, _ = row
        line = line_of(State(state), error, bool(sent), bool(tried), bearer, self._unknown)
        self.messages[line] += count
        self.segments[line] += count * parts
        if marketing and line == "recu":
            self.marketing += count
        if step >= 0:
            self.steps[step] = self.steps.get(step, 0) + count

    def view(self) -> View:
        keys = [key for key, _ in LINES]
        percents = shares([self.messages[key] for key in keys])
        return {
            "messages": sum(self.messages[key] for key in keys),
            "segments": sum(self.segments[key] for key in keys),
            "lines": [
                {
                    "line": key,
                    "name": name,
                    "messages": self.messages[key],
                    "segments": self.segments[key],
                    "percent": percent,
                }
                for (key, name), percent in zip(LINES, percents, strict=True)
            ],
            "waiting": {"messages": self.messages[""], "segments": self.segments[""]},
            "latency_s": {"p50": percentile(self.steps, 0.5), "p95": percentile(self.steps, 0.95)},
            "optouts": _optouts(len(self.stops), self.marketing),
        }


class _Report:
    """The whole, and its groups where it is split."""

    def __init__(self, gateway: Gateway, by: str) -> None:
        self._gateway = gateway
        self._unknown = _unknown_of(gateway)
        self.by = by
        self.zone = ZoneInfo(gateway.config.gateway.timezone) if by == "day" else None
        self.whole = _Tally(self._unknown)
        self.groups: dict[str, _Tally] = {}

    def tallies(self, value: Any, at_ms: int) -> tuple[_Tally, ...]:
        """Those that a row belongs to: value of its group's column, and a moment of its day."""
        if not self.by:
            return (self.whole,)
        name = self._name(value, at_ms)
        if name not in self.groups and len(self.groups) >= MOST_GROUPS:
            name = OTHERS
        return self.whole, self.groups.setdefault(name, _Tally(self._unknown))

    def _name(self, value: Any, at_ms: int) -> str:
        if self.zone is not None:
            return datetime.fromtimestamp(at_ms / 1000, self.zone).date().isoformat()
        if self.by == "tag":
            return str(value)
        return self._gateway.store.name(value) if value else ""

    def view(self) -> View:
        view = self.whole.view()
        if self.by:
            view["by"] = self.by
            view["groups"] = [{self.by: name, **self.groups[name].view()} for name in sorted(self.groups)]
        return view


async def report(gateway: Gateway, args: Args, tell: Tell) -> View:
    """The breakdown of what was submitted from `since` to `until` (Unix ms, default: the last seven days)."""
    asked = Asked(args)
    wall = gateway.clock.wall_ms()
    since = asked.number("since", wall - 7 * DAY_MS, 0, LATEST - 1)
    until = asked.number("until", wall + 1, 0, LATEST - 1)
    if since >= until:
        raise Refusal(f"nothing lies between --since {moment(since)} and --until {moment(until)}", 2)
    by = asked.text("by")
    if by and by not in GROUPINGS:
        raise Refusal(f"--by {by!r}: use {', '.join(GROUPINGS)}", 2)
    sums = _Report(gateway, by)
    where = ""
    arguments: list[Any] = []
    if tag := asked.text("tag"):
        where, arguments = "AND m.tag=?", [tag]
    if account := asked.text("account"):
        number = await number_of(gateway, account)
        if (
            not number and gateway.accounts.get(account) is None
        ):  # a slip, which must not read like "nothing came"
            there = ", ".join(sorted(each.name for each in gateway.accounts)) or "none"
            raise Refusal(f"--account {account}: no such account; there are {there}", 2)
        where, arguments = f"{where} AND m.account=?", [*arguments, number]
    words = {"group": GROUPINGS.get(by, "''"), "where": where}
    await _count(gateway, sums, (since, until), _SLICE.format(**words), arguments, tell)
    period = (first_id(since), first_id(until))
    for key, message, value in await gateway.store.query(_STOPS.format(**words), (*period, *arguments)):
        for tally in sums.tallies(value, admitted_at(message)):
            tally.stops.add(key)
    return {
        "since": moment(since), "until": moment(until), "tag": tag or None, "account": account or None, **sums.view()
    }  # fmt: skip


async def _count(
    gateway: Gateway, sums: _Report, period: tuple[int, int], sql: str, arguments: list[Any], tell: Tell
) -> None:
    oldest, newest = (await gateway.store.query("SELECT min(id), max(id) FROM message"))[0]
    if oldest is None:
        return
    low, high = max(period[0], admitted_at(oldest)), min(period[1], admitted_at(newest) + 1)
    whole, width = max(1, high - low), FIRST_SLICE_MS
    while low < high:
        end = min(high, low + width)
        if sums.zone is not None:  # no slice has two days
            end = min(end, day_of(low, sums.zone)[1])
        began = gateway.clock.now()
        for row in await gateway.store.query(sql, (first_id(low), first_id(end), *arguments)):
            for tally in sums.tallies(row[-1], low):
                tally.add(row)
        took = gateway.clock.now() - began
        width = max(LEAST_SLICE_MS, width // 2) if took > PACE else width * 2
        low = end
        await tell({"progress": {"counted_to": moment(end), "done": round(1 - (high - low) / whole, 3)}})


def _optouts(stops: int, received: int) -> View:
    """STOPs in answer to these messages, and their share of the marketing that was received."""
    return {"stops": stops, "percent": round(100 * stops / received, 2) if received else None}


def _unknown_of(gateway: Gateway) -> Unknown:
    """By the bearers that are configured now; the codes of one that is gone tell nothing any more."""
    bearers = {gateway.store.number(name): road.bearer for name, road in gateway.dispatcher.roads.items()}

    def unknown(bearer: int, state: State, error: str, sent: bool) -> bool:
        return says_unknown(bearers.get(bearer), state, error, sent)

    return unknown
