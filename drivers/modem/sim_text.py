"""Text mode of a simulated modem (+CMGF=1, TS 27.005 §3): TPDUs as lines, lines as TPDUs.

Only what clients use: ALL and REC UNREAD lists, reports in their own form, +CSCS "UCS2" as hex. Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from drivers.modem.sim_network import QUARTERS, text_of
from drivers.modem.sim_storage import Stored
from drivers.sms.alphabet import Alphabet, alphabet_of, fit
from drivers.sms.tpdu import Submit, decode_deliver, decode_status_report, decode_submit, encode_submit
from drivers.sms.user_data import data_coding_of

__all__ = ["STATUSES", "charset_decoded", "charset_encoded", "direct", "read_line", "stamp", "submit_of"]

STATUSES = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT")
_ZONE = timezone(timedelta(minutes=15 * QUARTERS))


def stamp(unix: float) -> str:
    """`22/11/26,14:05:09+04`: year first, the zone in quarters of an hour."""
    return datetime.fromtimestamp(unix, UTC).astimezone(_ZONE).strftime(f"%y/%m/%d,%H:%M:%S+{QUARTERS:02}")


def charset_encoded(text: str, charset: str) -> str:
    """A string as +CSCS says."""
    return text.encode("utf-16-be").hex().upper() if charset == "UCS2" else text


def charset_decoded(text: str, charset: str) -> str:
    """What the client meant. Raises ValueError for hex that is none."""
    return bytes.fromhex(text).decode("utf-16-be") if charset == "UCS2" else text


def _body(data_coding: int, udh: bytes, payload: bytes, charset: str) -> str:
    if udh or alphabet_of(data_coding_of(data_coding)) is not Alphabet.GSM7:
        return (udh + payload).hex().upper()
    return charset_encoded(text_of(data_coding, udh, payload), charset)


def _report(tpdu: bytes) -> str:
    report = decode_status_report(tpdu)
    kind = 145 if report.recipient.startswith("+") else 129
    times = f'"{stamp(report.sent_at)}","{stamp(report.done_at)}"'
    return f'6,{report.reference},"{report.recipient}",{kind},{times},{report.status}'


def read_line(prefix: str, message: Stored, charset: str) -> str:
    """One stored message, for +CMGR and +CMGL: prefix is `+CMGR: ` or `+CMGL: 3,`."""
    status = STATUSES[message.status]
    if message.report:
        return f'{prefix}"{status}",{_report(message.tpdu)}'
    if message.status > 1:
        submit = decode_submit(message.tpdu)
        body = _body(submit.data_coding, submit.udh, submit.payload, charset)
        return f'{prefix}"{status}","{charset_encoded(submit.destination, charset)}",\r\n{body}'
    deliver = decode_deliver(message.tpdu)
    body = _body(deliver.data_coding, deliver.udh, deliver.payload, charset)
    source = charset_encoded(deliver.source, charset)
    return f'{prefix}"{status}","{source}",,"{stamp(deliver.sent_at)}"\r\n{body}'


def direct(tpdu: bytes, charset: str, *, report: bool) -> str:
    """A message routed to the client without being stored: +CDS or +CMT."""
    if report:
        return f"+CDS: {_report(tpdu)}"
    deliver = decode_deliver(tpdu)
    body = _body(deliver.data_coding, deliver.udh, deliver.payload, charset)
    return f'+CMT: "{charset_encoded(deliver.source, charset)}",,"{stamp(deliver.sent_at)}"\r\n{body}'


def submit_of(destination: str, text: str, charset: str, csmp: list[int]) -> bytes:
    """The SMS-SUBMIT of a text typed at the prompt, with what +CSMP says. Raises ValueError."""
    coding, payload = fit(charset_decoded(text, charset))
    number = charset_decoded(destination, charset)
    return encode_submit(
        Submit(number, coding, b"", payload, 0, status_report=bool(csmp[0] & 0x20), protocol_id=csmp[2])
    )
