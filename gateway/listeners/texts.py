"""From a text as people and machines write it (HTTP, MQTT) to a message, and what is wrong with it. Pure.

submission() takes values, read() a JSON object; both refuse what the SMPP listener refuses, with the same
status, and make the same canonical message. What needs a rule (sender, STOP, consent, quota) is intake's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from drivers.settings import LongerThanZero
from drivers.smpp.pdu import CommandStatus
from drivers.sms import address
from drivers.sms.address import AddressError
from drivers.sms.alphabet import fit, smart_encoding
from drivers.sms.split import segment_count
from gateway.accounts import Account
from gateway.listeners.submission import Refused
from gateway.model import KINDS, Kind, Message

__all__ = ["KEYS", "Refused", "object_of", "read", "submission"]

KEYS = ("to", "text", "kind", "from", "reference", "tag", "consent", "priority", "validity", "send_at")
"""What read() knows; `to` and `text` are required."""

MOST_TEXT = 40_000
"""Characters: 255 segments, the most that a concatenation counts, hold 39,015."""
LONGEST = 99 * 365.25 * 86_400
"""Seconds ahead; SMPP's years have two digits."""
_LIMITS = (("reference", 64), ("tag", 64), ("consent", 128))
_DURATION = LongerThanZero.__metadata__[0]  # type: ignore[attr-defined]  # an Annotated alias has it
_WRITTEN = str.maketrans("", "", " .-()\u00a0\u202f")
"""What people put between the digits of a number."""
S = CommandStatus


def submission(
    account: Account, to: str, text: str, now: float, *, kind: str = "", sender: str = "", reference: str = "",
    tag: str = "", consent: str = "", priority: int = 0, validity: float | None = None,
    send_at: float | None = None, registered: int = 0,
) -> Message:  # fmt: skip
    """A message in state NEW, its id 0, for intake. Raises Refused.

    kind, sender: "" is the account's default. now, send_at: Unix seconds. validity: seconds from when it may
    leave, None is the account's. registered: SMPP registered_delivery; 0 owes no receipt.
    """
    given = _kind(account, kind)
    source, destination = _source(account, sender), _destination(to)
    data_coding, payload, parts = _encoded(account, text)
    if not 0 <= priority <= 3:
        raise Refused(S.ESME_RINVPRTFLG, "priority must be 0 to 3")
    due, expires = _times(account, given, now, send_at, validity)
    message = Message(
        0, account.name, given, priority, source, destination, data_coding, b"", payload, parts, registered, expires
    )  # fmt: skip
    message.due = due
    words = {"reference": reference, "tag": tag, "consent": consent}
    for name, most in _LIMITS:
        setattr(message, name, _word(name, words[name], most))
    return message


def read(account: Account, table: Mapping[str, Any], now: float, *, registered: int = 0) -> Message:
    """The message that a JSON object asks for, with KEYS; see submission(). Raises Refused, which names the key.

    validity: "5m", or seconds. send_at: RFC 3339, with its offset from UTC.
    """
    for key in table:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(KEYS)}"
            raise Refused(S.ESME_RINVOPTPARSTREAM, f"unknown key {key[:40]!r}{hint}")
    priority = table.get("priority", 0)
    if type(priority) is not int:
        raise Refused(S.ESME_RINVPRTFLG, "priority must be a whole number, 0 to 3")
    return submission(
        account,
        _text(table, "to", S.ESME_RINVDSTADR, required=True),
        _text(table, "text", S.ESME_RINVMSGLEN, required=True),
        now,
        kind=_text(table, "kind", S.ESME_RINVSERTYP),
        sender=_text(table, "from", S.ESME_RINVSRCADR),
        reference=_text(table, "reference"),
        tag=_text(table, "tag"),
        consent=_text(table, "consent"),
        priority=priority,
        validity=_validity(table.get("validity")),
        send_at=_moment(_text(table, "send_at", S.ESME_RINVSCHED)),
        registered=registered,
    )


