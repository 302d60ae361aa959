"""/v1/messages: an application submits one or many, asks what became of one, and cancels it.

A message is what it is by SMPP: the same builder (texts.py), the same intake, the same answers in other words.
202 means on disk. One that an account does not own does not exist for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from drivers.sms import address
from gateway import answers
from gateway.accounts import Account
from gateway.answers import Answer
from gateway.control.acts import audit
from gateway.control.parts import View
from gateway.control.words import kind_word, moment, state_word
from gateway.lifecycle import WAITING, State
from gateway.listeners import texts
from gateway.listeners.http.access import Allow, Caller
from gateway.listeners.http.operation import Operation, Request, answer
from gateway.listeners.http.problem import Problem, of_answer
from gateway.listeners.http.shapes import Shape
from gateway.listeners.http.site import Site
from gateway.model import KINDS, Message

__all__ = ["MESSAGE", "OPERATIONS", "read_message", "submit"]

MOST = 1000
"""Messages of one request."""
LONGEST_KEY = 64
_RECEIPT = 1
"""registered_delivery: on success or failure (SMPP 5.0 §4.7.21)."""

MESSAGE: Shape = {
    "type": "object",
    "required": ["to", "text"],
    "additionalProperties": False,
    "properties": {
        "to": {
            "type": "string", "minLength": 1, "maxLength": 40,
            "description": "The recipient: +33612345678; spaces, dots, dashes and parentheses are allowed.",
        },
        "text": {"type": "string", "minLength": 1, "maxLength": texts.MOST_TEXT},
        "kind": {"type": "string", "enum": list(KINDS), "description": "Default: the account's default_kind."},
        "from": {"type": "string", "maxLength": 21, "description": "Default: the first of the account's senders."},
        "reference": {
            "type": "string", "maxLength": 64,
            "description": "The client's own: the same one again within 24 h is the same message, not a second one.",
        },
        "tag": {"type": "string", "maxLength": 64, "description": "A campaign: for reports, fairness and hold."},
        "consent": {"type": "string", "maxLength": 128, "description": "A reference to the proof of consent."},
        "priority": {"type": "integer", "minimum": 0, "maximum": 3},
        "validity": {
            "description": "How long it may wait: seconds, or a time like 30s, 5m, 48h, 7d.",
            "oneOf": [
                {"type": "string", "pattern": "^([0-9]{1,9}(\\.[0-9]{1,3})?(ms|s|m|h|d))+$", "maxLength": 40},
                {"type": "number", "exclusiveMinimum": 0, "maximum": texts.LONGEST},
            ],
        },
        "send_at": {"type": "string", "format": "date-time", "description": "RFC 3339 with its offset."},
        "receipt": {
            "type": "boolean",
            "description": "Whether a receipt is owed. Default: when the account has a webhook.",
        },
    },
}  # fmt: skip
_ID = {
    "type": "string",
    "pattern": "^[0-9]{1,19}$",
    "description": "a message id is a number of at most 19 digits, as a text",
}
_MOMENT = {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_TAKEN: Shape = {
    "type": "object",
    "required": ["id", "segments", "repeated", "deferred_until"],
    "properties": {
        "id": _ID,
        "segments": {"type": "integer"},
        "repeated": {
            "type": "boolean",
            "description": "Its reference was known: this is the first message's id.",
        },
        "deferred_until": {**_MOMENT, "description": "A rule postponed it until then."},
    },
}
_RESULTS: Shape = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "integer", "description": "202, or that of the problem."}},
            },
            "description": "In the order of the request: what one message is answered, or its problem.",
        }
    },
}
_VIEW: Shape = {
    "type": "object",
    "required": ["id", "state", "kind", "from", "to", "segments", "submitted"],
    "properties": {
        "id": _ID,
        "state": {
            "type": "string",
            "enum": [state.name.lower() for state in State if state is not State.NEW],
        },
        **{
            name: {"type": "string"} for name in ("kind", "from", "to", "reference", "tag", "error", "reason")
        },
        **{name: {"type": "integer"} for name in ("priority", "segments")},
        **dict.fromkeys(("submitted", "due", "accepted", "done", "expires"), _MOMENT),
    },
}


# ── submitting ───────────────────────────────────────────────────────────────────────────────────────────────
def read_message(site: Site, account: Account, table: Mapping[str, Any], reference: str = "") -> Message:
    """A message in state NEW from a checked body. Raises Problem."""
    fields = dict(table)
    receipt = fields.pop("receipt", None)
    if receipt is None:
        receipt = site.has_webhook(account)
    if reference and not fields.get("reference"):
        fields["reference"] = reference
    try:
        return texts.read(
            account, fields, site.gateway.clock.wall_ms() / 1000, registered=_RECEIPT if receipt else 0
        )
    except texts.Refused as refused:
        if refused.status == answers.BAD_SERVICE_TYPE:
            raise of_answer(refused.status, refused.text) from refused
        raise Problem("invalid", refused.text, code=f"0x{refused.status:04x}") from refused


async def submit(site: Site, account: Account, messages: Sequence[Message]) -> list[Answer]:
    """The answers, once what they say is true on disk."""
    if not messages:
        return []
    submitted = site.gateway.intake.submit(account, messages)
    if submitted.durable is not None:
        await asyncio.wait(
            [submitted.durable]
        )  # waits beside it: a client that leaves cancels nobody's write
    return submitted.answers


async def post(site: Site, request: Request) -> web.StreamResponse:
    account = request.caller.account
    assert account is not None, "Allow(account=True) alone"
    key = _key(request)
    if isinstance(request.body, dict):
        message = read_message(site, account, request.body, key)
        (given,) = await submit(site, account, [message])
        if given.status:
            raise of_answer(given.status, given.text)
        return answer(_taken(message, given), 202, {"Location": f"/v1/messages/{given.message_id}"})
    results = await _many(site, account, request.body, key)
    return answer({"messages": results}, 202 if all(r["status"] == 202 for r in results) else 207)


async def _many(site: Site, account: Account, tables: Sequence[Mapping[str, Any]], key: str) -> list[View]:
    """One result for each, in order; those with faults cost the others nothing."""
    results: list[View] = [{} for _ in tables]
    messages: list[Message] = []
    places: list[int] = []
    for place, table in enumerate(tables):
        try:
            messages.append(read_message(site, account, table, f"{key}:{place}" if key else ""))
            places.append(place)
        except Problem as problem:
            results[place] = problem.view()
    _refuse_other_content(site, account, messages, key)
    given = await submit(site, account, messages)
    for place, message, each in zip(places, messages, given, strict=True):
        refused = of_answer(each.status, each.text).view() if each.status else None
        results[place] = refused or {"status": 202, **_taken(message, each)}
    return results


def _refuse_other_content(site: Site, account: Account, messages: Sequence[Message], key: str) -> None:
    """A key that stands for another list is refused as a whole, before any of it is sent."""
    gateway = site.gateway
    if not key or not messages:
        return
    known = gateway.references.find(account.name, messages, gateway.clock.wall_ms())
    other = [
        reference for reference, (_, same) in known.items() if not same and reference.startswith(f"{key}:")
    ]
    if other:
        raise Problem(
            "reference-reused", f"Idempotency-Key {key!r} was used for another list: nothing was sent"
        )


def _key(request: Request) -> str:
    key = request.raw.headers.get("Idempotency-Key", "").strip()
    most = LONGEST_KEY if isinstance(request.body, dict) else LONGEST_KEY - len(f":{MOST}")
    if len(key) > most or not (key.isascii() and key.isprintable()):
        raise Problem("invalid", f"Idempotency-Key: at most {most} printable ASCII characters")
    return key


def _taken(message: Message, given: Answer) -> View:
    return {
        "id": str(given.message_id),
        "segments": message.parts,
        "repeated": not message.id,  # intake has given this one no id of its own
        "deferred_until": moment(given.deferred),
    }


# ── looking, cancelling ──────────────────────────────────────────────────────────────────────────────────────
async def _find(site: Site, request: Request) -> Message:
    """The caller's message of that id. Raises Problem."""
    text = request.part("id")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 19 else 1 << 63
    found = await site.gateway.desk.look(number) if number < 1 << 63 else None
    caller = request.caller
    if found is None or (caller.account is not None and found.account != caller.account.name):
        raise Problem(
            "not-found", "no such message: it was never here, or store.retention.metadata has dropped it"
        )
    return found


