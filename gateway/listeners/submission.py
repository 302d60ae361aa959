"""From a submit_sm (or data_sm, or one of submit_multi) to a message, and what is wrong with it. Pure.

What an application may write in many ways is made one here: addresses canonical, text in GSM 03.38 or UCS-2,
times in Unix milliseconds, kind by service_type. What it wrote is remembered only where its receipts must
show it again (echo).
"""

from __future__ import annotations

from drivers.smpp import times
from drivers.smpp.pdu import Command, CommandStatus, Sm, Tag
from drivers.sms import address
from drivers.sms.address import AddressError
from drivers.sms.alphabet import Alphabet, alphabet_of, decode, fit, smart_encoding
from drivers.sms.split import segment_count
from drivers.sms.udh import concat_header, concat_of, split_udh
from gateway.accounts import Account
from gateway.model import Kind, Message
from gateway.text_cost import cost

__all__ = ["Refused", "Submissions"]

SERVICE_TYPES = {
    b"OTP": Kind.OTP,
    b"ALERT": Kind.ALERT,
    b"TRANS": Kind.TRANSACTIONAL,
    b"PROMO": Kind.MARKETING,
}
"""Kinds as an application names them; empty and CMT mean its account's default."""

_LIMITS = ((Tag.CLIENT_REFERENCE, 64), (Tag.CAMPAIGN_TAG, 64), (Tag.CONSENT_REFERENCE, 128))
# Names of their own: an enum's members are slow to reach.
_DATA_SM, _PAYLOAD, _SAR = Command.DATA_SM, Tag.MESSAGE_PAYLOAD, Tag.SAR_MSG_REF_NUM
_REFERENCE, _TAG, _CONSENT, _USER_REFERENCE = (
    Tag.CLIENT_REFERENCE, Tag.CAMPAIGN_TAG, Tag.CONSENT_REFERENCE, Tag.USER_MESSAGE_REFERENCE,
)  # fmt: skip
_UDHI = 0x40
_SURELY_ONE = 140
"""Octets of text that fit one segment in whatever alphabet."""
_IA5 = b"\t\n\f\r" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
"""What stands in a text of data_coding 1; beyond ASCII it is read as Latin-1."""
S = CommandStatus


