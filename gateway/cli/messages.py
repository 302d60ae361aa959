"""find, trace, explain, and what an operator does to messages: hold, release, cancel, retry."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from gateway.cli.output import Daemon, duration, paint, reads, table
from gateway.control_client import ControlError

__all__ = ["cancel", "explain", "find", "hold", "release", "retry", "trace"]

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[int]):
    """`7d`, `2h` or `30min` before (or after) now, or RFC 3339; Unix milliseconds."""

    name = "moment"

    def __init__(self, sign: int) -> None:
        self._sign = sign

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        span = re.fullmatch(r"(\d+)\s*(s|m|min|h|d|w)", value.strip())
        if span:
            return int((time.time() + self._sign * int(span[1]) * _UNITS[span[2]]) * 1000)
        try:
            return int(datetime.fromisoformat(value).timestamp() * 1000)
        except ValueError:
            self.fail(f"{value!r}: use 7d, 2h, 30min, or 2026-03-01T08:00:00+01:00", param, ctx)


# ── find ─────────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("find")
@click.option("--to", help="The recipient's number, in international form.")
@click.option("--ref", help="The application's own reference.")
@click.option("--carrier-id", help="The carrier's message id: any base, case and padding.")
@click.option("--tag", help="The campaign.")
@click.option("--account", help="Who submitted it.")
@click.option("--state", help="Its state now, as trace names it.")
@click.option("--since", type=Moment(-1), default="7d", show_default=True, help="7d, 2h, or RFC 3339.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def find(daemon: Daemon, **wanted: Any) -> None:
    """Messages by number, reference, carrier's id, tag or state; the newest first."""
    daemon.show(daemon.ask("find", **wanted), lambda found: _found(found, wanted["limit"]))


def _found(found: Any, limit: int) -> list[str]:
    if not found:
        return ["nothing found; --since looks further back"]
    columns = ("state", "kind", "account", "to", "bearer", "carrier_id", "reason")
    rows = [(m["row"], m["admitted"][:19] + "Z", *(m[column] for column in columns)) for m in found]
    lines = table(("id", "admitted", "state", "kind", "account", "to", "bearer", "carrier id", "why"), rows)
    return [*lines, f"the newest {limit}: --limit shows more"] if len(found) == limit else lines


# ── trace ────────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("trace")
@click.argument("message_id", metavar="ID")
@click.option("--text", is_flag=True, help="Show the text, too.")
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def trace(daemon: Daemon, message_id: str, text: bool, unmasked: bool) -> None:
    """The whole story of one message."""
    daemon.show(daemon.ask("trace", id=message_id, text=text, unmasked=unmasked), _traced)


def _traced(t: Any) -> list[str]:
    times = t["times"]
    text = f": {t['text']}" if t.get("text") else ""
    lines = [
        f"{paint(t['id'], 'bold')} is {paint(t['state'])}: {t['meaning']}",
        f"  why        {t['now']['why'] or '-'}",
        f"  where      {t['now']['where']}",
        f"  from       {t['from'] or '(none)'} to {t['to']}, {t['kind']}, account {t['account']}",
        f"  text       {t['parts']} segments, {t['alphabet']}, {t['octets']} octets{text}",
        f"  route      {t['route']}" + (f", bearer {t['bearer']}, {t['tries']} tries" if t["bearer"] else ""),
        f"  admitted   {times['admitted']}, expires {times['expires'] or '-'}",
    ]
    lines += [
        f"  {name:<10} {times[name]} (after {duration(times[f'to_{name}_s'])})"
        for name in ("accepted", "done")
        if times[name]
    ]
    names = ("tag", "reference", "carrier_id", "error_words", "group")
    lines += [f"  {name.split('_')[0]:<10} {t[name]}" for name in names if t[name]]
    lines.append(f"  receipt    {t['owed']['words']}")
    lines += ["", *(f"  {s['at']}  {s['what']}" for s in t["story"])]
    if t["attempts"]:
        rows = [
            (
                f"{a['part']}/{a['of']}", a["try"], a["bearer"], a["state"], a["carrier_id"], duration(a["took_s"]),
                a["error_words"],
            )
            for a in t["attempts"]
        ]  # fmt: skip
        lines += ["", *table(("part", "try", "bearer", "state", "carrier id", "took", "error"), rows)]
    if t["recipients"]:
        lines += [
            "",
            *table(("row", "to", "state"), [(r["row"], r["to"], r["state"]) for r in t["recipients"]]),
        ]
    return lines


# ── explain ──────────────────────────────────────────────────────────────────────────────────────────────────
@click.command("explain")
@click.option("--to", required=True, help="The recipient's number, in international form.")
@click.option("--kind", help="otp, alert, transactional or marketing; else the account's default.")
@click.option("--from", "sender", help="The sender; else the account's first.")
@click.option("--text", help="The text.")
@click.option("--consent", help="The reference of the recipient's consent, where its account must name one.")
@click.option("--at", type=Moment(1), help="When it is submitted: 2h from now, or RFC 3339.")
@click.option("--account", help="Whose message; may be left out where there is one account.")
@click.option("--unmasked", is_flag=True, help="Numbers in full.")
@reads
def explain(daemon: Daemon, sender: str | None, **question: Any) -> None:
    """What would happen to a message, and why; sends nothing."""
    daemon.show(daemon.ask("explain", **question, **{"from": sender}), _explained)


