"""From a note to the deliver_sm that carries it: receipts in Appendix B form, and replies. Pure."""

from __future__ import annotations

from drivers.bearer import MessageState
from drivers.smpp import receipt, times
from drivers.smpp.build import address, sm_body, tlv
from drivers.smpp.pdu import Tag
from drivers.sms.address import AddressError, wire_octets
from drivers.sms.alphabet import Alphabet, alphabet_of, decode, encode_as
from drivers.sms.split import split
from gateway.accounts import Account
from gateway.answers import error_code
from gateway.lifecycle import State
from gateway.model import Kind, Message, Mo, Note, NoteKind

__all__ = ["Deliveries"]

_RECEIPT, _INTERMEDIATE, _UDHI = 0x04, 0x20, 0x40
# Names of their own: an enum's members are slow to reach.
_OTP, _MO, _IS_RECEIPT = Kind.OTP, NoteKind.MO, NoteKind.RECEIPT
_ID_TAG, _OCTETS = Tag.RECEIPTED_MESSAGE_ID, Alphabet.OCTETS
_SHOWN = {State.HELD: State.ENROUTE, State.QUEUED: State.ENROUTE, State.INFLIGHT: State.ENROUTE}


class Deliveries:
    """Makes bodies for one bind. tlvs: whether the peer knows them; version: its interface_version."""

    __slots__ = ("_account", "_addresses", "_states", "_tlvs", "_version")

    def __init__(self, account: Account, tlvs: bool, version: int) -> None:
        self._account = account
        self._tlvs = tlvs
        self._version = version
        self._addresses: dict[str, bytes] = {}
        self._states: dict[int, tuple[bytes, bytes]] = {}

    def bodies(self, note: Note) -> list[bytes]:
        """The bodies of the deliver_sm that this note takes: one, but for a long reply in parts."""
        if note.kind is _MO:
            return self._reply(note.mo) if note.mo is not None else []
        return [self.receipt(note, note.message)] if note.message is not None else []

    # ── receipts ─────────────────────────────────────────────────────────────────────────────────────────
    def receipt(self, note: Note, m: Message) -> bytes:
        """The one body of a note about a message."""
        message_id = b"%d" % (m.public_id if m.group else m.id)
        stat, state_tlv = self._state(note.state)
        text = receipt.format_text(
            message_id,
            times.receipt_minute(m.submitted_at // 60_000),
            times.receipt_minute(note.at // 60_000),
            stat,
            error_code(note.state, note.error),
            b"" if m.kind == _OTP else self._beginning(m),
        )
        tlvs = b""
        if self._tlvs:
            tlvs = tlv(_ID_TAG, message_id + b"\0") + state_tlv
            if m.user_reference >= 0:
                tlvs += tlv(Tag.USER_MESSAGE_REFERENCE, m.user_reference.to_bytes(2, "big"))
        esm_class = _RECEIPT if note.kind is _IS_RECEIPT else _INTERMEDIATE
        if m.echo:
            cut = m.echo.index(0, 2) + 1
            return sm_body(m.echo[:cut], m.echo[cut:], text, b"", esm_class, tlvs=tlvs)
        return sm_body(wire_octets(m.destination), self._wire(m.source), text, b"", esm_class, tlvs=tlvs)

    def _state(self, state: State) -> tuple[bytes, bytes]:
        known = self._states.get(state)
        if known is None:
            shown = MessageState(int(_SHOWN.get(state, state)))
            octet = tlv(Tag.MESSAGE_STATE, receipt.state_octet(shown, self._version))
            known = self._states[state] = (receipt.stat_word(shown), octet)
        return known

    def _beginning(self, m: Message) -> bytes:
        """The first octets of the text, in the alphabet of data_coding 0."""
        if m.data_coding == 0 and self._account.default_alphabet == "gsm7":
            return m.payload[:20]
        if alphabet_of(m.data_coding) is _OCTETS:
            return b""
        return decode(m.payload[:40], m.data_coding)[:20].encode("ascii", "replace")

    # ── replies ──────────────────────────────────────────────────────────────────────────────────────────
    def _reply(self, mo: Mo) -> list[bytes]:
        source, destination = self._any(mo.source), self._any(mo.destination)
        data_coding, payload = mo.data_coding, mo.payload
        if data_coding == 0 and self._account.default_alphabet != "gsm7":
            text = decode(payload, 0)
            encoded = encode_as(text, self._account.default_alphabet)
            data_coding, payload = (0, encoded) if encoded is not None else (8, text.encode("utf-16-be"))
        whole = mo.udh + payload
        esm_class = _UDHI if mo.udh else 0
        if len(whole) <= 254:
            return [sm_body(source, destination, whole, b"", esm_class, data_coding=data_coding)]
        if self._account.long_mo == "parts" or not self._tlvs:
            return [
                sm_body(source, destination, udh + part, b"", _UDHI, data_coding=data_coding)
                for udh, part in split(payload, data_coding, mo.id & 0xFF)
            ]
        carried = tlv(Tag.MESSAGE_PAYLOAD, whole)
        return [sm_body(source, destination, b"", b"", esm_class, data_coding=data_coding, tlvs=carried)]

    def _wire(self, text: str) -> bytes:
        known = self._addresses.get(text)
        if known is None:
            known = self._any(text)
            if len(self._addresses) < 1000:
                self._addresses[text] = known
        return known

    def _any(self, text: str) -> bytes:
        """Any address, also what a network wrote that is none of the canonical forms."""
        try:
            return wire_octets(text)
        except AddressError:
            return address(0, 0, text.encode("ascii", "replace")[:20])
