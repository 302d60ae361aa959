"""The header that every SMPP PDU has, and the records of the rarer operations: binds, query, cancel, replace.

pdu.py hands these on beside the records of the hot path; see there for the rules that all records keep.
"""

from __future__ import annotations

from drivers.smpp.constants import command_name, status_name

NO_TLVS: dict[int, bytes] = {}
"""The tlvs of every PDU that has none: one shared dict, so never change a PDU's tlvs."""


class Pdu:
    """The header of every PDU (§3.2.1). sequence_number is the peer's, unsigned, whatever it sent.

    tail: octets behind the last field or whole TLV, to be ignored and logged.
    """

    __slots__ = ("command_id", "command_status", "sequence_number", "tail")

    def __init__(self, command_id: int, command_status: int, sequence_number: int, tail: bytes = b"") -> None:
        self.command_id = command_id
        self.command_status = command_status
        self.sequence_number = sequence_number
        self.tail = tail

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {command_name(self.command_id)} "
            f"{status_name(self.command_status)} #{self.sequence_number}>"
        )


class Bind(Pdu):
    """bind_transmitter, bind_receiver, bind_transceiver (§4.1); command_id tells which."""

    __slots__ = (
        "addr_npi",
        "addr_ton",
        "address_range",
        "interface_version",
        "password",
        "system_id",
        "system_type",
        "tlvs",
    )

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        system_id: bytes,
        password: bytes,
        system_type: bytes,
        interface_version: int,
        addr_ton: int,
        addr_npi: int,
        address_range: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, tail)
        self.system_id = system_id
        self.password = password
        self.system_type = system_type
        self.interface_version = interface_version
        self.addr_ton = addr_ton
        self.addr_npi = addr_npi
        self.address_range = address_range
        self.tlvs = tlvs


class Outbind(Pdu):
    """outbind (§4.1.7): the SMSC asks us to bind as a receiver. It has no response."""

    __slots__ = ("password", "system_id", "tlvs")

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        system_id: bytes,
        password: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, tail)
        self.system_id = system_id
        self.password = password
        self.tlvs = tlvs


class Query(Pdu):
    """query_sm (§4.8)."""

    __slots__ = ("message_id", "source_addr", "source_addr_npi", "source_addr_ton", "tlvs")

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        message_id: bytes,
        source_addr_ton: int,
        source_addr_npi: int,
        source_addr: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, tail)
        self.message_id = message_id
        self.source_addr_ton = source_addr_ton
        self.source_addr_npi = source_addr_npi
        self.source_addr = source_addr
        self.tlvs = tlvs


class Cancel(Pdu):
    """cancel_sm (§4.9): by message_id, or by both addresses when that is empty."""

    __slots__ = (
        "dest_addr_npi",
        "dest_addr_ton",
        "destination_addr",
        "message_id",
        "service_type",
        "source_addr",
        "source_addr_npi",
        "source_addr_ton",
        "tlvs",
    )

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        service_type: bytes,
        message_id: bytes,
        source_addr_ton: int,
        source_addr_npi: int,
        source_addr: bytes,
        dest_addr_ton: int,
        dest_addr_npi: int,
        destination_addr: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, tail)
        self.service_type = service_type
        self.message_id = message_id
        self.source_addr_ton = source_addr_ton
        self.source_addr_npi = source_addr_npi
        self.source_addr = source_addr
        self.dest_addr_ton = dest_addr_ton
        self.dest_addr_npi = dest_addr_npi
        self.destination_addr = destination_addr
        self.tlvs = tlvs


class Replace(Pdu):
    """replace_sm (§4.10): new text and times for a message not sent yet."""

    __slots__ = (
        "message_id",
        "registered_delivery",
        "schedule_delivery_time",
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
        message_id: bytes,
        source_addr_ton: int,
        source_addr_npi: int,
        source_addr: bytes,
        schedule_delivery_time: bytes,
        validity_period: bytes,
        registered_delivery: int,
        sm_default_msg_id: int,
        short_message: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, tail)
        self.message_id = message_id
        self.source_addr_ton = source_addr_ton
        self.source_addr_npi = source_addr_npi
        self.source_addr = source_addr
        self.schedule_delivery_time = schedule_delivery_time
        self.validity_period = validity_period
        self.registered_delivery = registered_delivery
        self.sm_default_msg_id = sm_default_msg_id
        self.short_message = short_message
        self.tlvs = tlvs


class AlertNotification(Pdu):
    """alert_notification (§4.12): the handset can be reached again. It has no response."""

    __slots__ = (
        "esme_addr",
        "esme_addr_npi",
        "esme_addr_ton",
        "source_addr",
        "source_addr_npi",
        "source_addr_ton",
        "tlvs",
    )

    def __init__(
        self,
        command_id: int,
        command_status: int,
        sequence_number: int,
        source_addr_ton: int,
        source_addr_npi: int,
        source_addr: bytes,
        esme_addr_ton: int,
        esme_addr_npi: int,
        esme_addr: bytes,
        tlvs: dict[int, bytes] = NO_TLVS,
        tail: bytes = b"",
    ) -> None:
        super().__init__(command_id, command_status, sequence_number, tail)
        self.source_addr_ton = source_addr_ton
        self.source_addr_npi = source_addr_npi
        self.source_addr = source_addr
        self.esme_addr_ton = esme_addr_ton
        self.esme_addr_npi = esme_addr_npi
        self.esme_addr = esme_addr
        self.tlvs = tlvs
