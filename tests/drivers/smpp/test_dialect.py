"""Dialect files: the shipped ones, and every way in which one can be wrong."""

import tomllib
from pathlib import Path

import pytest

from drivers.bearer import MessageState, Remedy
from drivers.smpp import receipt
from drivers.smpp.dialect import ALWAYS_FINAL, FIELDS, STANDARD, DialectError, load, parse

SHIPPED = Path(__file__).parents[3] / "config/dialects"
NAMES = sorted(path.stem for path in SHIPPED.glob("*.toml"))


def faults_of(text):
    with pytest.raises(DialectError) as caught:
        parse(text, "carrier.toml")
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def test_standard_toml_says_what_the_code_says():
    assert load("standard", [SHIPPED]) == STANDARD
    data = tomllib.loads((SHIPPED / "standard.toml").read_text())
    assert {word: MessageState[name] for word, name in data["states"].items()} == STANDARD.states
    assert set(data["unknown_subscriber"]["network"]) == STANDARD.unknown_subscriber
    assert [*data["tlv"].values()] == [[*STANDARD.id_tags], [*STANDARD.state_tags], [*STANDARD.code_tags]]


def test_an_empty_file_is_the_standard():
    assert parse("", "empty.toml") == STANDARD


def test_standard_needs_no_file():
    assert load("standard", []) is STANDARD


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_dialect_loads_and_describes_itself(name):
    dialect = load(name, [SHIPPED])
    assert (dialect == STANDARD) is (name == "standard")
    assert tomllib.loads((SHIPPED / f"{name}.toml").read_text())["description"]


@pytest.mark.parametrize(
    ("name", "stat", "state", "final"),
    [
        ("standard", "0", None, False),
        ("numeric-stat", "0", MessageState.DELIVERED, True),
        ("standard", "NOROUTE", None, False),
        ("failure-words", "NOROUTE", MessageState.UNDELIVERABLE, True),
        ("failure-words", "blist", MessageState.REJECTED, True),
        ("standard", "UNKNOWN", MessageState.UNKNOWN, False),
        ("failure-words", "UNKNOWN", MessageState.UNKNOWN, True),
        ("standard", "ACCEPTD", MessageState.ACCEPTED, False),
        ("accepted-is-final", "ACCEPTD", MessageState.ACCEPTED, True),
        ("accepted-is-final", "ENROUTE", MessageState.ENROUTE, False),
    ],
)
def test_what_the_shipped_dialects_change(name, stat, state, final):
    parsed = receipt.parse(f"id:7 stat:{stat} err:000".encode(), {}, load(name, [SHIPPED]))
    assert (parsed.state, parsed.final) == (state, final)


def test_unflagged_is_the_only_shipped_one_that_trusts_text():
    assert [name for name in NAMES if load(name, [SHIPPED]).unflagged] == ["unflagged"]


def test_the_first_folder_wins(tmp_path):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.mkdir()
    theirs.mkdir()
    (mine / "carrier.toml").write_text("[final]\naccepted = true\n")
    (theirs / "carrier.toml").write_text("[final]\nunknown = true\n")
    (theirs / "other.toml").write_text("")
    assert load("carrier", [mine, theirs]).final == ALWAYS_FINAL | {MessageState.ACCEPTED}
    assert load("other", [mine, theirs]) == STANDARD


def test_everything_that_a_file_can_say():
    dialect = parse(
        """
        unflagged_receipts = true
        [final]
        accepted = true
        unknown = true
        [labels]
        err = ["error code", "code"]
        "submit date" = ["Submitted", "submit_date"]
        [states]
        dlvd = "DELIVERED"
        UNKNOWN = "UNDELIVERABLE"
        [unknown_subscriber]
        err = ["001"]
        network = ["1/12"]
        [tlv]
        code = [0x1403, 0x0423]
        [statuses]
        ESME_RSUBMITFAIL = "next_route"
        0x045D = "give_up"
        1119 = "slow_down"
        """,
        "carrier.toml",
    )
    assert dialect.unflagged
    assert dialect.final == ALWAYS_FINAL | {MessageState.ACCEPTED, MessageState.UNKNOWN}
    assert dialect.labels == {"err": ("error code", "code"), "submit date": ("Submitted",)}
    assert dialect.states["DLVD"] is MessageState.DELIVERED
    assert dialect.states["UNKNOWN"] is MessageState.UNDELIVERABLE
    assert dialect.states["DELIVRD"] is MessageState.DELIVERED
    assert dialect.unknown_subscriber == {"001", "1/12", "3/1"}
    assert dialect.code_tags == (0x1403, 0x0423)
    assert dialect.id_tags == (0x001E,)
    assert dialect.statuses == {0x45: Remedy.NEXT_ROUTE, 0x45D: Remedy.GIVE_UP, 0x45F: Remedy.SLOW_DOWN}