def object_of(octets: bytes) -> dict[str, Any]:
    """The JSON object in a request from outside. Raises Refused: no JSON, no object, a key twice, NaN, too deep."""
    try:
        found = json.loads(octets, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else f"{error}"[:100]
        raise Refused(S.ESME_RINVOPTPARSTREAM, f"the payload is no JSON: {why}") from error
    if not isinstance(found, dict):
        raise Refused(S.ESME_RINVOPTPARSTREAM, "the payload must be a JSON object: {…}")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON's")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _text(
    table: Mapping[str, Any], key: str, status: int = S.ESME_RINVOPTPARAMVAL, required: bool = False
) -> str:
    value = table.get(key)
    if value is None and not required:
        return ""
    if value is None:
        raise Refused(status, f"{key} is required")
    if not isinstance(value, str):
        raise Refused(status, f"{key} must be a text in quotes")
    return value


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────
def _kind(account: Account, word: str) -> Kind:
    if not word:
        return account.default_kind
    kind = KINDS.get(word)
    if kind is None:
        raise Refused(S.ESME_RINVSERTYP, f"kind {word[:40]!r}: use {', '.join(KINDS)} or nothing")
    if kind not in account.kinds:
        raise Refused(S.ESME_RINVSERTYP, f"account {account.name} may not send kind {word}")
    return kind


def _source(account: Account, sender: str) -> str:
    try:
        text = address.source(0, 0, sender.encode("latin-1"))
    except (AddressError, UnicodeEncodeError) as error:
        raise Refused(S.ESME_RINVSRCADR, f"from: {_why(error)}") from error
    return text or account.default_sender


def _destination(to: str) -> str:
    try:
        return address.destination(0, 0, to.translate(_WRITTEN).encode("latin-1"))
    except (AddressError, UnicodeEncodeError) as error:
        raise Refused(S.ESME_RINVDSTADR, f"to: {_why(error)}") from error


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, AddressError) else "has characters that no address has"


# ── what ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _encoded(account: Account, text: str) -> tuple[int, bytes, int]:
    """(data_coding, payload, segments)."""
    if not text:
        raise Refused(S.ESME_RINVMSGLEN, "text is empty")
    if len(text) > MOST_TEXT:
        raise Refused(S.ESME_RINVMSGLEN, f"text has {len(text)} characters: at most {MOST_TEXT}")
    data_coding, payload = fit(smart_encoding(text) if account.smart_encoding else text)
    parts = segment_count(payload, data_coding)
    if parts > account.max_segments:
        raise Refused(
            S.ESME_RINVMSGLEN,
            f"the text takes {parts} segments; account {account.name} may send {account.max_segments}",
        )
    return data_coding, payload, parts


def _word(name: str, value: str, most: int) -> str:
    try:
        octets = len(value.encode())
    except UnicodeEncodeError as error:
        raise Refused(S.ESME_RINVOPTPARAMVAL, f"{name} holds half a character") from error
    if octets > most:
        raise Refused(S.ESME_RINVPARLEN, f"{name} takes {octets} octets of UTF-8: at most {most}")
    if not value.isprintable():
        raise Refused(S.ESME_RINVOPTPARAMVAL, f"{name} must be printable characters")
    return value


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _times(
    account: Account, kind: Kind, now: float, send_at: float | None, validity: float | None
) -> tuple[int, int]:
    """(due, expires) in Unix ms; due 0 is at once, as is a moment that has passed."""
    due = max(now, send_at or 0.0)
    if due - now > LONGEST:
        raise Refused(S.ESME_RINVSCHED, "send_at: more than 99 years ahead")
    lasts = account.validity[kind] if validity is None else validity
    if not 0 < lasts <= LONGEST:
        raise Refused(S.ESME_RINVEXPIRY, "validity must be longer than 0 and at most 99 years")
    return (int(due * 1000) if due > now else 0), int((due + lasts) * 1000)


def _validity(value: object) -> float | None:
    if value is None:
        return None
    try:
        seconds: float = _DURATION.read(value)
    except (ValueError, OverflowError) as error:
        raise Refused(
            S.ESME_RINVEXPIRY, 'validity must be a time like "30s", "5m" or "48h", or seconds'
        ) from error
    return seconds


def _moment(text: str) -> float | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None and "T" in text.upper():
            return at.timestamp()
    except (ValueError, OverflowError):
        pass  # refused below, in our words
    example = "2026-11-22T08:30:00+01:00"
    raise Refused(
        S.ESME_RINVSCHED, f"send_at must be a moment of RFC 3339 with its offset, such as {example}"
    )