class Refused(Exception):
    """What cannot be taken. status: the command_status; the text says why and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = int(status)
        self.text = text


class Submissions:
    """Makes messages of one account's PDUs. Keeps its source addresses, which are few, ready made."""

    __slots__ = ("_account", "_sources")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._sources: dict[tuple[int, int, bytes], tuple[str, bool]] = {}

    def read(self, pdu: Sm, now: float) -> Message:
        """The message of a submit_sm or data_sm; now: Unix seconds. Raises Refused."""
        account = self._account
        kind = self._kind(pdu.service_type) if pdu.service_type else account.default_kind
        address_of = (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr)
        source, plain_source = self._sources.get(address_of) or self._source(*address_of)
        destination, plain = self._destination(pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr)
        data_coding, udh, payload = self._text(pdu)
        parts = 1 if udh or len(payload) <= _SURELY_ONE else segment_count(payload, data_coding)
        if parts > account.max_segments:
            raise Refused(
                S.ESME_RINVMSGLEN,
                f"account {account.name} may send {account.max_segments} segments; the text takes"
                f" {cost(payload, data_coding, parts, account.smart_encoding)}",
            )
        if pdu.schedule_delivery_time or pdu.validity_period:
            due, expires = self._times(pdu, kind, now)
        else:
            due, expires = 0, int((now + account.validity[kind]) * 1000)
        message = Message(
            0, account.name, kind, min(pdu.priority_flag, 3), source, destination, data_coding, udh, payload, parts,
            pdu.registered_delivery, expires,
        )  # fmt: skip
        message.due = due
        if not (plain and plain_source):
            message.echo = b"%c%c%b\0%c%c%b\0" % (
                pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr,
                pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr,
            )  # fmt: skip
        if pdu.tlvs:
            self._read_tlvs(pdu, message)
        if udh:
            if not _fits(udh, data_coding, payload) and not pdu.esm_class & _UDHI:
                # From sar TLVs, by an application that has left room for an 8-bit reference only.
                udh = message.udh = _narrow(udh)
            if not _fits(udh, data_coding, payload):
                raise Refused(
                    S.ESME_RINVMSGLEN,
                    f"header and text take more than one segment ({len(udh)} and {len(payload)} octets)",
                )
            message.group = group_of(message)
        if pdu.replace_if_present_flag == 1:
            raise Refused(S.ESME_RINVREPFLAG, "replace_if_present_flag is not supported: use replace_sm")
        return message

    # ── who ──────────────────────────────────────────────────────────────────────────────────────────────
    def _kind(self, service_type: bytes) -> Kind:
        account = self._account
        if service_type == b"CMT":
            return account.default_kind
        kind = SERVICE_TYPES.get(service_type)
        if kind is None:
            known = ", ".join(name.decode() for name in SERVICE_TYPES)
            raise Refused(
                S.ESME_RINVSERTYP, f"service_type {_show(service_type)}: use {known}, CMT or nothing"
            )
        if kind not in account.kinds:
            raise Refused(S.ESME_RINVSERTYP, f"account {account.name} may not send kind {kind.name.lower()}")
        return kind

    def _source(self, ton: int, npi: int, addr: bytes) -> tuple[str, bool]:
        """One that was not seen before: its canonical form, and whether it is written in that."""
        if not addr:
            return self._account.default_sender, False
        try:
            text = address.source(ton, npi, addr)
        except AddressError as error:
            raise Refused(S.ESME_RINVSRCADR, f"source address {_show(addr)}: {error}") from error
        known = (text, address.wire(text) == (ton, npi, addr))
        if len(self._sources) < 1000:
            self._sources[ton, npi, addr] = known
        return known

    def _destination(self, ton: int, npi: int, addr: bytes) -> tuple[str, bool]:
        try:
            text = address.destination(ton, npi, addr)
        except AddressError as error:
            raise Refused(S.ESME_RINVDSTADR, f"destination address: {error}") from error
        plain = (ton == 1 and npi == 1 and text[0] == "+" and addr[:1].isdigit()) or address.wire(text) == (
            ton,
            npi,
            addr,
        )
        return text, plain

    # ── what ─────────────────────────────────────────────────────────────────────────────────────────────
    def _text(self, pdu: Sm) -> tuple[int, bytes, bytes]:
        """(data_coding, udh, payload), the alphabet made one that every bearer knows."""
        if pdu.tlvs and pdu.short_message and _PAYLOAD in pdu.tlvs:
            raise Refused(
                S.ESME_RINVMSGLEN,
                "short_message and message_payload are both there: send one (SMPP 3.4 §4.4.1)",
            )
        if pdu.command_id == _DATA_SM and _PAYLOAD not in pdu.tlvs:
            raise Refused(
                S.ESME_RMISSINGOPTPARAM, "data_sm has its text in message_payload (SMPP 3.4 §4.7.1)"
            )
        octets = pdu.short_message or pdu.user_data()
        udh = b""
        if pdu.esm_class & _UDHI:
            udh, octets = split_udh(octets)
            if not udh:
                raise Refused(S.ESME_RINVESMCLASS, "UDHI is set and the text holds no user data header")
        if pdu.tlvs and not udh and _SAR in pdu.tlvs:
            udh = _from_sar(pdu.tlvs)
        data_coding = pdu.data_coding
        account = self._account
        plain = data_coding == 0 and account.default_alphabet == "gsm7" and not account.smart_encoding
        if plain and octets.isascii():  # an octet over 0x7f is not GSM 03.38: decode() takes it for Latin-1
            return 0, udh, octets
        alphabet = alphabet_of(data_coding)
        if alphabet is Alphabet.OCTETS or (alphabet is Alphabet.UCS2 and not account.smart_encoding):
            return data_coding, udh, octets
        if alphabet is Alphabet.GSM7 and data_coding != 0:
            return data_coding, udh, octets  # a message class or a waiting indication travels with the coding
        if data_coding == 1 and octets.translate(None, _IA5):
            # node-smpp writes GSM 03.38 under this coding, and no IA5 text holds such octets.
            text = decode(octets, 0)
        else:
            text = decode(octets, data_coding, account.default_alphabet)
        if account.smart_encoding:
            text = smart_encoding(text)
        coding, payload = fit(text)
        return coding, udh, payload

    def _times(self, pdu: Sm, kind: Kind, now: float) -> tuple[int, int]:
        """(due, expires) in Unix ms: the application's own, else at once and the account's validity."""
        due = now
        if pdu.schedule_delivery_time:
            try:
                due = times.parse(pdu.schedule_delivery_time, now)
            except times.TimeError as error:
                raise Refused(S.ESME_RINVSCHED, f"schedule_delivery_time: {error}") from error
        if pdu.validity_period:
            try:
                expires = times.parse(pdu.validity_period, now)
            except times.TimeError as error:
                raise Refused(S.ESME_RINVEXPIRY, f"validity_period: {error}") from error
            if expires <= due:
                raise Refused(S.ESME_RINVEXPIRY, "validity_period ends before the message may leave")
        else:
            expires = due + self._account.validity[kind]
        return (int(due * 1000) if due > now else 0), int(expires * 1000)

    # ── TLVs ─────────────────────────────────────────────────────────────────────────────────────────────
    def _read_tlvs(self, pdu: Sm, message: Message) -> None:
        tlvs = pdu.tlvs
        for tag, most in _LIMITS:
            if len(tlvs.get(tag, b"")) > most:
                raise Refused(S.ESME_RINVPARLEN, f"TLV {tag:#06x}: at most {most} octets")
        if _REFERENCE in tlvs:
            message.reference = _utf8(tlvs, _REFERENCE)
        if _TAG in tlvs:
            message.tag = _utf8(tlvs, _TAG)
        if _CONSENT in tlvs:
            message.consent = _utf8(tlvs, _CONSENT)
        reference = tlvs.get(_USER_REFERENCE, b"")
        if len(reference) == 2:
            message.user_reference = int.from_bytes(reference, "big")


