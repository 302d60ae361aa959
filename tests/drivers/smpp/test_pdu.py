"""The records and the protocol's numbers, against the vectors' own table of statuses."""

import json
from pathlib import Path

import pytest
from smpplib import consts

from drivers.smpp import codec
from drivers.smpp.pdu import (
    NO_TLVS,
    RESPONSE,
    Command,
    CommandStatus,
    Plain,
    Sm,
    Tag,
    command_name,
    status_name,
)

STATUSES = json.loads((Path(__file__).parents[2] / "vectors/command_status.json").read_text())["items"]


@pytest.mark.parametrize("item", [i for i in STATUSES if "-" not in i["code"]], ids=lambda item: item["name"])
def test_every_status_of_the_standard_has_its_number(item):
    assert CommandStatus[item["name"]] == int(item["code"], 16)


def test_our_own_statuses_lie_in_the_vendors_range():
    ours = {status.name: int(status) for status in CommandStatus if not status.name.startswith("ESME_")}
    assert ours == {
        "OPTED_OUT": 0x401,
        "WOULD_EXPIRE": 0x402,
        "FREQUENCY_CAP": 0x403,
        "QUOTA_SPENT": 0x404,
        "MENTION_MISSING": 0x405,
        "NO_CONSENT": 0x406,
        "NO_ROUTE": 0x407,
        "REFERENCE_REUSED": 0x408,
        "SUPPRESSED": 0x409,
    }


def test_names():
    assert status_name(0x58) == "ESME_RTHROTTLED"
    assert status_name(0xC0) == "ESME_RINVOPTPARSTREAM"  # 3.4's name, 5.0's being the alias
    assert status_name(0x42E) == "0x0000042e"
    assert command_name(0x80000004) == "submit_sm_resp"
    assert command_name(0x110) == "0x00000110"


def test_every_response_belongs_to_a_request():
    responses = {command for command in Command if command & RESPONSE} - {Command.GENERIC_NACK}
    assert {command_name(command) for command in responses} == {
        f"{command_name(command ^ RESPONSE)}_resp" for command in responses
    }
    unanswered = {
        command for command in Command if command | RESPONSE not in responses and command < RESPONSE
    }
    assert unanswered == {Command.OUTBIND, Command.ALERT_NOTIFICATION}


# smpplib writes two of its tags as 0x01D and 0x010, which are the same numbers
@pytest.mark.parametrize(("name", "number"), consts.OPTIONAL_PARAMS.items())
def test_tags_are_those_of_smpplib(name, number):
    assert Tag[name.upper()] == number


def sm(short_message=b"", tlvs=NO_TLVS):
    return Sm(5, 0, 9, b"", 1, 1, b"1", 1, 1, b"2", 0, 0, 0, b"", b"", 0, 0, 0, 0, short_message, tlvs)


def test_user_data_is_one_field_or_the_other_never_both_joined():
    payload = {Tag.MESSAGE_PAYLOAD: b"long"}
    assert sm(b"short").user_data() == b"short"
    assert sm(b"", payload).user_data() == b"long"
    assert sm(b"short", payload).user_data() == b"short"
    assert sm().user_data() == b""


def test_records_without_tlvs_share_one_dict_that_stays_empty():
    raw = codec.encode(sm(b"hi"))
    (first, second), _ = codec.decode(raw * 2)
    assert first.tlvs is second.tlvs is NO_TLVS
    assert NO_TLVS == {}


def test_a_record_shows_itself_in_the_protocols_words():
    assert repr(sm()) == "<Sm deliver_sm ESME_ROK #9>"
    assert repr(Plain(0x15, 4, 1)) == "<Plain enquire_link ESME_RINVBNDSTS #1>"
