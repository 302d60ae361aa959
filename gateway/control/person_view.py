"""What is kept about one number, as plain data: the answer to a request for access (GDPR article 15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivers.sms.alphabet import decode
from gateway.control.consents import story_of
from gateway.control.parts import Gateway, View
from gateway.control.words import admitted_at, kind_word, moment, state_word
from gateway.model import Message
from gateway.stores.person import Traces

__all__ = ["person_view"]


async def person_view(gateway: Gateway, found: Traces) -> View:
    """Everything, whole: it is for the person whose number this is. A text that was wiped is None."""
    messages = await gateway.store.get(found.messages)
    key = found.key
    return {
        "number": found.number,
        "key": f"{key & 2**64 - 1:016x}",
        "messages": [_message(messages[i]) for i in found.messages if i in messages],
        "replies": await _replies(gateway, found.replies),
        "unfinished_replies": await _parts(gateway, found.parts),
        "unmatched_receipts": await _orphans(gateway, found.orphans),
        "optouts": await _optouts(gateway, key),
        "consents": await story_of(gateway, key),
        "suppressed": await _suppressed(gateway, key),
        "last_writers": await _writers(gateway, key),
        "audit": await _audit(gateway, found.audit),
    }


def _text(payload: bytes | None, coding: int, udh: bytes | None) -> str | None:
    return decode(payload, coding, udh=udh or b"") if payload else None


def _message(m: Message) -> View:
    parts = [
        {
            "bearer": part.bearer,
            "state": state_word(part.state),
            "carrier_id": part.carrier_id,
            "sent": moment(part.sent_at),
            "done": moment(part.done_at),
            "error": part.error,
        }
        for part in m.part_states or ()
    ]
    return {
        "id": str(m.public_id),
        "admitted": moment(m.submitted_at),
        "account": m.account,
        "kind": kind_word(m.kind),
        "from": m.source,
        "text": _text(m.payload, m.data_coding, m.udh),
        "segments": m.parts,
        "state": state_word(m.state),
        "reason": m.reason,
        "error": m.error,
        "bearer": m.bearer,
        "carrier_id": m.carrier_id,
        "sent": moment(m.sent_at),
        "done": moment(m.done_at),
        "tag": m.tag,
        "reference": m.reference,
        "consent": m.consent,
        "parts": parts,
    }


async def _rows(gateway: Gateway, sql: str, ids: Sequence[int]) -> list[tuple[Any, ...]]:
    """Rows by id; {} in sql is where the list of ids stands."""
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(ids), 400):
        chunk = ids[start : start + 400]
        found += await gateway.store.query(sql.format(",".join("?" * len(chunk))), chunk)
    return found


async def _replies(gateway: Gateway, ids: Sequence[int]) -> list[View]:
    sql = "SELECT id, bearer, destination, data_coding, udh, payload, received_at, account FROM mo WHERE id IN ({})"
    name = gateway.store.name
    return [
        {
            "id": str(r[0]), "received": moment(r[6]), "to": r[2], "text": _text(r[5], r[3], r[4]),
            "bearer": name(r[1]), "account": name(r[7]) if r[7] else None,
        }
        for r in await _rows(gateway, sql, ids)
    ]  # fmt: skip


async def _parts(gateway: Gateway, ids: Sequence[int]) -> list[View]:
    sql = "SELECT destination, data_coding, udh, payload, received_at FROM mo_part WHERE id IN ({})"
    return [
        {"received": moment(r[4]), "to": r[0], "text": _text(r[3], r[1], r[2])}
        for r in await _rows(gateway, sql, ids)
    ]


async def _orphans(gateway: Gateway, ids: Sequence[int]) -> list[View]:
    sql = "SELECT at, bearer, carrier_id, code, raw FROM orphan WHERE id IN ({})"
    return [
        {
            "at": moment(r[0]), "bearer": gateway.store.name(r[1]), "carrier_id": r[2], "code": r[3],
            "raw": r[4].decode("latin-1"),
        }
        for r in await _rows(gateway, sql, ids)
    ]  # fmt: skip


async def _optouts(gateway: Gateway, key: int) -> list[View]:
    return [
        {"at": moment(at), "act": act, "scope": scope, "source": source, "evidence": evidence, "text": raw}
        for at, act, scope, _, source, evidence, raw in await gateway.stops.table.story(key)
    ]


async def _suppressed(gateway: Gateway, key: int) -> list[View]:
    return [
        {
            "since": moment(since), "until": moment(until), "reason": reason, "bearer": bearer, "code": code,
            "message": str(message) if message else None, "source": source,
        }
        for _, _, since, _, until, _, reason, bearer, code, message, source in await gateway.suppressions.table.page(
            key, 0, 1
        )
    ]  # fmt: skip


async def _writers(gateway: Gateway, key: int) -> list[View]:
    sql = "SELECT bearer, account, message FROM last_writer WHERE key=?"
    name = gateway.store.name
    return [
        {"bearer": name(bearer), "account": name(account), "at": moment(admitted_at(message))}
        for bearer, account, message in await gateway.store.query(sql, (key,))
    ]


async def _audit(gateway: Gateway, ids: Sequence[int]) -> list[View]:
    found = await _rows(gateway, "SELECT at, who, verb, detail FROM audit WHERE id IN ({})", ids)
    return [{"at": moment(at), "who": who, "verb": verb, "detail": detail} for at, who, verb, detail in found]
