"""What lines say: tables, one for each reader; and nothing but Unreadable for what they can't read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modem import answers
from drivers.modem.answers import Unreadable

PDU = "07913306091093F0040B913316325476F80000621122008443000B507999FD0E93CB64500C"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+CMTI: "SM",1', ["SM", "1"]),
        ("+CPIN:READY", ["READY"]),
        ('+COPS: 0,0,"a, b",7', ["0", "0", "a, b", "7"]),
        ("+CMT: ,23", ["", "23"]),
        ('+CUSD: 0,"unfinished', ["0", "unfinished"]),
        ("+CREG:", []),
    ],
)
def test_fields(line, expected):
    assert answers.fields(line) == expected


@pytest.mark.parametrize(
    ("line", "answers_query"),
    [
        ("+CREG: 2,1", True),
        ('+CREG: 2,1,"00C3","0001A2B3",7', True),
        ("+CREG: 0, 5", True),
        ("+CREG: 1", False),
        ('+CREG: 1,"00C3","0001A2B3"', False),
        ("+CREG: 1, 5C9, 39E5", False),
        ("+CEREG: 2,10", True),
    ],
)
def test_registration_answers_are_told_from_urcs_by_arity(line, answers_query):
    assert answers.is_registration(line) is answers_query


@pytest.mark.parametrize(
    ("stat", "registered", "roaming"),
    [(0, False, False), (1, True, False), (2, False, False), (3, False, False), (5, True, True), (6, True, False), (7, True, True)],
)  # fmt: skip
def test_registration(stat, registered, roaming):
    cell = answers.registration(["+CREG: 1", f"+CREG: 2,{stat}"])
    assert (cell.stat, cell.registered, cell.roaming) == (stat, registered, roaming)
    assert cell.words != "unknown"


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["+CPIN:READY"], "READY"),
        (['+CPIN: "SIM PIN"'], "SIM PIN"),
        (["+CPIN: SIM PIN", "+CPIN: READY"], "READY"),
        (["+CPIN:"], ""),
        ([], ""),
    ],
)
def test_sim_state(lines, state):
    assert answers.sim_state(lines) == state


@pytest.mark.parametrize(
    ("line", "tries"),
    [
        ("+CPINR: SIM PIN,3,10", 3),
        ('+QPINC: "SC",2,10', 2),
        ("^CPIN: READY,,10,3,10,3", 3),
        ("+CPINR: SIM PUK,10,10", None),
        ("+CPINR: SIM PIN,many", None),
    ],
)
def test_pin_tries(line, tries):
    assert answers.pin_tries([line]) == tries


@pytest.mark.parametrize(
    ("lines", "digits"),
    [
        (["860000000000018"], "860000000000018"),
        (['+CGSN: "860000000000018"'], "860000000000018"),
        (["Manufacturer", "860000000000018"], "860000000000018"),
        (["ERROR"], ""),
        (["1234"], ""),
    ],
)
def test_digits(lines, digits):
    assert answers.digits_of(lines, 14, 16) == digits


@pytest.mark.parametrize("line", ["+CCID: 8933010000000000018F", "^ICCID: 8933010000000000018F", "8933010000000000018", '+ICCID: "8933010000000000018f"'])  # fmt: skip
def test_iccid_variants(line):
    assert answers.digits_of([line], 18, 22, "0123456789ABCDEF") == "8933010000000000018"


@pytest.mark.parametrize(("line", "dbm"), [("+CSQ: 21,99", -71), ("+CSQ:0,0", -113), ("+CSQ: 31,99", -51), ("+CSQ: 99,99", None)])  # fmt: skip
def test_signal(line, dbm):
    assert answers.signal([line]) == dbm


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        ('+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', [["SM", "ME", "SR"], ["SM", "ME"], ["SM", "ME"]]),
        ('+CPMS: (("SM","BM","SR"),("SM"))', [["SM", "BM", "SR"], ["SM"]]),
        ("+CPMS: (),(),()", []),
    ],
)
def test_memories(line, groups):
    assert answers.memories(line) == groups


@pytest.mark.parametrize(
    "line", ["+CPMS: 3,50,3,50,3,50", '+CPMS: "ME",3,50,"ME",3,50,"ME",3,50', "+CPMS: 3,50"]
)
def test_usage(line):
    assert answers.usage([line]) == (3, 50)


@pytest.mark.parametrize(
    ("line", "mr"), [("+CMGS: 0", 0), ("+CMGS: 255", 255), ('+CMGS: 7,"26/11/22,06:00:00+04"', 7)]
)
def test_reference(line, mr):
    assert answers.reference([line]) == mr


@pytest.mark.parametrize(
    ("line", "length"), [("+CMT: ,23", 23), ('+CMT: "name",23', 23), ("+CDS: 25", 25), ("+CDS: ,25", 25)]
)
def test_pdu_headers(line, length):
    assert answers.pdu_header(line) == length


def test_listed():
    lines = ["+CMGL: 1,0,,29", PDU, "+CMGL: x,0,,29", PDU, '+CMGL: 12,1,"a",25', "AB", "+CMGL: 3,0,,29", PDU]
    found = answers.listed(lines)
    assert [(each.index, each.length, each.pdu) for each in found] == [
        (1, 29, PDU),
        (12, 25, "AB"),
        (3, 29, PDU),
    ]
    assert [(e.index, e.length) for e in answers.listed(["+CMGR: 0,,29", PDU], 7)] == [(7, 29)]
    assert not answers.listed([PDU, "+CMGL: 1,0,,29"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+CUSD: 0,"Solde: 12,34 EUR",15', (0, "Solde: 12,34 EUR")),
        ('+CUSD: 1,"0053006F006C00640065",72', (1, "Solde")),
        ("+CUSD: 2", (2, "")),
        ('+CUSD: 0,"12345678",15', (0, "ሴ噸")),
    ],
)
def test_balance(line, expected):
    assert answers.balance_text(line) == expected


def test_routing_choices():
    assert answers.routing_choices("+CNMI: (0-2),(0,1,2,3),(0,2),(1)") == [
        {0, 1, 2},
        {0, 1, 2, 3},
        {0, 2},
        {1},
    ]


READERS = [answers.registration, answers.signal, answers.usage, answers.reference]


@pytest.mark.parametrize("reader", READERS)
def test_what_can_not_be_read_is_said_with_what_was_expected(reader):
    with pytest.raises(Unreadable, match="expected"):
        reader(["+ABC: nothing"])


@given(st.lists(st.text(max_size=60), max_size=6))
def test_nothing_else_is_raised(lines):
    for reader in [*READERS, answers.sim_state, answers.pin_tries, answers.listed, answers.operator_of]:
        try:
            reader(lines)
        except Unreadable:
            continue
    for line in lines:
        answers.memories(line)
        answers.routing_choices(line)
        answers.is_registration(line)
        for reader in (answers.pdu_header, answers.balance_text):
            try:
                reader(line)
            except Unreadable:
                continue
