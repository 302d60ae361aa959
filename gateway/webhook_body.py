"""What a webhook is told: receipts and replies as JSON, ids as strings. docs/http.md shows one of each. Pure.

A receipt says of a message what SMPP's would, in the same words and codes, and never its text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from drivers.sms.alphabet import Alphabet, alphabet_of, decode
from gateway.answers import error_code
from gateway.control.words import kind_word, moment, state_word
from gateway.lifecycle import FINAL
from gateway.model import Message, Mo, Note, NoteKind

__all__ = ["body_of", "event_of"]


def body_of(notes: Sequence[Note]) -> bytes:
    """The whole body; b"" when nothing is left to say."""
    events = [event for note in notes if (event := event_of(note)) is not None]
    if not events:
        return b""
    return json.dumps({"events": events}, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def event_of(note: Note) -> dict[str, Any] | None:
    """One event; its id is the same however often it is sent. None for one whose message retention has dropped."""
    if note.kind is NoteKind.MO:
        return _reply(note, note.mo) if note.mo is not None else None
    return _receipt(note, note.message) if note.message is not None else None


def _receipt(note: Note, m: Message) -> dict[str, Any]:
    return {
        "id": str(note.seq),
        "type": "receipt" if note.kind is NoteKind.RECEIPT else "progress",
        "at": moment(note.at),
        "message": {
            "id": str(m.public_id),
            "state": state_word(note.state),
            "final": note.state in FINAL,
            "error": error_code(note.state, note.error).decode(),
            "kind": kind_word(m.kind),
            "from": m.source,
            "to": m.destination,
            "reference": m.reference,
            "tag": m.tag,
            "segments": m.parts,
            "submitted": moment(m.submitted_at),
            "done": moment(m.done_at),
        },
    }


def _reply(note: Note, mo: Mo) -> dict[str, Any]:
    octets = alphabet_of(mo.data_coding) is Alphabet.OCTETS
    return {
        "id": str(note.seq),
        "type": "reply",
        "at": moment(note.at),
        "reply": {
            "id": str(mo.id),
            "from": mo.source,
            "to": mo.destination,
            "text": None if octets else decode(mo.payload, mo.data_coding, udh=mo.udh),
            "octets": mo.payload.hex() if octets else None,
            "complete": mo.complete,
            "answers": str(mo.message) if mo.message else None,
            "received": moment(mo.received_at),
        },
    }
