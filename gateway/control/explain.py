"""explain: what would happen to a message, and why; nothing is sent, stored or counted."""

from __future__ import annotations

import unicodedata

from drivers.sms import address
from drivers.sms.alphabet import alphabet_of, fit, smart_encoding
from drivers.sms.split import segment_count
from gateway.accounts import Account
from gateway.control.parts import Args, Gateway, Refusal, View
from gateway.control.roads import tiers
from gateway.control.waiting import reason_of
from gateway.control.words import LATEST, Asked, kind_word, moment
from gateway.model import Kind, Message
from gateway.routing import Route
from gateway.rules.hours import HoursRule
from gateway.rules.rule import Action, Verdict
from gateway.text_cost import forcing, smart_segments

__all__ = ["explain"]


def explain(gateway: Gateway, args: Args) -> View:
    """The answer by steps: account, text, rules, route, bearers, times. Raises Refusal for a bad question."""
    asked = Asked(args)
    account = _account(gateway, asked.text("account"))
    kind = asked.kind()
    said = account.default_kind if kind is None else kind
    m = _message(asked, account, said)
    at = asked.number("at", gateway.clock.wall_ms(), 0, LATEST - 1)
    m.expires = at + int(account.validity[m.kind] * 1000)
    verdict = gateway.rules.prepare([m], account).get(0)
    faults = _faults(account, m)
    route = gateway.dispatcher.router.match(m.account, m.kind, m.source, m.destination)
    if route is None:
        faults.append("no route takes this recipient and kind (0x0407)")
    else:
        m.route = route.name
    verdict = verdict or gateway.rules.judge(m, account, at)
    view: View = {
        "account": account.name,
        "kind": kind_word(m.kind),
        "sent_as": kind_word(said),
        "from": m.source,
        "to": asked.shown(m.destination),
        "text": _text(asked.text("text"), account, m),
        "route": route.name if route is not None else None,
        "routes": [_why_route(candidate, route, m) for candidate in gateway.dispatcher.router.routes],
        "bearers": tiers(gateway, route, m.kind) if route is not None else [],
        "rules": {
            "order": list(gateway.config.rules.judging),
            "verdict": _verdict(verdict),
            "hours": _hours(gateway, m, account, at),
        },
        "at": moment(at),
        "expires": moment(m.expires),
        "validity_s": (m.expires - at) / 1000,
        "refused": faults,
    }
    view["outcome"] = _outcome(gateway, view, verdict, m, route)
    return view


def _account(gateway: Gateway, name: str) -> Account:
    names = sorted(account.name for account in gateway.accounts)
    if not name and len(names) == 1:
        name = names[0]
    found = gateway.accounts.get(name)
    if found is None:
        missing = f"no account {name!r}" if name else "say for which account: --account"
        raise Refusal(f"{missing}; there are {', '.join(names) or 'none'}", 2)
    return found


def _message(asked: Asked, account: Account, kind: Kind) -> Message:
    to = asked.recipient()
    if not to:
        raise Refusal("say to whom: --to +33612345678", 2)
    sender = asked.text("from")
    try:
        source = address.source(0, 0, sender.encode("latin-1")) if sender else account.default_sender
    except (address.AddressError, UnicodeEncodeError) as error:
        raise Refusal(f"--from {sender}: {error}", 2) from error
    text = asked.text("text")
    coding, payload = fit(smart_encoding(text) if account.smart_encoding else text)
    parts = segment_count(payload, coding)
    m = Message(0, account.name, kind, 0, source, to, coding, b"", payload, parts, 1, 0)
    m.consent = asked.text("consent")
    return m


def _faults(account: Account, m: Message) -> list[str]:
    """What intake refuses before any rule is asked."""
    faults = []
    if m.kind not in account.kinds:
        faults.append(f"account {account.name} may not send kind {kind_word(m.kind)} (ESME_RINVSERTYP)")
    if m.parts > account.max_segments:
        faults.append(
            f"the text takes {m.parts} segments; account {account.name} may send {account.max_segments}"
            " (ESME_RINVMSGLEN)"
        )
    return faults


def _text(text: str, account: Account, m: Message) -> View:
    """Alphabet and segments, and the characters that are not in GSM 03.38."""
    outside = forcing(text)
    forced = outside if m.data_coding == 8 else []
    return {
        "characters": len(unicodedata.normalize("NFC", text)),
        "octets": len(m.payload),
        "alphabet": alphabet_of(m.data_coding).value,
        "segments": m.parts,
        "forcing_ucs2": forced,
        "replaced": outside if account.smart_encoding and not forced else [],
        "segments_with_smart_encoding": smart_segments(text),
    }


def _why_route(candidate: Route, chosen: Route | None, m: Message) -> View:
    """Whether one route takes it; if not, what it takes."""
    reasons = []
    if candidate.to and not m.destination.startswith(candidate.to):
        reasons.append(f"it takes numbers that begin with {', '.join(candidate.to)}")
    if candidate.kinds and m.kind not in candidate.kinds:
        reasons.append(f"it takes {', '.join(map(kind_word, sorted(candidate.kinds)))}")
    if candidate.accounts and m.account not in candidate.accounts:
        reasons.append(f"it takes accounts {', '.join(sorted(candidate.accounts))}")
    if candidate.senders and m.source not in candidate.senders:
        reasons.append(f"it takes senders {', '.join(sorted(candidate.senders))}")
    taken = candidate is chosen
    if not reasons and not taken:
        reasons.append("a route before it in the file matches first")
    words = "; ".join(reasons) or "it matches, the first to do so"
    return {"name": candidate.name, "chosen": taken, "reason": words}


def _hours(gateway: Gateway, m: Message, account: Account, at: int) -> str | None:
    """The window where the recipient is, for marketing."""
    rule = gateway.rules.named("hours")
    if m.kind != Kind.MARKETING or not isinstance(rule, HoursRule):
        return None
    return rule.explain(m.destination, at, account.extra_regions).words


def _verdict(verdict: Verdict | None) -> View | None:
    if verdict is None:
        return None
    return {
        "rule": verdict.rule,
        "action": verdict.action.value,
        "reason": verdict.reason,
        "status": f"0x{verdict.status:04X}" if verdict.status else None,
        "until": moment(verdict.until),
    }


def _outcome(gateway: Gateway, view: View, verdict: Verdict | None, m: Message, route: Route | None) -> str:
    """One sentence."""
    if view["refused"]:
        return "refused: " + "; ".join(view["refused"])
    if verdict is not None and verdict.action is Action.REFUSE:
        return f"refused by rule {verdict.rule}: {verdict.reason}"
    closed = gateway.intake.closed()
    if gateway.store.sick or closed is not None:
        return f"refused for now: {gateway.store.sick or (closed[1] if closed else '')}"
    if verdict is not None and verdict.until > m.expires:
        return f"postponed by rule {verdict.rule} until {moment(verdict.until)}: it would expire before"
    if verdict is not None and verdict.action is Action.POSTPONE:
        return f"taken, and postponed by rule {verdict.rule} until {moment(verdict.until)}: {verdict.reason}"
    if verdict is not None:
        return f"taken, and held by rule {verdict.rule}: {verdict.reason}"
    assert route is not None
    why = reason_of(gateway, (route.name, m.kind, m.priority, m.account, m.tag), 0)
    return f"taken; {why}" if why.startswith("leaving") else f"taken, and waits: {why}"
