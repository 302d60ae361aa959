"""trace: the whole story of one message, from what the store has written and what memory knows of it now.

The text is shown only to who asks for it; numbers are masked unless asked for. Times that no row has (when a
bearer took it) are not invented: a message's row knows when it was admitted, accepted by the carrier and done.
"""

from __future__ import annotations

from typing import Any

from drivers.smpp import status as smpp_status
from drivers.sms.alphabet import alphabet_of, decode
from gateway.control.parts import Args, Gateway, Refusal, View
from gateway.control.waiting import aside_words, held_by, reason_of
from gateway.control.words import Asked, kind_word, moment, state_word
from gateway.lifecycle import FINAL, WAITING, State
from gateway.model import Message, NoteKind
from gateway.outbox import wants_receipt
from gateway.stores.rows import LATE

__all__ = ["trace"]

DAY_IDS = 86_400_000 << 22
MEANING = {
    State.SCHEDULED: "waits until it is due",
    State.ENROUTE: "the carrier has it; its receipt has not come",
    State.DELIVERED: "delivered to the handset",
    State.EXPIRED: "its validity ended before it was delivered",
    State.DELETED: "cancelled",
    State.UNDELIVERABLE: "could not be delivered",
    State.UNKNOWN: "nobody said what became of it; a late receipt still corrects this",
    State.REJECTED: "refused",
    State.HELD: "held until somebody releases it",
    State.QUEUED: "waits to be sent",
    State.INFLIGHT: "given to a bearer, which has not answered",
}


async def trace(gateway: Gateway, args: Args) -> View:
    """Everything known of one message. Raises Refusal when nobody knows it."""
    asked = Asked(args)
    message_id = asked.one_id()
    stored = (await gateway.store.get([message_id])).get(message_id)
    m, where = _alive(gateway, message_id)
    m = m or stored
    if m is None:
        raise Refusal(
            f"no message {message_id}: it was never here, or store.retention.metadata has dropped it"
        )
    view = _who_and_what(m, asked)
    view["times"] = _times(m)
    view["error_words"] = _error_words(gateway, m.bearer, m.error, m.reason)
    view["now"] = {"where": where or _resting_place(m), "why": _why(gateway, m)}
    view["attempts"], late = await _attempts(gateway, m)
    view["owed"] = await _owed(gateway, m)
    view["replies"] = await _replies(gateway, m)
    view["acts"] = await _acts(gateway, m)
    view["recipients"] = await _siblings(gateway, m, asked)
    view["story"] = _story(m, view, late)
    return view


def _who_and_what(m: Message, asked: Asked) -> View:
    view: View = {
        "id": str(m.public_id),
        "row": str(m.id),
        "state": state_word(m.state),
        "meaning": MEANING.get(m.state, ""),
        "kind": kind_word(m.kind),
        "priority": m.priority,
        "account": m.account,
        "from": asked.shown(m.source),
        "to": asked.shown(m.destination),
        "reference": m.reference,
        "tag": m.tag,
        "group": "" if m.group.startswith("multi:") or not m.group else "one part of a text that the application split",
        "route": m.route,
        "bearer": m.bearer,
        "carrier_id": m.carrier_id,
        "tries": m.tries,
        "parts": m.parts,
        "alphabet": alphabet_of(m.data_coding).value,
        "octets": len(m.payload),
        "registered_delivery": m.registered,
        "error": m.error,
        "reason": m.reason,
    }  # fmt: skip
    if asked.flag("text"):
        view["text"] = decode(m.payload, m.data_coding, udh=m.udh) if m.payload else None
    return view


def _times(m: Message) -> View:
    return {
        "admitted": moment(m.submitted_at),
        "due": moment(m.due),
        "accepted": moment(m.sent_at),
        "done": moment(m.done_at),
        "expires": moment(m.expires),
        "to_accepted_s": (m.sent_at - m.submitted_at) / 1000 if m.sent_at else None,
        "to_done_s": (m.done_at - m.submitted_at) / 1000 if m.done_at else None,
    }


# ── where it is now ──────────────────────────────────────────────────────────────────────────────────────────
_IN_DOUBT = "in doubt: it was on the wire, and nobody answered"


