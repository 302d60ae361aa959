"""The builders: what they refuse, and that smpplib, which is not ours, reads what we build and we what it builds."""

import pytest
from smpplib import smpp as peer

from drivers.smpp import codec
from drivers.smpp.pdu import BadPdu, Command, Tag, command_name


@pytest.mark.parametrize(
    ("arguments", "raw"),
    [
        ((4, 0, 7, b"42"), "00000013800000040000000000000007343200"),
        ((5, 0, 7, b""), "0000001180000005000000000000000700"),
        ((4, 0x58, 7, b"42"), "00000010800000040000005800000007"),
        ((0x80000004, 0, 0xFFFFFFFF, None), "000000108000000400000000ffffffff"),
    ],
)
def test_response(arguments, raw):
    assert codec.response(*arguments).hex() == raw


def test_builders_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="256 octets, at most 255; send it as message_payload"):
        codec.sm_body(b"\0\0\0", b"\0\0\0", bytes(256))
    with pytest.raises(ValueError, match="NUL"):
        codec.address(1, 1, b"336\0")
    with pytest.raises(ValueError, match="at most 64"):
        codec.address(1, 1, b"3" * 65)
    with pytest.raises(ValueError, match="system_id: 16 octets; at most 15"):
        codec.bind_body(b"x" * 16, b"")
    with pytest.raises(TypeError, match="never understood"):
        codec.encode(BadPdu(4, 1, 2, "cut", None))


SOURCE, DESTINATION = (5, 0, b"CHAPPE"), (1, 1, b"33612345678")


class PeerClient:
    """All that smpplib's PDUs ask of the client they belong to."""

    sequence = 76

    def next_sequence(self):
        return 77


TEXTS = [
    {"short_message": b"hello"},
    {"short_message": b"", "data_coding": 8},
    {"short_message": "é€😀".encode("utf-16-be"), "data_coding": 8, "registered_delivery": 1},
    {"short_message": b"\x05\x00\x03\x2a\x02\x01part one", "esm_class": 0x40, "priority_flag": 3},
    {"short_message": b"x" * 254, "service_type": b"WAP", "protocol_id": 0x40},
    {"short_message": b"t", "validity_period": b"000000003000000R", "replace_if_present_flag": 1},
    {"short_message": b"t", "schedule_delivery_time": b"260101000000000+", "sm_default_msg_id": 3},
]


@pytest.mark.parametrize("fields", TEXTS)
@pytest.mark.parametrize("command", ["submit_sm", "deliver_sm"])
def test_smpplib_reads_what_we_build(command, fields):
    reference = codec.tlv(Tag.USER_MESSAGE_REFERENCE, b"\x12\x34")
    body = codec.sm_body(codec.address(*SOURCE), codec.address(*DESTINATION), tlvs=reference, **fields)
    raw = codec.frame(Command[command.upper()], 77, body)
    theirs = peer.parse_pdu(raw, client=PeerClient(), allow_unknown_opt_params=True)
    assert (theirs.command, theirs.sequence, theirs.status) == (command, 77, 0)
    assert (theirs.source_addr, theirs.destination_addr) == (SOURCE[2], DESTINATION[2])
    assert (theirs.source_addr_ton, theirs.source_addr_npi) == SOURCE[:2]
    for name, value in fields.items():
        assert (getattr(theirs, name) or type(value)()) == value, name
    assert theirs.user_message_reference == 0x1234


@pytest.mark.parametrize("fields", TEXTS)
@pytest.mark.parametrize("command", ["submit_sm", "deliver_sm"])
def test_we_read_what_smpplib_builds(command, fields):
    # it takes its C-octet strings as str, and its octet strings as bytes
    theirs_fields = {
        name: value.decode() if isinstance(value, bytes) and name != "short_message" else value
        for name, value in fields.items()
    }
    theirs = peer.make_pdu(
        command,
        client=PeerClient(),
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr=SOURCE[2].decode(),
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=DESTINATION[2].decode(),
        user_message_reference=0x1234,
        **theirs_fields,
    )
    (ours,), _ = codec.decode(theirs.generate())
    assert command_name(ours.command_id) == command
    assert (ours.source_addr_ton, ours.source_addr_npi, ours.source_addr) == SOURCE
    assert (ours.dest_addr_ton, ours.dest_addr_npi, ours.destination_addr) == DESTINATION
    for name, value in fields.items():
        assert getattr(ours, name) == value, name
    assert ours.tlvs == {Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"}


@pytest.mark.parametrize("command", ["bind_transmitter", "bind_receiver", "bind_transceiver"])
def test_smpplib_and_binds(command):
    body = codec.bind_body(b"shop", b"secret", b"type", address_range=b"^33")
    theirs = peer.parse_pdu(codec.frame(Command[command.upper()], 1, body), client=PeerClient())
    assert (theirs.system_id, theirs.password, theirs.system_type) == (b"shop", b"secret", b"type")
    assert (theirs.interface_version, theirs.address_range) == (0x34, b"^33")


@pytest.mark.parametrize(("status", "message_id"), [(0, b"0123456789abcdef"), (0, b""), (0x58, None)])
def test_smpplib_reads_our_responses(status, message_id):
    raw = codec.response(Command.SUBMIT_SM, status, 5, message_id)
    theirs = peer.parse_pdu(raw, client=PeerClient())
    assert (theirs.command, theirs.sequence, theirs.status) == ("submit_sm_resp", 5, status)
    assert (theirs.message_id or b"") == (message_id or b"")