def _view(message: Message, caller: Caller) -> View:
    """As its application may see it; operators see numbers masked."""
    shown = (lambda number: number) if caller.account is not None else address.mask
    return {
        "id": str(message.public_id),
        "state": state_word(message.state),
        "kind": kind_word(message.kind),
        "priority": message.priority,
        "from": shown(message.source),
        "to": shown(message.destination),
        "reference": message.reference,
        "tag": message.tag,
        "segments": message.parts,
        "submitted": moment(message.submitted_at),
        "due": moment(message.due),
        "accepted": moment(message.sent_at),
        "done": moment(message.done_at),
        "expires": moment(message.expires),
        "error": message.error,
        "reason": message.reason,
    }


async def get(site: Site, request: Request) -> web.StreamResponse:
    return answer(_view(await _find(site, request), request.caller))


async def delete(site: Site, request: Request) -> web.StreamResponse:
    """DELETED while it waits here; twice is the same as once."""
    message = await _find(site, request)
    caller = request.caller
    if message.state in WAITING:
        why = "cancelled by the application" if caller.account is not None else f"cancelled by {caller.who}"
        moved = await site.gateway.desk.cancel([message], why)
        if moved and caller.account is None:
            await audit(site.gateway, caller.who, "cancel", f"{message.id}: {moved} messages")
    if message.state is not State.DELETED:
        raise Problem(
            "already-left", f"it is {state_word(message.state)}: only what waits here can be cancelled"
        )
    return answer(_view(message, caller))