def _alive(gateway: Gateway, message_id: int) -> tuple[Message | None, str]:
    """The object in memory and the hands that it is in; (None, "") when memory has none."""
    for road in gateway.dispatcher.roads.values():
        for segment in road.unanswered:
            if segment.id == message_id and isinstance(segment.context, Message):
                return segment.context, f"on the wire: bearer {road.name} has not answered"
        for place, segment in enumerate(s for line in road.staged for s in line):
            if segment.id == message_id and isinstance(segment.context, Message):
                return segment.context, f"next for bearer {road.name}, {place} segments before it"
    for aside in gateway.outcomes.aside:
        if aside.message.id == message_id:
            return aside.message, aside_words(aside.message, aside.only, aside.avoid)
    doubtful = gateway.doubts.get(message_id)
    if doubtful is not None:
        seconds = gateway.doubts.patience(message_id, gateway.clock.now())
        wait = f"for {seconds:.0f} s more a receipt or a late answer may tell, then it ends as unknown"
        return doubtful, f"{_IN_DOUBT}: {wait}"
    loaded = gateway.queue.loaded(message_id)
    return loaded, _place(gateway, loaded) if loaded is not None else ""


def _place(gateway: Gateway, m: Message) -> str:
    key = (m.route, m.kind, m.priority, m.account, m.tag)
    for flow in gateway.queue.flows():
        if flow.key == key:
            before = next((n for n, other in enumerate(flow.ready) if other is m), None)
            if before is not None:
                return f"in the queue's memory: {before} of its flow's {len(flow)} are before it"
    return "in the queue's memory"


def _resting_place(m: Message) -> str:
    if m.state in WAITING:
        return "in the stored queue"
    if m.state is State.INFLIGHT:
        return _IN_DOUBT
    return "with the carrier" if m.state is State.ENROUTE else "ended"


def _why(gateway: Gateway, m: Message) -> str:
    """Why it has not left, or what ended it."""
    if m.state is State.HELD:
        return f"held: {m.reason}" if m.reason else "held"
    key = (m.route, m.kind, m.priority, m.account, m.tag)
    if m.state is State.SCHEDULED and m.due > gateway.clock.wall_ms() and not held_by(gateway, key):
        cause = f" ({m.reason})" if m.reason else ""
        return f"it is due {moment(m.due)}{cause}: `chappe retry` sends it now"
    if m.state in (State.QUEUED, State.SCHEDULED):
        aside = gateway.outcomes.standing_aside(m.id) is not None  # then its flow's reason is not its own
        return m.reason if aside and m.reason else reason_of(gateway, key, 0)
    return m.reason


def _error_words(gateway: Gateway, bearer: str, error: str, reason: str) -> str:
    """A PDU's status in words; the code of a receipt has no meaning but the carrier's own."""
    if not error.strip("0"):
        return ""
    if reason == "receipt":
        return f"err:{error} of the receipt: the carrier's own code"
    settings = gateway.config.bearers.get(bearer)
    if error.isdecimal() and (settings is None or settings.driver == "smpp"):
        return smpp_status.describe(int(error))
    return reason or error


# ── what else is written ─────────────────────────────────────────────────────────────────────────────────────
async def _attempts(gateway: Gateway, m: Message) -> tuple[list[View], list[tuple[str, str]]]:
    """Tries before the last one, parts, and the last try itself; and (when, what) of the answers that came late."""
    sql = (
        "SELECT part, try, bearer, carrier_id, state, error, sent_at, done_at FROM attempt WHERE message=?"
        " ORDER BY try, part"
    )
    rows = await gateway.store.query(sql, (m.id,))
    late = [_late_answer(gateway, row) for row in rows if row[0] <= LATE]
    found = [_attempt(gateway, m, row) for row in rows if row[0] > LATE]
    last = m.parts == 1 and m.tries and m.bearer and m.state not in WAITING
    if last:
        number = gateway.store.number(m.bearer)
        row = (0, m.tries, number, m.carrier_id, int(m.state), m.error, m.sent_at, m.done_at)
        found.append(_attempt(gateway, m, row))
    return found, late


def _late_answer(gateway: Gateway, row: tuple[Any, ...]) -> tuple[str, str]:
    part, tried, number, carrier_id, _, error, sent_at, done_at = row
    bearer = gateway.store.name(number)
    name = f"part {LATE - part}, " if part < LATE else ""
    said = f"accepted as {carrier_id or '(no id)'}"
    if not sent_at:
        said = f"refused, {_error_words(gateway, bearer, error or '', '') or 'without a reason'}"
    try_ = f"try {tried}" if tried else "an earlier try"
    return moment(sent_at or done_at) or "", f"{name}{try_}: {bearer} answered late: {said}"


