"""SMPP 3.4 PDUs as records, 5.0 where used: one class per shape of PDU, and the protocol's numbers with them.

The only place to import the protocol's definition from; the codec fills these records, everybody else reads
them. Field names are the standard's. C-octet strings are bytes without their NUL, verbatim: nothing becomes
text here. A record is never changed after it is made, and holds no reference to the receive buffer. Here
are those of the hot path; operations.py has the rarer ones, constants.py the numbers.
"""

from __future__ import annotations

from drivers.smpp.constants import RESPONSE, VERSION, Command, CommandStatus, Tag, command_name, status_name
from drivers.smpp.operations import (
    NO_TLVS,
    AlertNotification,
    Bind,
    Cancel,
    Outbind,
    Pdu,
    Query,
    Replace,
)

__all__ = [
    "NO_TLVS",
    "RESPONSE",
    "VERSION",
    "AlertNotification",
    "BadPdu",
    "Bind",
    "Cancel",
    "Command",
    "CommandStatus",
    "Outbind",
    "Pdu",
    "Plain",
    "Query",
    "Replace",
    "Response",
    "Sm",
    "SubmitMulti",
    "Tag",
    "UnknownPdu",
    "command_name",
    "status_name",
]

_PAYLOAD = int(Tag.MESSAGE_PAYLOAD)


class Plain(Pdu):
    """A request that is all header: unbind, enquire_link."""

    __slots__ = ()


class UnknownPdu(Plain):
    """A well framed PDU whose command_id we do not know; its whole body is the tail."""

    __slots__ = ()


class Sm(Pdu):
    """submit_sm, deliver_sm (§4.4, §4.6) and data_sm (§4.7, whose missing fields are b"" and 0).

    tlvs: the first of repeated tags.
    """

    __slots__ = (
        "data_coding",
        "dest_addr_npi",
        "dest_addr_ton",
        "destination_addr",
        "esm_class",
        "priority_flag",
        "protocol_id",
        "registered_delivery",
        "replace_if_present_flag",
        "schedule_delivery_time",
        "service_type",
        "short_message",
        "sm_default_msg_id",
        "source_addr",
        "source_addr_npi",
        "source_addr_ton",
        "tlvs",
        "validity_period",
    )

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        service_type: bytes,
        source_addr_ton: int,
        source_addr_npi: int,
        source_addr: bytes,
        dest_addr_ton: int,
        dest_addr_npi: int,
        destination_addr: bytes,
        esm_class: int,
        protocol_id: int,
        priority_flag: int,
        schedule_delivery_time: bytes,
        validity_period: bytes,
        registered_delivery: int,
        replace_if_present_flag: int,
        data_coding: int,
        sm_default_msg_id: int,
        short_message: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        self.command_id = command_id
        self.command_status = command_status
        self.sequence_number = sequence_number
        self.service_type = service_type
        self.source_addr_ton = source_addr_ton
        self.source_addr_npi = source_addr_npi
        self.source_addr = source_addr
        self.dest_addr_ton = dest_addr_ton
        self.dest_addr_npi = dest_addr_npi
        self.destination_addr = destination_addr
        self.esm_class = esm_class
        self.protocol_id = protocol_id
        self.priority_flag = priority_flag
        self.schedule_delivery_time = schedule_delivery_time
        self.validity_period = validity_period
        self.registered_delivery = registered_delivery
        self.replace_if_present_flag = replace_if_present_flag
        self.data_coding = data_coding
        self.sm_default_msg_id = sm_default_msg_id
        self.short_message = short_message
        self.tlvs = tlvs
        self.tail = tail

    def user_data(self) -> bytes:
        """The text's octets with any user data header: short_message, or the message_payload TLV (§3.2.3)."""
        return self.short_message or self.tlvs.get(_PAYLOAD, b"")


class SubmitMulti(Pdu):
    """submit_multi (§4.5): one text for many.

    destinations: (ton, npi, address) for an SME, or the bare name of a distribution list.
    sm: all the other fields, with an empty destination_addr.
    """

    __slots__ = ("destinations", "sm")

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        destinations: list[tuple[int, int, bytes] | bytes],
        sm: Sm,
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, sm.tail)
        self.destinations = destinations
        self.sm = sm


class Response(Pdu):
    """Any *_resp, and generic_nack. Lenient: a missing body, or a missing NUL, is not an error.

    message_id: the first C-octet string, which is the system_id in bind_*_resp. body: all octets behind the
    header. tlvs: as in Sm.
    """

    __slots__ = ("body", "message_id", "tlvs")

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        message_id: bytes = b"",
        body: bytes = b"",
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        self.command_id = command_id
        self.command_status = command_status
        self.sequence_number = sequence_number
        self.message_id = message_id
        self.body = body
        self.tlvs = tlvs
        self.tail = tail


class BadPdu(Pdu):
    """A header that is sound before a body that is not: a value, so that one bad PDU does not kill a bind.

    status: what to answer. reason: for the log. kept: what could be read, where the whole shape was there
    (a field too long, or a short_message cut by the PDU's end).
    """

    __slots__ = ("kept", "reason", "status")

    def __init__(
        self, command_id: int, sequence_number: int, status: int, reason: str, kept: Pdu | None
    ) -> None:
        super().__init__(command_id, 0, sequence_number)
        self.status = status
        self.reason = reason
        self.kept = kept
