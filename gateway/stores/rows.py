"""Between the nouns and their rows in SQLite: the statements, and both directions of the mapping. Pure.

The common shapes of a message's insert and of its three changes have statements of their own, without a None
among their values and an enum nowhere: sqlite3 looks both up in a table of adapters, at 0.3 µs each.
The order of STATEMENTS is the order within a transaction: a message is inserted before it is changed, and it
leaves its old place in the backlog before it enters the new one. Nobody offers a message to the queue before
it is durable, so no transaction holds an entry and a later leaving of the same message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind, Message, Mo, Note, NoteKind, Part
from gateway.stores.usage import QUARTER_MS

__all__ = ["GUARDED", "MESSAGE_COLUMNS", "STATEMENTS", "message_from", "message_row", "update_row"]

Row = tuple[Any, ...]

MESSAGE_COLUMNS = (
    "id, state, account, kind, priority, source, destination, data_coding, udh, payload, parts, registered,"
    " expires, route, reference, tag, user_reference, echo, grp, due, bearer, carrier_id, sent_at, done_at,"
    " error, reason, tries, consent"
)

(
    INSERT_MESSAGE,
    INSERT_PLAIN,
    INSERT_REFERENCED,
    TAKE_MESSAGE,
    ACCEPT_MESSAGE,
    UPDATE_MESSAGE,
    END_MESSAGE,
    PUT_ATTEMPT,
    DELETE_BACKLOG,
    INSERT_BACKLOG,
    WIPE_TEXT,
    INSERT_NOTE,
    INSERT_RECEIPT,
    DELETE_NOTE,
    INSERT_MO,
    INSERT_MO_PART,
    DELETE_MO_PART,
    INSERT_ORPHAN,
    DELETE_ORPHAN,
    RESIZE_USAGE,
    REPLACE_MESSAGE,
    PUT_NAME,
    PUT_META,
    PUT_REFERENCE_0,
    PUT_REFERENCE_1,
    PUT_DRIVER_STATE,
    INSERT_AUDIT,
    DELETE_MESSAGES,
    DELETE_ATTEMPTS,
    WIPE_TEXTS,
    DELETE_NOTES_UNTIL,
    DELETE_MOS,
    REROUTE,
    EMPTY_REFERENCE_0,
    EMPTY_REFERENCE_1,
    WIPE_OTP_TEXTS,
    WIPE_MO_TEXTS,
    DELETE_ORPHANS,
    PUT_OPTOUT,
    INSERT_OPTOUT_ACT,
    PUT_AUTO_REPLY,
    DELETE_AUTO_REPLY,
    PUT_LAST_WRITER,
    DELETE_LAST_WRITER,
    PUT_SUPPRESSED,
    DELETE_SUPPRESSED,
    PUT_CONSENT,
    INSERT_CONSENT_ACT,
    ERASE_MESSAGE,
    ERASE_MO,
    ERASE_REFERENCE_0,
    ERASE_REFERENCE_1,
    ERASE_OPTOUT,
    ERASE_OPTOUT_ACTS,
    ERASE_CONSENT,
    ERASE_CONSENT_ACTS,
    ADD_USAGE,
    DELETE_USAGE,
) = range(58)

_ADDED = "ON CONFLICT (account, quarter) DO UPDATE SET segments=segments+excluded.segments"

STATEMENTS = (
    f"INSERT INTO message ({MESSAGE_COLUMNS}) VALUES ({','.join('?' * 28)})",
    (
        "INSERT INTO message (id, state, account, kind, priority, source, destination, data_coding, payload, parts,"
        " registered, expires, route, due, bearer, tries, echo) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    ),
    (
        "INSERT INTO message (id, state, account, kind, priority, source, destination, data_coding, payload, parts,"
        " registered, expires, route, due, bearer, tries, echo, reference)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    ),
    "UPDATE message SET state=?, bearer=?, tries=? WHERE id=? AND state=?",
    "UPDATE message SET state=?, carrier_id=?, sent_at=?, error=NULL, reason=NULL WHERE id=? AND state=?",
    (
        "UPDATE message SET state=?, due=?, bearer=?, carrier_id=?, sent_at=?, done_at=?, error=?, reason=?, tries=?"
        " WHERE id=? AND state=?"
    ),
    "UPDATE message SET state=?, done_at=?, error=NULL, reason=NULL WHERE id=? AND state=?",
    (
        "INSERT OR REPLACE INTO attempt (message, part, try, bearer, carrier_id, state, error, sent_at, done_at)"
        " VALUES (?,?,?,?,?,?,?,?,?)"
    ),
    "DELETE FROM backlog WHERE route=? AND kind=? AND priority=? AND account=? AND tag=? AND due=? AND id=?",
    (
        "INSERT OR REPLACE INTO backlog (route, kind, priority, account, tag, due, id, expires, held)"
        " VALUES (?,?,?,?,?,?,?,?,?)"
    ),
    "UPDATE message SET payload=NULL WHERE id=?",
    "INSERT INTO outbox (account, seq, kind, message, mo, state, error, at) VALUES (?,?,?,?,?,?,?,?)",
    "INSERT INTO outbox (account, seq, kind, message, state, at) VALUES (?,?,?,?,?,?)",
    "DELETE FROM outbox WHERE account=? AND seq=?",
    (
        "INSERT INTO mo (id, bearer, source, destination, data_coding, udh, payload, received_at, account, message,"
        " complete) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
    ),
    (
        "INSERT INTO mo_part (id, bearer, source, destination, data_coding, udh, payload, received_at)"
        " VALUES (?,?,?,?,?,?,?,?)"
    ),
    "DELETE FROM mo_part WHERE id=?",
    "INSERT INTO orphan (id, bearer, carrier_id, recipient, state, final, code, at, raw) VALUES (?,?,?,?,?,?,?,?,?)",
    "DELETE FROM orphan WHERE id=?",
    (  # before the message has its new size
        f"INSERT INTO usage SELECT account, ((id >> 22) + {EPOCH_MS}) / {QUARTER_MS}, ? - parts FROM message"
        f" WHERE id=? {_ADDED}"
    ),
    "UPDATE message SET data_coding=?, payload=?, parts=?, registered=?, expires=?, due=?, user_reference=? WHERE id=?",
    "INSERT OR IGNORE INTO name (id, text) VALUES (?,?)",
    "INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)",
    "INSERT OR REPLACE INTO reference_0 (account, ref, id) VALUES (?,?,?)",
    "INSERT OR REPLACE INTO reference_1 (account, ref, id) VALUES (?,?,?)",
    "INSERT OR REPLACE INTO driver_state (bearer, key, value) VALUES (?,?,?)",
    "INSERT INTO audit (at, who, verb, detail) VALUES (?,?,?,?)",
    "DELETE FROM message WHERE id BETWEEN ? AND ? AND state IN (2, 3, 4, 5, 7, 8)",
    (
        "DELETE FROM attempt WHERE message BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id=message"
        " AND m.state NOT IN (2, 3, 4, 5, 7, 8))"
    ),
    "UPDATE message SET payload=NULL WHERE id BETWEEN ? AND ? AND payload IS NOT NULL AND state IN (2, 3, 4, 5, 7, 8)",
    "DELETE FROM outbox WHERE account=? AND seq<?",
    "DELETE FROM mo WHERE id<=?",
    "UPDATE message SET route=? WHERE id=?",
    "DELETE FROM reference_0 WHERE id<=?",
    "DELETE FROM reference_1 WHERE id<=?",
    (
        "UPDATE message SET payload=NULL WHERE id BETWEEN ? AND ? AND payload IS NOT NULL AND kind=0"
        " AND state IN (2, 3, 4, 5, 7, 8)"
    ),
    "UPDATE mo SET payload=NULL WHERE id<? AND payload IS NOT NULL",
    "DELETE FROM orphan WHERE id<?",
    (  # the first proof of a state stays its proof; a doubt doesn't weaken an objection
        "INSERT INTO optout (scope, key, number, state, at, until, source, evidence, confirmed_at)"
        " VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (scope, key) DO UPDATE SET"
        " at=iif(state=excluded.state, at, excluded.at), source=iif(state=excluded.state, source, excluded.source),"
        " evidence=iif(state=excluded.state, evidence, excluded.evidence), until=excluded.until,"
        " number=coalesce(excluded.number, number), confirmed_at=max(confirmed_at, excluded.confirmed_at),"
        " state=excluded.state WHERE NOT (state=1 AND excluded.state=2)"
    ),
    (
        "INSERT INTO optout_act (at, act, scope, key, number, source, evidence, mo, raw)"
        " VALUES (?,?,?,?,?,?,?,?,?)"
    ),
    (
        "INSERT OR REPLACE INTO auto_reply (id, account, source, destination, data_coding, payload, until)"
        " VALUES (?,?,?,?,?,?,?)"
    ),
    "DELETE FROM auto_reply WHERE id=?",
    "INSERT OR REPLACE INTO last_writer (bearer, key, account, message) VALUES (?,?,?,?)",
    "DELETE FROM last_writer WHERE bearer=? AND key=?",
    (  # an operator's word (strikes 0) stays his; the newest receipt is the evidence
        "INSERT INTO suppressed (key, number, since, last, until, strikes, reason, bearer, code, message, source)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO UPDATE SET last=excluded.last,"
        " until=max(until, excluded.until), bearer=coalesce(excluded.bearer, bearer),"
        " code=coalesce(excluded.code, code), message=coalesce(excluded.message, message),"
        " reason=iif(excluded.strikes>0, reason, excluded.reason),"
        " source=iif(excluded.strikes>0, source, excluded.source),"
        " strikes=iif(strikes=0 OR excluded.strikes=0, 0, strikes+excluded.strikes)"
    ),
    "DELETE FROM suppressed WHERE key=? AND last<=? AND until<=?",
    (
        "INSERT INTO consent (scope, key, number, state, at, reference, source) VALUES (?,?,?,?,?,?,?)"
        " ON CONFLICT (scope, key) DO UPDATE SET number=excluded.number, state=excluded.state, at=excluded.at,"
        " reference=coalesce(excluded.reference, reference), source=excluded.source"
    ),
    (
        "INSERT INTO consent_act (noted_at, at, act, scope, key, number, reference, source, text, who)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)"
    ),
    (
        "UPDATE message SET destination='', payload=NULL, echo=NULL, reference=NULL, user_reference=NULL,"
        " consent=NULL, grp=iif(grp LIKE 'multi:%', grp, NULL), reason=iif(instr(reason, ?), 'erased', reason)"
        " WHERE id=? AND state IN (1, 2, 3, 4, 5, 7, 8)"
    ),
    "UPDATE mo SET source='', payload=NULL WHERE id=?",
    "DELETE FROM reference_0 WHERE account=? AND ref=?",
    "DELETE FROM reference_1 WHERE account=? AND ref=?",
    "UPDATE optout SET number=NULL WHERE scope=? AND key=?",
    "UPDATE optout_act SET number=NULL, raw=NULL WHERE key=? AND (number IS NOT NULL OR raw IS NOT NULL)",
    "UPDATE consent SET number=NULL, reference=NULL WHERE scope=? AND key=?",
    (
        "UPDATE consent_act SET number=NULL, reference=NULL, text=NULL WHERE key=?"
        " AND (number IS NOT NULL OR reference IS NOT NULL OR text IS NOT NULL)"
    ),
    f"INSERT INTO usage (account, quarter, segments) VALUES (?,?,?) {_ADDED}",
    "DELETE FROM usage WHERE quarter<?",
)

_ENROUTE, _ACCEPT, _DELIVER, _TAKE = (
    State.ENROUTE,
    Cause.ACCEPT,
    Cause.DELIVER,
    Cause.TAKE,
)  # an enum's members are slow to reach

WIDE = frozenset(
    {
        INSERT_PLAIN, INSERT_REFERENCED, TAKE_MESSAGE, ACCEPT_MESSAGE, END_MESSAGE, INSERT_BACKLOG, INSERT_RECEIPT,
        PUT_REFERENCE_0, PUT_REFERENCE_1,
    }
)  # fmt: skip
"""Those that come by the hundred: many rows of them are one statement (wide.py)."""

GUARDED = frozenset({TAKE_MESSAGE, ACCEPT_MESSAGE, UPDATE_MESSAGE, END_MESSAGE})
"""Each of them binds the new state first, and the id and the state left last."""

WHOLE = -1
"""The `part` of a try of the whole message in `attempt`: not one of its parts, whose outcomes stay."""
LATE = -2  # the same of an answer that came late; of the first part one less, and so on


def is_plain(m: Message) -> bool:
    """Whether INSERT_PLAIN holds all that a new message has, or INSERT_REFERENCED when it has a reference."""
    return not (
        m.tag or m.udh or m.group or m.reason or m.error or m.done_at or m.consent
        or m.user_reference >= 0
    )  # fmt: skip


def plain_row(m: Message, account: int, route: int, bearer: int) -> Row:
    """The row of a new message of which is_plain holds; bearer 0: none yet."""
    return (
        m.id, int(m.state), account, int(m.kind), m.priority, m.source, m.destination, m.data_coding, m.payload,
        m.parts, m.registered, m.expires, route, m.due, bearer, m.tries, m.echo,
    )  # fmt: skip


def referenced_row(m: Message, account: int, route: int, bearer: int) -> Row:
    """The same of one that has a reference."""
    return (
        m.id, int(m.state), account, int(m.kind), m.priority, m.source, m.destination, m.data_coding, m.payload,
        m.parts, m.registered, m.expires, route, m.due, bearer, m.tries, m.echo, m.reference,
    )  # fmt: skip


def change_row(m: Message, before: State, state: State, cause: Cause, bearer: int) -> tuple[int, Row]:
    """The guarded statement of a change, and its row: the short ones where they say all."""
    if cause is _ACCEPT and m.tries == 1 and m.carrier_id:
        return ACCEPT_MESSAGE, (int(state), m.carrier_id, m.sent_at, m.id, int(before))
    if cause is _DELIVER and before is _ENROUTE and not m.error:
        return END_MESSAGE, (int(state), m.done_at, m.id, int(before))
    if cause is _TAKE:
        return TAKE_MESSAGE, (int(state), bearer, m.tries, m.id, int(before))
    return UPDATE_MESSAGE, update_row(m, before, state, bearer or None)


def message_row(m: Message, account: int, route: int, bearer: int | None) -> Row:
    """The row of a new message; account, route and bearer as numbers of the name table."""
    return (
        m.id, int(m.state), account, int(m.kind), m.priority, m.source, m.destination, m.data_coding, m.udh or None,
        m.payload, m.parts, m.registered, m.expires, route, m.reference or None, m.tag or None,
        m.user_reference if m.user_reference >= 0 else None, m.echo or None, m.group or None, m.due or None, bearer,
        None, None, m.done_at or None, m.error or None, m.reason or None, m.tries or None, m.consent or None,
    )  # fmt: skip


def update_row(m: Message, before: State, state: State, bearer: int | None) -> Row:
    """What the guarded UPDATE writes."""
    return (
        int(state), m.due or None, bearer, m.carrier_id or None, m.sent_at or None, m.done_at or None,
        m.error or None, m.reason or None, m.tries or None, m.id, int(before),
    )  # fmt: skip


def message_from(row: Row, name: Callable[[int], str]) -> Message:
    """A message from MESSAGE_COLUMNS; `name` gives the text of a number of the name table."""
    m = Message(
        row[0], name(row[2]), Kind(row[3]), row[4], row[5], row[6], row[7], row[8] or b"", row[9] or b"",
        row[10], row[11], row[12],
    )  # fmt: skip
    m.state = State(row[1])
    m.route = name(row[13])
    m.reference = row[14] or ""
    m.tag = row[15] or ""
    m.user_reference = -1 if row[16] is None else row[16]
    m.echo = row[17] or b""
    m.group = row[18] or ""
    m.due = row[19] or 0
    m.bearer = name(row[20]) if row[20] else ""
    m.carrier_id = row[21] or ""
    m.sent_at = row[22] or 0
    m.done_at = row[23] or 0
    m.error = row[24] or ""
    m.reason = row[25] or ""
    m.tries = row[26] or 0
    m.consent = row[27] or ""
    return m


def try_row(m: Message, bearer: int) -> Row:
    """A try of the whole message that failed."""
    return (
        m.id, WHOLE, m.tries, bearer, m.carrier_id or None, int(State.REJECTED), m.error or None, m.sent_at or None,
        m.done_at or None,
    )  # fmt: skip


def part_row(m: Message, index: int, part: Part, bearer: int) -> Row:
    return (
        m.id, index, part.tries, bearer, part.carrier_id or None, int(part.state), part.error or None,
        part.sent_at or None, part.done_at or None,
    )  # fmt: skip


def late_row(m: Message, index: int, said: Part, bearer: int) -> Row:
    """An answer that came late, beside the row of its part; index -1: of the whole message."""
    return (m.id, LATE - 1 - index, *part_row(m, index, said, bearer)[2:])


def part_from(row: Row, name: Callable[[int], str]) -> tuple[int, Part]:
    """(index, part) from a row of attempt: part, try, bearer, carrier_id, state, error, sent_at, done_at."""
    part = Part()
    part.tries = row[1]
    part.bearer = name(row[2])
    part.carrier_id = row[3] or ""
    part.state = State(row[4])
    part.error = row[5] or ""
    part.sent_at = row[6] or 0
    part.done_at = row[7] or 0
    return row[0], part


def receipt_row(n: Note, account: int) -> Row | None:
    """The row of a final receipt without an error for INSERT_RECEIPT; None for every other note."""
    if n.message is None or n.error or n.mo is not None:
        return None
    return (account, n.seq, int(n.kind), n.message.id, int(n.state), n.at)


def note_row(n: Note, account: int) -> Row:
    return (
        account, n.seq, int(n.kind), n.message.id if n.message else None, n.mo.id if n.mo else None, int(n.state),
        n.error or None, n.at,
    )  # fmt: skip


def note_rows(notes: Sequence[Note], number: Callable[[str], int]) -> tuple[list[Row], list[Row]]:
    """Those for INSERT_RECEIPT, and for INSERT_NOTE."""
    short: list[Row] = []
    full: list[Row] = []
    for n in notes:
        account = number(n.account)
        row = receipt_row(n, account)
        if row is not None:
            short.append(row)
        else:
            full.append(note_row(n, account))
    return short, full


def note_from(row: Row, account: str, messages: dict[int, Message], mos: dict[int, Mo]) -> Note:
    """A note from seq, kind, message, mo, state, error, at."""
    return Note(
        row[0], account, NoteKind(row[1]), messages.get(row[2] or 0), mos.get(row[3] or 0), State(row[4]),
        row[5] or "", row[6],
    )  # fmt: skip


def mo_row(mo: Mo, bearer: int, account: int | None) -> Row:
    return (
        mo.id, bearer, mo.source, mo.destination, mo.data_coding, mo.udh or None, mo.payload, mo.received_at,
        account, mo.message or None, int(mo.complete),
    )  # fmt: skip


def mo_from(row: Row, name: Callable[[int], str]) -> Mo:
    return Mo(
        row[0], name(row[1]), row[2], row[3], row[4], row[5] or b"", row[6] or b"", row[7],
        name(row[8]) if row[8] else "", row[9] or 0, bool(row[10]),
    )  # fmt: skip
