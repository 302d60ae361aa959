"""The rarer operations: each goes to octets and back, and each limit answers with its own status."""

import pytest
from records import fields

from drivers.smpp import codec
from drivers.smpp.pdu import (
    AlertNotification,
    BadPdu,
    Bind,
    Cancel,
    Command,
    CommandStatus,
    Outbind,
    Plain,
    Query,
    Replace,
    Sm,
    SubmitMulti,
    Tag,
)

HEAD = (0, 77)
FROM, TO = (5, 0, b"CHAPPE"), (1, 1, b"33612345678")
TLVS = {Tag.CLIENT_REFERENCE: b"abc", 0x7FFF: b""}
TEXT = Sm(0x21, *HEAD, b"", *FROM, 0, 0, b"", 0, 0, 1, b"", b"", 1, 0, 8, 0, b"\0A", TLVS)

RECORDS = [
    Bind(Command.BIND_TRANSCEIVER, *HEAD, b"shop", b"secret", b"", 0x34, 1, 1, b"^33", TLVS),
    Outbind(Command.OUTBIND, *HEAD, b"smsc", b"secret"),
    Query(Command.QUERY_SM, *HEAD, b"42", *FROM),
    Cancel(Command.CANCEL_SM, *HEAD, b"", b"42", *FROM, *TO),
    Replace(Command.REPLACE_SM, *HEAD, b"42", *FROM, b"260101000000000+", b"", 1, 0, b"new"),
    AlertNotification(Command.ALERT_NOTIFICATION, *HEAD, *TO, *FROM, {Tag.MS_AVAILABILITY_STATUS: b"\1"}),
    Sm(Command.DATA_SM, *HEAD, b"", *FROM, *TO, 0, 0, 0, b"", b"", 1, 0, 8, 0, b"", {0x0424: b"\0A"}),
    SubmitMulti(Command.SUBMIT_MULTI, *HEAD, [TO, b"friends"], TEXT),
    Plain(Command.UNBIND, *HEAD),
]


def values(record):
    found = fields(record)
    if isinstance(record, SubmitMulti):
        found["sm"] = values(record.sm)
    return type(record), found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_round_trip(record):
    (again,), _ = codec.decode(codec.encode(record))
    assert values(again) == values(record)


@pytest.mark.parametrize("record", RECORDS[:-1], ids=lambda record: type(record).__name__)
def test_a_body_cut_short_is_a_value(record):
    body = codec.encode(record)[16:]
    whole = len(body) - len(codec.tlvs_octets(getattr(record, "tlvs", None) or {}))
    if isinstance(record, SubmitMulti):
        whole -= len(codec.tlvs_octets(TLVS))
    for cut in range(whole):
        (pdu,), _ = codec.decode(codec.frame(record.command_id, 5, body[:cut]))
        assert type(pdu) is BadPdu, cut
        assert pdu.status != CommandStatus.ESME_ROK


LONG = b"x" * 65
S = CommandStatus


@pytest.mark.parametrize(
    ("record", "status", "word"),
    [
        (Query(3, *HEAD, LONG, *FROM), S.ESME_RINVMSGID, "message_id"),
        (Query(3, *HEAD, b"1", 1, 1, b"1" * 21), S.ESME_RINVSRCADR, "source_addr"),
        (Cancel(8, *HEAD, b"sevens7", b"1", *FROM, *TO), S.ESME_RINVSERTYP, "service_type"),
        (Cancel(8, *HEAD, b"", b"1", *FROM, 1, 1, b"1" * 21), S.ESME_RINVDSTADR, "destination_addr"),
        (Replace(7, *HEAD, b"1", *FROM, b"26", b"", 0, 0, b""), S.ESME_RINVSCHED, "schedule"),
        (Replace(7, *HEAD, b"1", *FROM, b"", b"26", 0, 0, b""), S.ESME_RINVEXPIRY, "validity"),
        (SubmitMulti(0x21, *HEAD, [(1, 1, b"")], TEXT), S.ESME_RINVDSTADR, "destination_addr"),
        (SubmitMulti(0x21, *HEAD, [b"n" * 21], TEXT), S.ESME_RINVDLNAME, "dl_name"),
    ],
)
def test_each_limit_has_its_status(record, status, word):
    (pdu,), _ = codec.decode(codec.encode(record))
    assert (type(pdu), pdu.status, pdu.command_id) == (BadPdu, status, record.command_id)
    assert word in pdu.reason
    assert type(pdu.kept) is type(record)


@pytest.mark.parametrize(
    ("field", "length", "status"),
    [(0, 16, S.ESME_RINVSYSID), (1, 65, S.ESME_RINVPASWD), (2, 13, S.ESME_RINVSYSTYP)],
)
def test_binds_have_limits_and_long_passwords_pass(field, length, status):
    fields = [b"shop", b"p" * 30, b""]
    for octets, bad in ((fields[field], False), (b"x" * length, True)):
        fields[field] = octets
        raw = codec.frame(Command.BIND_RECEIVER, 1, b"%b\0%b\0%b\0\x34\0\0\0" % tuple(fields))
        (pdu,), _ = codec.decode(raw)
        assert isinstance(pdu, BadPdu) == bad
        assert not bad or pdu.status == status


def test_submit_multi_to_nobody():
    body = codec.encode(RECORDS[7])[16:].replace(b"\2\1\1\1" + TO[2] + b"\0\2friends\0", b"\0")
    (pdu,), _ = codec.decode(codec.frame(Command.SUBMIT_MULTI, 1, body))
    assert pdu.status == S.ESME_RINVNUMDESTS
    with pytest.raises(ValueError, match="1 to 254"):
        codec.encode(SubmitMulti(0x21, *HEAD, [], TEXT))


def test_query_result():
    body = codec.query_resp_body(b"42", b"2611221200000000"[:16], 2, 7)
    (pdu,), _ = codec.decode(codec.frame(Command.QUERY_SM_RESP, 1, body))
    assert codec.query_result(pdu) == (b"42", b"2611221200000000", 2, 7)
    (short,), _ = codec.decode(codec.frame(Command.QUERY_SM_RESP, 1, b"42\0"))
    assert codec.query_result(short) is None
