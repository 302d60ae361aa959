"""Delivery receipts: text and TLVs to a ParsedReceipt, and back (SMPP 3.4 Appendix B).

Owns: the kind of message that a deliver_sm or data_sm is, what a receipt says, and our own receipts' text.
Promises: parse never raises, whatever the octets. The TLVs' id and state win over the text's. Ids are kept
verbatim, "err" is text and dates stay as written; stat alone decides, not err or dlvrd.
Never does: take a phone's text for a receipt. esm_class says what is one, unless the dialect says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from drivers.bearer import MessageState
from drivers.smpp.dialect import STANDARD, Dialect

__all__ = [
    "ParsedReceipt",
    "ReceiptKind",
    "format_text",
    "kind_of",
    "looks_like_receipt",
    "parse",
    "stat_word",
    "state_octet",
]


class ReceiptKind(Enum):
    """Bits 5 to 2 of esm_class in what an SMSC sends: 3.4 §5.2.12."""

    MESSAGE = "mo"
    """From a phone."""
    RECEIPT = "dlr"
    """An SMSC delivery receipt: the only kind whose state can be final."""
    SME_ACK = "sme_ack"
    """The phone acknowledges (it was read): no receipt, and no words of a person."""
    USER_ACK = "user_ack"
    """A person answers: its text counts like a message's, a STOP above all."""
    ABORT = "conversation_abort"
    """The end of a Korean CDMA conversation."""
    INTERMEDIATE = "intermediate"
    """A notice on the way."""
    RESERVED = "reserved"
    """Acknowledge, log, do nothing."""


_KINDS = [ReceiptKind.RESERVED] * 16
_KINDS[0x00 >> 2] = ReceiptKind.MESSAGE
_KINDS[0x04 >> 2] = ReceiptKind.RECEIPT
_KINDS[0x08 >> 2] = ReceiptKind.SME_ACK
_KINDS[0x10 >> 2] = ReceiptKind.USER_ACK
_KINDS[0x18 >> 2] = ReceiptKind.ABORT
_KINDS[0x20 >> 2] = ReceiptKind.INTERMEDIATE


def kind_of(esm_class: int) -> ReceiptKind:
    """What esm_class says; the UDHI and reply path bits (0x44 is common) and bits 0 and 1 don't matter."""
    return _KINDS[(esm_class & 0x3C) >> 2]


class ParsedReceipt:
    """What a receipt says. Empty strings and b"" where it says nothing.

    id: the TLV's, else the text's, verbatim. text_id: the text's own, often the same number in another base.
    stat: the word in upper case. state: the TLV's, else what the dialect makes of stat; None when neither
    helps. final: whether that ends the matter. err, submit_date, done_date: as written. sub, dlvrd: digits.
    network_error: the TLV's raw octets. text: behind "text:", in the alphabet of the receipt, trimmed.
    """

    __slots__ = (
        "dlvrd",
        "done_date",
        "err",
        "final",
        "id",
        "network_error",
        "stat",
        "state",
        "sub",
        "submit_date",
        "text",
        "text_id",
    )

    def __init__(
        self,
        text: bytes,
        text_id: str,
        sub: str,
        dlvrd: str,
        submit_date: str,
        done_date: str,
        stat: str,
        err: str,
    ) -> None:
        self.id = self.text_id = text_id
        self.sub = sub
        self.dlvrd = dlvrd
        self.submit_date = submit_date
        self.done_date = done_date
        self.stat = stat
        self.err = err
        self.text = text
        self.state: MessageState | None = None
        self.final = False
        self.network_error = b""

    def __repr__(self) -> str:
        state = "no state" if self.state is None else self.state.name
        return f"ParsedReceipt({self.id!r}, {state}{', final' if self.final else ''})"


# Nine receipts in ten: the letter of Appendix B, dates with or without seconds. Values without ":" make sure
# that no other label hides in one, so this and the walk below agree wherever both apply.
_appendix_b = re.compile(
    r"id:([^\s:,;\0]+) sub:(\d+) dlvrd:(\d+) submit date:(\d{10,14}) done date:(\d{10,14}) "
    r"stat:([A-Z]+) err:(\w+) [tT]ext:",
    re.ASCII,
).match
_BY_OCTETS = {bytes(zeros) + bytes((state,)): state for state in MessageState for zeros in range(4)}
_IS_RECEIPT = ReceiptKind.RECEIPT  # an enum's members are slow to reach
_BLANKS = " \t\r\n\f\v"
_NO_TLVS: dict[int, bytes] = {}


def parse(
    text: bytes,
    tlvs: Mapping[int, bytes] = _NO_TLVS,
    dialect: Dialect = STANDARD,
    kind: ReceiptKind = ReceiptKind.RECEIPT,
) -> ParsedReceipt:
    """What the short message (or message_payload) and TLVs of a receipt say. Never raises.

    A user data header need not be removed first. Only a kind of RECEIPT is ever final.
    """
    wide = text[:1] == b"\0" and text[2:3] == b"\0"  # UCS-2, whatever data_coding claims
    readable = text.decode("utf-16-be", "replace") if wide else text.decode("latin-1")
    match = _appendix_b(readable)
    if match is None:
        receipt = _walk(readable, tlvs, dialect, "utf-16-be" if wide else "latin-1")
    else:
        tail = readable[match.end() :].encode("utf-16-be") if wide else text[match.end() :]
        receipt = ParsedReceipt(_trim(tail, wide) if tail else tail, *match.groups())
    state = dialect.states.get(receipt.stat)
    if tlvs:
        receipt.id = _text_tlv(tlvs, dialect.id_tags) or receipt.text_id
        receipt.network_error = _first(tlvs, dialect.code_tags)
        state = _BY_OCTETS.get(_first(tlvs, dialect.state_tags), state)
    receipt.state = state
    receipt.final = state in dialect.final and kind is _IS_RECEIPT
    return receipt


