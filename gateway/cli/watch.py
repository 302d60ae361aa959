"""status, links, queue, accounts and tail: how a running gateway is, now or redrawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from gateway.cli.output import Daemon, ago, duration, harmless, octets, paint, reads, say, table

__all__ = ["accounts", "links", "queue_", "status", "tail"]

Render = Callable[[Any], Sequence[str]]


def watched(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --watch and --every."""
    pace = click.option("--every", type=click.FloatRange(0.2), default=2.0, help="Seconds between redraws.")
    command = pace(command)
    return click.option("--watch", is_flag=True, help="Redraw until Ctrl-C.")(command)


def _look(daemon: Daemon, verb: str, render: Render, watch: bool, every: float, **args: Any) -> None:
    """Once, or again and again: on a terminal each picture takes the place of the last."""
    while True:
        answer = daemon.ask(verb, **args)
        if watch and not daemon.as_json:
            click.clear()
        daemon.show(answer, render)
        if not watch:
            return
        try:
            time.sleep(every)
        except KeyboardInterrupt:
            return


# ── status ───────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("status")
@watched
@reads
def status(daemon: Daemon, watch: bool, every: float) -> None:
    """How the gateway is: alarms, what waits, rates, store, bearers, accounts."""
    _look(daemon, "status", _status, watch, every)


def _status(s: Any) -> list[str]:
    up = f"up {duration(s['uptime_s'])} (Chappe {s['version']}, pid {s['pid']})"
    lines = [f"{paint(s['name'], 'bold')} is {paint(s['state'])}, {up}"]
    if s["why"]:
        lines.append(f"  {s['why']}")
    lines += [f"{paint('ALARM', 'bad')} {a['id']} since {a['since']}: {a['text']}" for a in s["alarms"]]
    waiting, rates, store = s["waiting"], s["rates"], s["store"]
    kinds = [
        f"{kind} {n['count']} (oldest {duration(n['oldest_age_s'])}{', held ' + str(n['held']) if n['held'] else ''})"
        for kind, n in waiting["kinds"].items()
        if n["count"]
    ]
    lines.append(f"waiting    {waiting['total']}" + (f": {', '.join(kinds)}" if kinds else ""))
    lines += [f"hold       {hold}" for hold in s["holds"]]
    lines.append(f"in flight  {s['in_flight']}" + (f", in doubt {s['in_doubt']}" if s["in_doubt"] else ""))
    lines.append(
        f"a second   {rates['admitted']:g} in, {rates['accepted']:g} accepted, {rates['delivered']:g} delivered,"
        f" {rates['failed']:g} failed (over {rates['seconds']:g} s)"
    )
    commit = f"{store['sick'] or 'well'}, last commit {ago(store['last_commit_s'])}"
    sizes = f"{octets(store['size_bytes'])} + wal {octets(store['wal_bytes'])}, {octets(store['free_bytes'])} free"
    lines.append(f"store      {commit}, {sizes}")
    lines.append("")
    bearers = [(b["name"], b["state"], duration(b["since_s"]), b["reason"]) for b in s["bearers"]]
    lines += table(("bearer", "state", "since", "why"), bearers)
    lines.append("")
    owed = {o["account"]: o for o in s["owed"]}
    rows = [_account_line(a, owed.pop(a["name"], None)) for a in s["accounts"]]
    rows += [_account_line({"name": name, "binds": 0}, o) for name, o in owed.items()]
    lines += table(("account", "binds", "owed", "oldest"), rows)
    if s["orphans"]:
        lines += ["", f"{s['orphans']} receipts matched no message: `chappe orphans list`"]
    return lines


def _account_line(account: Any, owed: Any) -> tuple[object, ...]:
    if owed is None:
        return account["name"], account["binds"], 0, "-"
    return account["name"], account["binds"], owed["notes"], duration(owed["oldest_age_s"])


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("links")
@watched
@reads
def links(daemon: Daemon, watch: bool, every: float) -> None:
    """Every bearer: its state and why, its window and rate, what it has answered."""
    _look(daemon, "links", _links, watch, every)