def _from_sar(tlvs: dict[int, bytes]) -> bytes:
    """The header that the three sar_* TLVs stand for (SMPP 3.4 §5.3.2.22 to 24); b"" unless all are there."""
    reference = tlvs.get(Tag.SAR_MSG_REF_NUM, b"")
    total = tlvs.get(Tag.SAR_TOTAL_SEGMENTS, b"")
    sequence = tlvs.get(Tag.SAR_SEGMENT_SEQNUM, b"")
    if len(reference) != 2 or len(total) != 1 or len(sequence) != 1 or not 1 <= sequence[0] <= total[0]:
        return b""
    return concat_header(int.from_bytes(reference, "big"), total[0], sequence[0], wide=True)


def _narrow(udh: bytes) -> bytes:
    concat = concat_of(udh)
    return concat_header(concat.reference, concat.total, concat.sequence) if concat is not None else udh


def _fits(udh: bytes, data_coding: int, payload: bytes) -> bool:
    """Whether a part that the application has made is no longer than a segment (TS 23.040 §9.2.3.24.1)."""
    if alphabet_of(data_coding) is Alphabet.GSM7:
        return -(-len(udh) * 8 // 7) + len(payload) <= 160
    return len(udh) + len(payload) <= 140


def group_of(message: Message) -> str:
    """The key of a text that the application has split itself; "" when it has not."""
    if not message.udh:
        return ""
    concat = concat_of(message.udh)
    if concat is None or not concat.valid or concat.total < 2:
        return ""
    return f"{message.source} {message.destination} {concat.reference} {concat.total}"


def _utf8(tlvs: dict[int, bytes], tag: int) -> str:
    try:
        return tlvs.get(tag, b"").rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise Refused(S.ESME_RINVOPTPARAMVAL, f"TLV {tag:#06x} must be UTF-8") from error


def _show(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")