def _walk(readable: str, tlvs: Mapping[int, bytes], dialect: Dialect, encoding: str) -> ParsedReceipt:
    """Label by label, in any order, case and completeness: damage to one label costs that field only.

    What follows "text:" is a person's words, "stat:EXPIRED" too. Some carriers put text before the rest, so
    id and stat, and nothing else, are still taken from behind it when they were not seen before.
    """
    marks = list(dialect.label_pattern.finditer(readable))
    ends = [*(mark.start() for mark in marks), len(readable)][1:]
    found = dict.fromkeys(("id", "sub", "dlvrd", "submit date", "done date", "stat", "err"), "")
    wanted_behind_text = ("stat",) if _text_tlv(tlvs, dialect.id_tags) else ("id", "stat")
    text_start, text_end = -1, len(readable)
    for mark, end in zip(marks, ends, strict=True):
        name = dialect.label_fields[_compact(mark[1])]
        if name == "text":
            if text_start < 0:
                text_start = mark.end()
            continue
        if found[name] or (text_start >= 0 and name not in wanted_behind_text):
            continue
        found[name] = _value(readable[mark.end() : end])
        if text_start >= 0:
            text_end = min(text_end, mark.start())
    tail = readable[text_start:text_end] if text_start >= 0 else ""
    found["stat"] = found["stat"].upper()
    for name in ("sub", "dlvrd"):  # counts: "null" and "..." are none
        found[name] = found[name] if found[name].isdecimal() else ""
    return ParsedReceipt(_trim(tail.encode(encoding, "replace"), encoding != "latin-1"), *found.values())


def _compact(label: str) -> str:
    return "".join(label.lower().replace("_", " ").split())


def _value(stretch: str) -> str:
    """The first word between a label and the next one; carriers without a label before the text add more."""
    words = stretch.strip(_BLANKS + "\0").split(None, 1)
    return words[0].rstrip(",;\0") if words else ""


def _trim(text: bytes, wide: bool) -> bytes:
    """Without the blanks and NULs around; leading NULs may be the high octets of UCS-2, so they stay."""
    if wide:
        return text.decode("utf-16-be", "replace").strip(_BLANKS + "\0").encode("utf-16-be")
    return text.lstrip(b" ").rstrip(b" \t\r\n\0") if text else text


def _first(tlvs: Mapping[int, bytes], tags: tuple[int, ...]) -> bytes:
    for tag in tags:
        if value := tlvs.get(tag):
            return value
    return b""


def _text_tlv(tlvs: Mapping[int, bytes], tags: tuple[int, ...]) -> str:
    """A C-octet string whose NUL may be missing: 3.4 §5.3.2.12 and practice."""
    return _first(tlvs, tags).partition(b"\0")[0].decode("latin-1").strip(_BLANKS)


def looks_like_receipt(text: bytes, dialect: Dialect = STANDARD) -> bool:
    """Whether text without the esm_class of a receipt reads like one. Anyone can type that: ask only when
    `dialect.unflagged` says that this carrier forgets esm_class.
    """
    receipt = parse(text, _NO_TLVS, dialect)
    return bool(receipt.id) and receipt.state is not None


# ── our own receipts ────────────────────────────────────────────────────────────────────────────────────
_WORDS = {
    MessageState.SCHEDULED: b"ENROUTE",  # Appendix B has no word for it
    MessageState.ENROUTE: b"ENROUTE",
    MessageState.DELIVERED: b"DELIVRD",
    MessageState.EXPIRED: b"EXPIRED",
    MessageState.DELETED: b"DELETED",
    MessageState.UNDELIVERABLE: b"UNDELIV",
    MessageState.ACCEPTED: b"ACCEPTD",
    MessageState.UNKNOWN: b"UNKNOWN",
    MessageState.REJECTED: b"REJECTD",
    MessageState.SKIPPED: b"SKIPPED",
}
_OCTETS_50 = {state: bytes((state,)) for state in MessageState}
# SCHEDULED and SKIPPED are 5.0's: an older peer is told the nearest that 3.4 §5.2.28 has.
_OCTETS_34 = _OCTETS_50 | {MessageState.SCHEDULED: b"\x01", MessageState.SKIPPED: b"\x05"}


def stat_word(state: MessageState) -> bytes:
    """The seven letters of Appendix B."""
    return _WORDS[state]


def state_octet(state: MessageState, interface_version: int = 0x34) -> bytes:
    """The value of the message_state TLV, for a peer of that version."""
    return _OCTETS_50[state] if interface_version >= 0x50 else _OCTETS_34[state]


def format_text(
    message_id: bytes, submitted: bytes, done: bytes, stat: bytes, err: bytes, text: bytes
) -> bytes:
    """The text of a receipt, all eight fields of Appendix B; dates as times.receipt_date writes them.

    text: the message's beginning in GSM 03.38 or ASCII; 20 octets are taken, without half an escape pair.
    """
    text = text[:20]
    if text[-1:] == b"\x1b":
        text = text[:-1]
    dlvrd = b"001" if stat == b"DELIVRD" else b"000"
    return b"id:%b sub:001 dlvrd:%b submit date:%b done date:%b stat:%b err:%b text:%b" % (
        message_id,
        dlvrd,
        submitted,
        done,
        stat,
        err,
        text,
    )