def _attempt(gateway: Gateway, m: Message, row: tuple[Any, ...]) -> View:
    part, tried, number, carrier_id, state, error, sent_at, done_at = row
    bearer = gateway.store.name(number) if number else ""
    live = m.part_states[part] if m.part_states is not None and part < len(m.part_states) else None
    if live is not None and live.tries == tried:
        state = live.state
    last = tried == m.tries
    return {
        "part": part + 1,
        "of": m.parts,
        "try": tried,
        "bearer": bearer,
        "carrier_id": carrier_id or "",
        "state": state_word(state),
        "error": error or "",
        "error_words": _error_words(gateway, bearer, error or "", m.reason if last else ""),
        "accepted": moment(sent_at or 0),
        "done": moment(done_at or 0),
        "took_s": (done_at - sent_at) / 1000 if sent_at and done_at else None,
    }


async def _owed(gateway: Gateway, m: Message) -> View:
    """Whether the application has been told, and has answered."""
    sql = (
        "SELECT seq, kind, state, error, at FROM outbox WHERE account=? AND seq>? AND message=? ORDER BY seq"
    )
    rows = await gateway.store.query(sql, (gateway.store.number(m.account), m.id, m.id))
    account = gateway.accounts.get(m.account)
    bound = account.bound if account is not None else 0
    notes = [
        {"seq": str(r[0]), "kind": NoteKind(r[1]).name.lower(), "state": state_word(r[2]), "at": moment(r[4])}
        for r in rows
    ]
    if notes:
        words = f"{len(notes)} not answered by {m.account}, which has {bound} binds now"
    elif not m.registered & 3:
        words = "the application asked for no receipt"
    elif m.state not in FINAL:
        words = "nothing yet: it has not ended"
    elif wants_receipt(m.registered, m.state):
        words = "its receipt was given and answered (or dropped by store.retention.outbox)"
    else:
        words = f"the application asked for no receipt of a message that is {state_word(m.state)}"
    return {"notes": notes, "words": words}


async def _replies(gateway: Gateway, m: Message) -> list[View]:
    sql = "SELECT id, received_at, complete FROM mo WHERE id>? AND id<? AND message=? ORDER BY id LIMIT 20"
    rows = await gateway.store.query(sql, (m.id, m.id + 7 * DAY_IDS, m.id))
    return [{"id": str(r[0]), "received": moment(r[1]), "complete": bool(r[2])} for r in rows]


async def _acts(gateway: Gateway, m: Message) -> list[View]:
    """What operators did to it by its id."""
    sql = "SELECT at, who, verb, detail FROM audit WHERE at>=? AND instr(detail, ?) ORDER BY id LIMIT 50"
    rows = await gateway.store.query(sql, (m.submitted_at, str(m.id)))
    return [{"at": moment(r[0]), "who": r[1], "verb": r[2], "detail": r[3][:200]} for r in rows]


async def _siblings(gateway: Gateway, m: Message, asked: Asked) -> list[View]:
    """The other recipients of one submit_multi."""
    if not m.group.startswith("multi:"):
        return []
    sql = "SELECT id, destination, state FROM message WHERE id>=? AND id<? AND grp=? ORDER BY id"
    rows = await gateway.store.query(sql, (m.public_id, m.public_id + 1024, m.group))
    return [{"row": str(r[0]), "to": asked.shown(r[1]), "state": state_word(r[2])} for r in rows]


def _story(m: Message, view: View, late: list[tuple[str, str]]) -> list[View]:
    """The same in order of time, one line each."""
    lines = list(late)

    def add(at: str | None, what: str) -> None:
        if at:
            lines.append((at, what))

    add(
        view["times"]["admitted"],
        f"{m.account} submitted it, {view['kind']}, {m.parts} segments, route {m.route}",
    )
    for attempt in view["attempts"]:
        name = f"part {attempt['part']}, try {attempt['try']}" if m.parts > 1 else f"try {attempt['try']}"
        taken = f"{name}: accepted by {attempt['bearer']} as {attempt['carrier_id'] or '(no id)'}"
        add(attempt["accepted"], taken)
        error = f", {attempt['error_words']}" if attempt["error_words"] else ""
        add(attempt["done"], f"{name}: {attempt['state']} by {attempt['bearer']}{error}")
    if m.state in FINAL and not (view["attempts"] and m.parts == 1):
        add(view["times"]["done"], f"{view['state']}: {m.reason or view['meaning']}")
    for act in view["acts"]:
        add(act["at"], f"{act['who']}: {act['verb']}")
    for reply in view["replies"]:
        add(reply["received"], f"the handset replied ({reply['id']})")
    for note in view["owed"]["notes"]:
        add(note["at"], f"{note['kind']} {note['state']} is owed to {m.account}, not answered yet")
    return [{"at": at, "what": what} for at, what in sorted(lines, key=lambda line: line[0])]