def test_other_spellings_of_labels_are_read():
    dialect = parse(
        '[labels]\nerr = ["error code"]\n"done date" = ["finished"]\nid = ["mid"]', "carrier.toml"
    )
    text = b"MID:77 finished:2601020305 stat:UNDELIV Error_Code:12 error code:13 text:mid:78"
    parsed = receipt.parse(text, {}, dialect)
    assert (parsed.id, parsed.done_date, parsed.err, parsed.text) == ("77", "2601020305", "12", b"mid:78")
    assert receipt.parse(text).id == ""


def test_vendor_tags_come_before_the_standards():
    dialect = parse("[tlv]\nid = [0x1400]\nstate = [0x1401]\ncode = [0x1402]", "carrier.toml")
    parsed = receipt.parse(
        b"", {0x1400: b"V\0", 0x001E: b"S\0", 0x1401: b"\5", 0x0427: b"\2", 0x1402: b"612"}, dialect
    )
    assert (parsed.id, parsed.state, parsed.network_error) == ("V", MessageState.UNDELIVERABLE, b"612")
    parsed = receipt.parse(b"", {0x1400: b"", 0x001E: b"S\0", 0x0427: b"\2", 0x0423: b"\3\0\1"}, dialect)
    assert (parsed.id, parsed.state, parsed.network_error) == ("S", MessageState.DELIVERED, b"\3\0\1")


@pytest.mark.parametrize(
    ("err", "network", "unknown"),
    [
        ("", b"\3\0\1", True),
        ("000", b"\3\0\1", True),
        ("001", b"", False),
        ("001", b"\1\0\1", False),
        ("", b"\3\0\0\1", False),
        ("", b"001", False),
        ("3/1", b"", True),
    ],
)
def test_unknown_subscriber_in_the_standard(err, network, unknown):
    assert STANDARD.means_unknown_subscriber(err, network) is unknown


def test_unknown_subscriber_by_err():
    dialect = parse('[unknown_subscriber]\nerr = ["001"]', "carrier.toml")
    assert dialect.means_unknown_subscriber("001", b"")
    assert not dialect.means_unknown_subscriber("01", b"")


def test_every_fault_at_once_with_file_key_and_reason():
    faults = faults_of(
        """
        description = 5
        unflaged_receipts = true
        unflagged_receipts = "yes"
        states = "DELIVRD"
        [final]
        accepted = 1
        enroute = true
        [labels]
        err = "code"
        identifier = ["x"]
        stat = ["status", "Text"]
        [unknown_subscriber]
        err = [1]
        network = ["GSM 1"]
        [tlv]
        id = [0]
        code = "0x1403"
        tag = 5
        [statuses]
        ESME_RSUBMITFAIL = "retry"
        0x45 = "give_up"
        RTHROTTLED = "slow_down"
        0x400 = "wait"
        0x100000000 = "retry"
        0x0 = "retry"
        """
    )
    assert sorted(fault.split(": ")[1] for fault in faults) == sorted(
        [
            *(
                "description",
                "unflaged_receipts",
                "unflagged_receipts",
                "states",
                "final.accepted",
                "final.enroute",
            ),
            *("labels.err", "labels.identifier", "labels.stat", "unknown_subscriber.err"),
            *(
                "unknown_subscriber.network",
                "tlv.id",
                "tlv.code",
                "tlv.tag",
                "statuses.0x45",
                "statuses.RTHROTTLED",
            ),
            *("statuses.0x400", "statuses.0x100000000", "statuses.0x0"),
        ]
    )
    assert all(fault.startswith("carrier.toml: ") for fault in faults)
    assert "carrier.toml: labels.stat: 'text' means 'text' already" in faults


def test_a_state_that_does_not_exist():
    (fault,) = faults_of('[states]\nOK = "DELIVRD"')
    assert fault.startswith("carrier.toml: states.OK: 'DELIVRD' must be one of SCHEDULED, ENROUTE, DELIVERED")


def test_what_is_not_toml():
    (fault,) = faults_of("[final")
    assert fault.startswith("carrier.toml: not TOML: ")


def test_a_file_that_is_not_there_says_which_are(tmp_path):
    with pytest.raises(DialectError, match=r"no orange\.toml in .*there is: accepted-is-final, .*standard"):
        load("orange", [tmp_path, SHIPPED])


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'description = "\xe9"')
    with pytest.raises(DialectError, match=r"latin\.toml: can't be read"):
        load("latin", [tmp_path])


@pytest.mark.parametrize("name", ["../standard", "Standard", "", "a b", "standard.toml"])
def test_names_are_no_paths(name):
    with pytest.raises(DialectError, match="lower-case letters"):
        load(name, [SHIPPED])


def test_label_fields_are_appendix_bs():
    assert set(STANDARD.label_fields.values()) == set(FIELDS)