def _explained(e: Any) -> list[str]:
    text, verdict = e["text"], e["rules"]["verdict"]
    why = f" because of {' '.join(text['forcing_ucs2'])}" if text["forcing_ucs2"] else ""
    judged = "" if e["kind"] == e["sent_as"] else f" (sent as {e['sent_as']}, but with a STOP mention)"
    lines = [
        paint(e["outcome"], "bold"),
        f"  message    {e['kind']}{judged} of {e['account']} from {e['from'] or '(none)'} to {e['to']}",
        f"  text       {text['characters']} characters, {text['segments']} segments of {text['alphabet']}{why}",
    ]
    if text["segments_with_smart_encoding"] < text["segments"]:
        lines.append(f"             smart_encoding would make it {text['segments_with_smart_encoding']}")
    rules = (
        f"{verdict['rule']}: {verdict['action']}, {verdict['reason']}" if verdict else "nothing against it"
    )
    lines.append(f"  rules      {rules} (order: {', '.join(e['rules']['order']) or 'none'})")
    if e["rules"]["hours"]:
        lines.append(f"  hours      {e['rules']['hours']}")
    lines.append(f"  validity   {duration(e['validity_s'])}, until {e['expires']}")
    lines.append("")
    rows = [("→" if r["chosen"] else "", r["name"], r["reason"]) for r in e["routes"]]
    lines += table(("", "route", "why"), rows)
    if e["bearers"]:
        bearers = [
            ("→" if b["chosen"] else "", b["tier"], b["bearer"], b["state"], b["reason"])
            for b in e["bearers"]
        ]
        lines += ["", *table(("", "tier", "bearer", "state", "why not"), bearers)]
    return lines


# ── acts ─────────────────────────────────────────────────────────────────────────────────────────────────────
def selects(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what names messages: ids, or a flow."""
    for name, words in (
        ("--route", "All that wait on this route."),
        ("--kind", "All that wait of this kind."),
        ("--account", "All that wait of this account."),
        ("--tag", "All that wait with this tag."),
    ):
        command = click.option(name, help=words)(command)
    return click.argument("ids", nargs=-1, metavar="[ID]…")(command)


def _act(daemon: Daemon, verb: str, ids: tuple[str, ...], flow: dict[str, Any], **more: Any) -> Any:
    if ids and any(flow.values()):
        raise ControlError("give ids, or --tag, --account, --kind, --route, not both", 2)
    return daemon.ask(verb, ids=list(ids), **flow, **more)


def _moved(words: str) -> Callable[[Any], list[str]]:
    return lambda answer: [f"{answer['moved']} messages {words}", *answer["notes"]]


@click.command("hold")
@selects
@click.option("--reason", help="Why, for trace.")
@reads
def hold(daemon: Daemon, ids: tuple[str, ...], reason: str | None, **flow: Any) -> None:
    """Keep messages by id; or a whole flow and all that still comes into it, until `release`."""
    answer = _act(daemon, "hold", ids, flow, reason=reason)
    if "hold" in answer:
        daemon.show(answer, lambda a: [f"held: {a['hold']}; {a['waiting']} messages wait under holds"])
    else:
        daemon.show(answer, _moved("held"))


@click.command("release")
@selects
@reads
def release(daemon: Daemon, ids: tuple[str, ...], **flow: Any) -> None:
    """Let go what `hold` keeps: ids, or the same words."""
    answer = _act(daemon, "release", ids, flow)
    if "released" in answer:
        daemon.show(answer, lambda a: [f"released: {a['released']}"])
    else:
        daemon.show(answer, _moved("released"))


@click.command("cancel")
@selects
@click.option("--reason", help="Why, for trace.")
@click.option("--yes", is_flag=True, help="Do not ask before a whole flow is cancelled.")
@reads
def cancel(daemon: Daemon, ids: tuple[str, ...], reason: str | None, yes: bool, **flow: Any) -> None:
    """End messages that have not left; their applications get a receipt."""
    if not ids and any(flow.values()) and not yes:
        words = " and ".join(f"{name} {value}" for name, value in flow.items() if value)
        click.confirm(f"Cancel all that wait with {words}?", abort=True, err=True)
    daemon.show(_act(daemon, "cancel", ids, flow, reason=reason), _moved("cancelled"))


@click.command("retry")
@selects
@reads
def retry(daemon: Daemon, ids: tuple[str, ...], **flow: Any) -> None:
    """Try now what waits for a later try."""
    daemon.show(_act(daemon, "retry", ids, flow), _moved("tried now"))