OPERATIONS = (
    Operation(
        method="POST", path="/v1/messages", handler=post, tag="messages",
        summary="Submit one message, or many", allow=Allow(account=True),
        details="202 means on disk. Of many, each is answered for itself (207 when not all were taken), and an"
        f" Idempotency-Key stands for each by its place. At most {MOST} messages, 1 MiB.",
        headers={"Idempotency-Key": {"type": "string", "maxLength": LONGEST_KEY, "pattern": "^[ -~]*$"}},
        body={"oneOf": [MESSAGE, {"type": "array", "items": MESSAGE, "minItems": 1, "maxItems": MOST}]},
        answers={202: "Taken: on disk.", 207: "Some were refused.", 403: "The sender or the kind is not allowed.",
                 409: "The key or reference was used for another message.", 503: "Nothing is taken now: try again."},
        answer={"oneOf": [_TAKEN, _RESULTS]}, links={"messages.get": "/id", "messages.delete": "/id"},
    ),
    Operation(
        method="GET", path="/v1/messages/{id}", handler=get, tag="messages",
        summary="What became of a message", allow=Allow(account=True, role="viewer"),
        parameters={"id": _ID}, answers={200: "As it is now.", 404: "The caller has no such message."}, answer=_VIEW,
    ),
    Operation(
        method="DELETE", path="/v1/messages/{id}", handler=delete, tag="messages",
        summary="Cancel a message that waits", allow=Allow(account=True, role="operator"),
        parameters={"id": _ID},
        answers={200: "Cancelled.", 404: "The caller has no such message.", 409: "It has left, or ended."},
        answer=_VIEW,
    ),
)  # fmt: skip
