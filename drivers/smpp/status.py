"""What a command_status means and what helps against it: SMPP 3.4 §5.1.3 and 5.0 §4.7.6 as one table.

Owns: the name, the remedy and an operator's sentence for every status of both versions.
Promises: every 32-bit number has an answer. An unknown one is RETRY: the gateway's limited tries make it
permanent in the end, and a carrier's dialect may say better.
Never does: count tries, sleep or alarm; it says which of those is called for.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.bearer import Remedy

__all__ = ["NUMBERS", "classify", "describe", "is_fatal_bind", "name"]

RETRY = Remedy.RETRY
SLOW_DOWN = Remedy.SLOW_DOWN
NEXT_ROUTE = Remedy.NEXT_ROUTE
GIVE_UP = Remedy.GIVE_UP

# How a remedy was chosen. RETRY: the SMSC's own trouble. SLOW_DOWN: we are too fast. NEXT_ROUTE: what it
# refuses is an agreement or a setting of this bearer (sender, TON, service_type, TLV, alphabet, credit), so
# another carrier may take the same message. GIVE_UP: the message itself is wrong, or it was judged for the
# recipient, or the status can't answer a submission at all.
_TABLE: dict[int, tuple[str, Remedy, str]] = {
    # 0 can only come here in a generic_nack (OpenMarket documents it): an error without a name.
    0x00: ("ESME_ROK", RETRY, "No error; in a generic_nack it says nothing, so the message is tried again."),
    0x01: (
        "ESME_RINVMSGLEN",
        GIVE_UP,
        "The message is too long for the carrier: send it in shorter segments.",
    ),
    0x02: (
        "ESME_RINVCMDLEN",
        GIVE_UP,
        "The peer found a PDU of wrong length; the session may be out of step.",
    ),
    0x03: ("ESME_RINVCMDID", NEXT_ROUTE, "The carrier does not support this operation."),
    0x04: (
        "ESME_RINVBNDSTS",
        RETRY,
        "The session is not bound for this: it must bind again, as transmitter.",
    ),
    0x05: ("ESME_RALYBND", RETRY, "Already bound: usually our previous connection still lives at the SMSC."),
    0x06: ("ESME_RINVPRTFLG", NEXT_ROUTE, "priority_flag refused by this carrier."),
    0x07: (
        "ESME_RINVREGDLVFLG",
        NEXT_ROUTE,
        "registered_delivery refused: see the bearer's receipts setting.",
    ),
    0x08: ("ESME_RSYSERR", RETRY, "System error at the SMSC: temporary."),
    0x0A: ("ESME_RINVSRCADR", NEXT_ROUTE, "Sender malformed, or not agreed with this carrier."),
    0x0B: ("ESME_RINVDSTADR", GIVE_UP, "The destination is no valid number."),
    0x0C: ("ESME_RINVMSGID", GIVE_UP, "message_id unknown; in a query it may have been purged."),
    0x0D: ("ESME_RBINDFAIL", NEXT_ROUTE, "Bind refused: check credentials, our address, system_type, binds."),
    0x0E: (
        "ESME_RINVPASWD",
        NEXT_ROUTE,
        "Password refused: correct it before the carrier locks the account.",
    ),
    0x0F: ("ESME_RINVSYSID", NEXT_ROUTE, "system_id refused: correct it, or ask the carrier to open it."),
    0x11: ("ESME_RCANCELFAIL", GIVE_UP, "cancel_sm failed: the message has probably ended already."),
    0x13: ("ESME_RREPLACEFAIL", GIVE_UP, "replace_sm failed: the message has probably ended already."),
    # 5.0 allows it for one destination as well, but nothing in the response tells the two apart.
    0x14: ("ESME_RMSGQFUL", SLOW_DOWN, "The SMSC's queue is full, for everybody or for this destination."),
    0x15: ("ESME_RINVSERTYP", NEXT_ROUTE, "service_type refused: see the bearer's service_type."),
    0x33: ("ESME_RINVNUMDESTS", GIVE_UP, "submit_multi: wrong number of destinations."),
    0x34: ("ESME_RINVDLNAME", GIVE_UP, "submit_multi: distribution list unknown."),
    0x40: ("ESME_RINVDESTFLAG", GIVE_UP, "submit_multi: wrong dest_flag."),
    0x42: ("ESME_RINVSUBREP", NEXT_ROUTE, "replace_if_present is not allowed by this carrier."),
    0x43: (
        "ESME_RINVESMCLASS",
        NEXT_ROUTE,
        "esm_class refused, often the UDH: see the bearer's long_messages.",
    ),
    0x44: ("ESME_RCNTSUBDL", GIVE_UP, "submit_multi: distribution lists are not allowed."),
    # Temporary for many (a window overrun for some), policy or credit for others: the dialect may say which.
    0x45: ("ESME_RSUBMITFAIL", RETRY, "Submission failed, without a reason: if it goes on, ask the carrier."),
    0x48: ("ESME_RINVSRCTON", NEXT_ROUTE, "Sender's TON refused: see the bearer's source_ton_npi."),
    0x49: ("ESME_RINVSRCNPI", NEXT_ROUTE, "Sender's NPI refused: see the bearer's source_ton_npi."),
    0x50: ("ESME_RINVDSTTON", NEXT_ROUTE, "Destination's TON refused by this carrier."),
    0x51: ("ESME_RINVDSTNPI", NEXT_ROUTE, "Destination's NPI refused by this carrier."),
    0x53: ("ESME_RINVSYSTYP", NEXT_ROUTE, "system_type refused: see the bearer's system_type."),
    0x54: ("ESME_RINVREPFLAG", NEXT_ROUTE, "replace_if_present_flag refused by this carrier."),
    0x55: ("ESME_RINVNUMMSGS", GIVE_UP, "Wrong number of messages in a query."),
    0x58: (
        "ESME_RTHROTTLED",
        SLOW_DOWN,
        "Over the agreed rate: the bearer pauses; lower its rate if it stays.",
    ),
    # Only useful to another carrier: ours sends no schedule, so this one's clock or parser is at fault.
    0x61: ("ESME_RINVSCHED", NEXT_ROUTE, "schedule_delivery_time refused: compare the clocks."),
    0x62: ("ESME_RINVEXPIRY", NEXT_ROUTE, "validity_period refused: longer than this carrier's maximum."),
    0x63: ("ESME_RINVDFTMSGID", GIVE_UP, "Predefined message unknown."),
    0x64: ("ESME_RX_T_APPN", RETRY, "Temporary error of the receiving application."),
    0x65: ("ESME_RX_P_APPN", GIVE_UP, "Permanent error of the receiving application, for this recipient."),
    0x66: ("ESME_RX_R_APPN", GIVE_UP, "The receiving application rejects this message."),
    0x67: ("ESME_RQUERYFAIL", NEXT_ROUTE, "query_sm failed; on a submission some carriers mean: no credit."),
    0xC0: (
        "ESME_RINVTLVSTREAM",
        NEXT_ROUTE,
        "Optional parameters unreadable: a bug, or something between us.",
    ),
    0xC1: ("ESME_RTLVNOTALLWD", NEXT_ROUTE, "An optional parameter is not allowed by this carrier."),
    0xC2: ("ESME_RINVTLVLEN", NEXT_ROUTE, "An optional parameter has a length that this carrier refuses."),
    0xC3: ("ESME_RMISSINGTLV", NEXT_ROUTE, "An optional parameter is missing for this carrier."),
    0xC4: ("ESME_RINVTLVVAL", NEXT_ROUTE, "An optional parameter has a value that this carrier refuses."),
    0xFE: ("ESME_RDELIVERYFAILURE", GIVE_UP, "Delivery failed; network_error_code may say why."),
    0xFF: ("ESME_RUNKNOWNERR", RETRY, "Unknown error at the SMSC."),
    0x100: ("ESME_RSERTYPUNAUTH", NEXT_ROUTE, "We are not authorised for this service_type."),
    0x101: ("ESME_RPROHIBITED", NEXT_ROUTE, "The carrier prohibits this operation for us."),
    0x102: ("ESME_RSERTYPUNAVAIL", RETRY, "The service is out of order at the SMSC."),
    0x103: ("ESME_RSERTYPDENIED", NEXT_ROUTE, "Denied for this service_type by the carrier."),
    0x104: ("ESME_RINVDCS", NEXT_ROUTE, "data_coding not supported: see the bearer's default_alphabet."),
    0x105: ("ESME_RINVSRCADDRSUBUNIT", NEXT_ROUTE, "source_addr_subunit refused by this carrier."),
    0x106: ("ESME_RINVDSTADDRSUBUNIT", NEXT_ROUTE, "dest_addr_subunit refused by this carrier."),
    0x107: ("ESME_RINVBCASTFREQINT", GIVE_UP, "Cell broadcast: frequency interval."),
    0x108: ("ESME_RINVBCASTALIAS_NAME", GIVE_UP, "Cell broadcast: alias name."),
    0x109: ("ESME_RINVBCASTAREAFMT", GIVE_UP, "Cell broadcast: area format."),
    0x10A: ("ESME_RINVNUMBCAST_AREAS", GIVE_UP, "Cell broadcast: number of areas."),
    0x10B: ("ESME_RINVBCASTCNTTYPE", GIVE_UP, "Cell broadcast: content type."),
    0x10C: ("ESME_RINVBCASTMSGCLASS", GIVE_UP, "Cell broadcast: message class."),
    0x10D: ("ESME_RBCASTFAIL", GIVE_UP, "Cell broadcast failed."),
    0x10E: ("ESME_RBCASTQUERYFAIL", GIVE_UP, "Cell broadcast: query failed."),
    0x10F: ("ESME_RBCASTCANCELFAIL", GIVE_UP, "Cell broadcast: cancel failed."),
    0x110: ("ESME_RINVBCAST_REP", GIVE_UP, "Cell broadcast: number of repeats."),
    0x111: ("ESME_RINVBCASTSRVGRP", GIVE_UP, "Cell broadcast: service group."),
    0x112: ("ESME_RINVBCASTCHANIND", GIVE_UP, "Cell broadcast: channel indicator."),
}

NUMBERS: dict[str, int] = {entry[0]: number for number, entry in _TABLE.items()} | {
    "ESME_RINVOPTPARSTREAM": 0xC0,
    "ESME_ROPTPARNOTALLWD": 0xC1,
    "ESME_RINVPARLEN": 0xC2,
    "ESME_RMISSINGOPTPARAM": 0xC3,
    "ESME_RINVOPTPARAMVAL": 0xC4,
}
"""Every status by its 5.0 name, and by the 3.4 name where that differs: what a dialect file may call it."""

# Refused for a reason that a human must mend: alarm, and bind again after minutes. 5.0 §2.8.1.
_FATAL_BIND = frozenset({0x0D, 0x0E, 0x0F, 0x53})
_NO_OVERRIDES: dict[int, Remedy] = {}


def classify(status: int, table: Mapping[int, Remedy] = _NO_OVERRIDES) -> Remedy:
    """What helps after submit_sm_resp or generic_nack with this status; `table` is the dialect's and wins."""
    remedy = table.get(status)
    if remedy is not None:
        return remedy
    entry = _TABLE.get(status)
    return RETRY if entry is None else entry[1]


def is_fatal_bind(status: int) -> bool:
    """Whether binding again soon is useless, and may lock the account."""
    return status in _FATAL_BIND


def name(status: int) -> str:
    """The 5.0 name, or the number in hexadecimal when the standard gives none."""
    entry = _TABLE.get(status)
    return f"0x{status:08X}" if entry is None else entry[0]


def describe(status: int) -> str:
    """The name, the number and a sentence, for operators."""
    entry = _TABLE.get(status)
    if entry is not None:
        return f"{entry[0]} (0x{status:02X}): {entry[2]}"
    if 0x400 <= status <= 0x4FF:
        return f"vendor status 0x{status:04X}: the carrier's documentation says what it means."
    return f"status 0x{status:08X}: no meaning in SMPP 3.4 or 5.0; ask the carrier."