def _links(found: Any) -> list[str]:
    rows = []
    for b in found:
        window, rate = b["window"], b["rate"]
        rows.append(
            (
                b["name"], b["state"], duration(b["since_s"]), f"{window['unanswered']}/{window['size']}",
                f"{rate['used']:g}/{rate['adaptive']:g}/{rate['contracted']:g}", b["accepted"], b["refused"],
                b["doubtful"], ago(b["last_answer_s"]),
            )
        )  # fmt: skip
    headers = ("bearer", "state", "since", "window", "rate used/now/max")
    lines = table((*headers, "accepted", "refused", "doubtful", "last answer"), rows)
    for b in found:
        if b["state"] != "up":
            lines += ["", f"{paint(b['name'], 'bold')} is {paint(b['state'])}: {b['detail'] or b['reason']}"]
            lines += [f"  what helps: {b['remedy']}"] if b["remedy"] else []
        for bind in b["binds"]:
            words = ", ".join(
                _said(key, value) for key, value in bind.items() if key != "name" and value != ""
            )
            lines.append(f"  {b['name']} {bind['name']}: {words}")
    return lines


_TRIES = {"next_try": "next try after", "next_try_seconds": "next try in"}


def _said(key: str, value: Any) -> str:
    """A field of the driver's own; what is a time is said as one."""
    if key in _TRIES:
        return f"{_TRIES[key]} {duration(value)}"
    return f"{key} {round(value, 1) if isinstance(value, float) else value}"


# ── queue ────────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("queue")
@click.option(
    "--by", type=click.Choice(["kind", "account", "tag", "route"]), default="kind", help="What a line is."
)
@watched
@reads
def queue_(daemon: Daemon, by: str, watch: bool, every: float) -> None:
    """What waits, since when, and why."""
    _look(daemon, "queue", lambda found: _queue(found, by), watch, every, by=by)


def _queue(found: Any, by: str) -> list[str]:
    if not found:
        return ["nothing waits"]
    rows = [
        (q[by] or "(none)", q["count"], q["held"], duration(q["oldest_age_s"]), q["next_due"]) for q in found
    ]
    lines = table((by, "waiting", "held", "oldest", "next due"), rows)
    for q in found:
        lines += ["", paint(q[by] or "(none)", "bold")]
        lines += [f"  {why['count']}: {why['reason']}" for why in q["why"]]
    return lines


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("accounts")
@watched
@reads
def accounts(daemon: Daemon, watch: bool, every: float) -> None:
    """Who may submit, who is bound from where, and what each is owed."""
    _look(daemon, "accounts", _accounts, watch, every)


def _accounts(found: Any) -> list[str]:
    rows = [
        (
            a["name"], f"{a['bound']}/{a['max_binds']}", f"{a['admitted_per_s']:g}/{a['rate']:g}", a["window"],
            a["owed"], duration(a["owed_oldest_s"]), ", ".join(a["kinds"]),
        )
        for a in found
    ]  # fmt: skip
    lines = table(("account", "binds", "rate used/max", "window", "owed", "oldest", "kinds"), rows)
    for a in found:
        lines += [
            f"  {a['name']} from {b['peer']} as {b['mode']} since {b['since']}:"
            f" {b['submitted']} in, {b['delivered']} out"
            for b in a["binds"]
        ]
    return lines


# ── tail ─────────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("tail")
@click.option("--account", help="Only this account's.")
@click.option("--bearer", help="Only what goes by this bearer.")
@click.option("--tag", help="Only messages with this tag.")
@click.option("--kind", help="Only messages of this kind.")
@click.option("--to", help="Only messages to this number.")
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def tail(daemon: Daemon, **wanted: Any) -> None:
    """Everything that happens, one line a change, until Ctrl-C."""
    import json

    try:
        for line in daemon.stream("tail", **wanted):
            if "data" in line:
                said = line["data"]
                say([json.dumps(said, ensure_ascii=False) if daemon.as_json else _event(harmless(said))])
    except (KeyboardInterrupt, BrokenPipeError):
        return


def _event(e: Any) -> str:
    """12:30:01.123 7130… queued → inflight  take  shop otp to +336…678 by orange"""
    at = (e.get("at") or "")[11:23]
    if e["event"] == "message":
        by = f" by {e['bearer']}" if e["bearer"] else ""
        why = f": {e['reason']}" if e["reason"] else ""
        tag = f" tag {e['tag']}" if e["tag"] else ""
        moved = f"{e['before']} → {paint(e['state'])} ({e['cause']})"
        return f"{at} {e['id']} {moved} {e['account']} {e['kind']} to {e['to']}{tag}{by}{why}"
    rest = ", ".join(
        f"{key} {value}" for key, value in e.items() if key not in ("at", "event") and value != ""
    )
    return f"{at} {paint(e['event'], 'bold')} {rest}"
