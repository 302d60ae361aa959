"""Messages through the simulated modem: submits and their reports, MO, memories, +CNMI, text mode; what goes wrong."""

import pytest
from sim_client import HANDSET, Client

from drivers.modem.sim_faults import Fault
from drivers.sms.tpdu import decode_received, split_smsc

PDU = "0031000B913316325476F80000FF0BC337B90C8AC966B49A0D"  # Code 123456 to HANDSET, a report asked for


def received(lines):
    """The TPDUs among lines."""
    return [decode_received(split_smsc(bytes.fromhex(line))[1]) for line in lines if line.startswith("07")]


# ── submits ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("smsc", ["00", "07913306091093F0"])
def test_a_submit_takes_its_time_and_is_decoded(smsc):
    client = Client(submit=4.0, mr=254)
    assert client.write("AT+CMGS=24\r") == "\r\n> "
    assert client.write(smsc + PDU[2:]) == ""
    assert client.write("\x1a") == ""
    assert client.write("AT\r") == ""  # waits: one thing at a time
    assert client.later(3.9) == []
    assert client.later(0.1) == ["+CMGS: 254", "OK", "OK"]
    (taken,) = client.submitted
    assert (taken.destination, taken.text, taken.submit.status_report) == (HANDSET, "Code 123456", True)
    assert [client.submit(), client.submit()] == [["+CMGS: 255", "OK"], ["+CMGS: 0", "OK"]]


@pytest.mark.parametrize(
    ("behaviour", "length", "body", "answer"),
    [
        ({}, 23, PDU, "+CMS ERROR: 304"),
        ({}, 24, PDU[:-2], "+CMS ERROR: 304"),
        ({}, 24, "no hex", "+CMS ERROR: 304"),
        ({}, 24, "", "+CMS ERROR: 304"),
        ({"smsc": ""}, 24, PDU, "+CMS ERROR: 330"),
        ({"registration": 3}, 24, PDU, "+CMS ERROR: 331"),
    ],
)
def test_what_is_not_submitted(behaviour, length, body, answer):
    client = Client(**behaviour)
    client.write(f"AT+CMGS={length}\r")
    assert answer in client.write(body + "\x1a")
    assert client.later(10) == []
    assert client.submitted == []


def test_escape_leaves_the_prompt():
    client = Client()
    client.write("AT+CMGS=24\r" + PDU)
    assert client.write("\x1b") == "\r\nOK\r\n"
    assert client.submitted == []
    assert client.submit() == ["+CMGS: 0", "OK"]


@pytest.mark.parametrize(
    ("kind", "answer", "taken"),
    [
        ("refused", ["+CMS ERROR: 38"], 0),
        ("false-error", ["+CMS ERROR: 500"], 1),
        ("lost-answer", [], 1),
        ("lost-submit", [], 0),
    ],
)
def test_submits_that_go_wrong(kind, answer, taken):
    client = Client(Fault(kind))
    assert client.submit() == answer
    assert client.later(60) == []
    assert len(client.submitted) == taken
    assert client.submit() == [f"+CMGS: {taken}", "OK"]


def test_a_reset_in_the_middle_of_a_submit_leaves_it_taken_or_not():
    taken = []
    for seed in range(20):
        client = Client(Fault("reset", at=1.0), submit=2.0, seed=seed)
        client.submit()
        client.later(10)
        taken.append(len(client.submitted))
    assert set(taken) == {0, 1}


def test_written_first_and_sent_from_the_memory():
    client = Client()
    client.write("AT+CMGW=24\r")
    assert client.write(PDU + "\x1a") == "\r\n+CMGW: 1\r\n\r\nOK\r\n"
    assert client.says("+CMSS=1") == []
    assert client.later(0.2) == ["+CMSS: 0", "OK"]
    assert client.submitted[0].text == "Code 123456"
    assert client.says("+CMSS=9") == ["+CMS ERROR: 321"]


# ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_report_is_stored_and_read():
    client = Client()
    client.says("+CNMI=2,1,0,2,0")
    client.submit()
    assert client.later(1) == ['+CDSI: "SM",1']
    head, pdu, ok = client.says("+CMGR=1")
    assert (head, ok) == ("+CMGR: 0,,25", "OK")
    (report,) = received([pdu])
    assert (report.reference, report.recipient, report.status) == (0, HANDSET, 0)
    assert client.says("+CMGR=1")[0] == "+CMGR: 1,,25"


def test_a_report_is_shown_at_once_or_dropped():
    client = Client()
    client.submit()
    assert client.later(60) == []
    client.says("+CNMI=2,1,0,1,0")
    client.submit()
    head, pdu = client.later(1)
    assert head == "+CDS: 25"
    assert received([pdu])[0].reference == 1


def test_reports_by_recipient_and_none_unless_asked():
    client = Client()
    client.says("+CNMI=2,1,0,1,0")
    client.modem.state.network.outcomes = {HANDSET: (0x30, 0x46)}
    client.submit()
    assert [report.status for report in received(client.later(5))] == [0x30, 0x46]
    client.submit(report=False)
    assert client.later(60) == []


@pytest.mark.parametrize(
    ("kind", "before", "soon", "later"),
    [
        ("report-early", 1, 0, 0),
        ("report-twice", 0, 2, 0),
        ("report-late", 0, 0, 1),
        ("report-none", 0, 0, 0),
    ],
)
def test_reports_that_go_wrong(kind, before, soon, later):
    client = Client(Fault(kind, seconds=30))
    client.says("+CNMI=2,1,0,1,0")
    answer = client.submit()
    assert answer[-2:] == ["+CMGS: 0", "OK"]
    assert [len(received(heard)) for heard in (answer, client.later(2), client.later(60))] == [
        before,
        soon,
        later,
    ]


def test_reports_in_another_order_with_a_national_number():
    client = Client(report_jitter=50.0, report_national=True)
    client.says("+CNMI=2,1,0,1,0")
    heard = [line for _ in range(20) for line in client.submit()]
    reports = received(heard + client.later(60))
    references = [report.reference for report in reports]
    assert references != sorted(references)
    assert sorted(references) == list(range(20))
    assert {report.recipient for report in reports} == {"0612345678"}


# ── messages from handsets ──────────────────────────────────────────────────────────────────────────────────
def test_an_mo_is_stored_shown_or_only_stored():
    client = Client()
    assert client.mo() == []
    client.says("+CNMI=2,1,0,0,0")
    assert client.mo() == ['+CMTI: "SM",2']
    client.says("+CNMI=2,2,0,0,0")
    head, pdu = client.mo("Ça va ?", "+33600000009")
    assert head.startswith("+CMT: ,")
    (mo,) = received([pdu])
    assert mo.source == "+33600000009"
    assert [one.payload for one in received(client.says("+CMGL=4"))] == [b"STOP", b"STOP"]


def test_a_long_mo_comes_in_parts():
    client = Client()
    client.mo("Привет " * 20)
    parts = received(client.says("+CMGL=4"))
    assert len(parts) == 3
    assert b"".join(part.payload for part in parts).decode("utf-16-be") == "Привет " * 20


def test_a_full_memory_keeps_messages_in_the_network():
    client = Client(Fault("full", at=1))
    client.says("+CNMI=2,1,0,2,0")
    client.later(1)
    assert client.says("+CPMS?") == ['+CPMS: "SM",30,30,"SM",30,30,"SM",30,30', "OK"]
    assert client.mo() == []
    assert client.says("+CMGD=4") == ["OK", '+CMTI: "SM",4']
    assert received(client.says("+CMGR=4"))[0].payload == b"STOP"


def test_with_csms_1_the_next_waits_for_cnma():
    client = Client(ack=15.0)
    client.says("+CSMS=1;+CNMI=2,2,0,0,0")
    assert len(client.mo("one")) == 2
    assert client.mo("two") == []
    client.later(10)
    said = client.says("+CNMA")
    assert said[0] == "OK"
    assert [one.payload for one in received(said)] == [b"two"]
    client.later(10)  # longer than the first may wait, not than the second
    assert client.says("+CNMI?") == ["+CNMI: 2,2,0,0,0", "OK"]
    client.later(5)
    assert client.says("+CNMI?") == ["+CNMI: 2,0,0,0,0", "OK"]
    assert [one.payload for one in received(client.says("+CMGL=4"))] == [b"two"]
    assert client.says("+CNMA") == ["+CMS ERROR: 340"]


def test_urcs_wait_for_an_answer_unless_they_may_come_inside():
    for inside, first in ((False, []), (True, ['+CMTI: "SM",1'])):
        client = Client(urc_inside=inside, submit=2.0)
        client.says("+CNMI=2,1,0,0,0")
        client.write("AT+CMGS=24\r" + PDU + "\x1a")
        assert client.mo() == first
        assert sorted(first + client.later(2)) == sorted(["+CMGS: 0", "OK", '+CMTI: "SM",1'])


# ── memories and settings ───────────────────────────────────────────────────────────────────────────────────
def test_deleting():
    client = Client()
    for text in ("one", "two", "three"):
        client.mo(text)
    assert client.says("+CMGD=?") == ["+CMGD: (1,2,3),(0-4)", "OK"]
    assert client.says("+CMGD=2") == ["OK"]
    assert client.says("+CMGR=2") == ["+CMS ERROR: 321"]
    client.says("+CMGR=1")
    assert client.says("+CMGD=1,1") == ["OK"]
    assert client.says("+CMGD=?") == ["+CMGD: (3),(0-4)", "OK"]
    assert client.says("+CMGD=99") == ["+CMS ERROR: 321"]


@pytest.mark.parametrize(
    ("arguments", "tests", "ok"),
    [
        (3, '+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', ["ME", "ME", "ME"]),
        (2, '+CPMS: ("SM","ME","SR"),("SM","ME"),()', ["ME", "ME", "SM"]),
        (1, '+CPMS: ("SM","ME","SR"),(),()', ["ME", "SM", "SM"]),
        (0, "+CPMS: (),(),()", ["SM", "SM", "SM"]),
    ],
)
def test_how_many_memories_can_be_chosen(arguments, tests, ok):
    client = Client(storage_arguments=arguments)
    assert client.says("+CPMS=?")[0] == tests
    for count in (3, 2, 1):
        said = client.says("+CPMS=" + ",".join(['"ME"'] * count))
        assert (said[-1] == "OK") is (count <= arguments)
    client = Client(storage_arguments=arguments)
    if arguments:
        client.says("+CPMS=" + ",".join(['"ME"'] * arguments))
    assert client.modem.state.registers.cpms == ok


def test_cnmi_that_lists_what_it_refuses():
    client = Client(ds_refused="1", mode_refused="2")
    assert "(0,1,2)" in client.says("+CNMI=?")[0]
    assert client.says("+CNMI=2,1,0,0,0") == ["+CMS ERROR: 303"]
    assert client.says("+CNMI=1,1,0,1,0") == ["+CMS ERROR: 303"]
    assert client.says("+CNMI=1,1,0,2,0") == ["OK"]


def test_text_mode():
    client = Client()
    client.says("+CMGF=1;+CSMP=49,167,0,0;+CNMI=2,1,0,2,0")
    assert client.write(f'AT+CMGS="{HANDSET}"\r') == "\r\n> "
    client.write("Bonjour\x1a")
    assert client.later(0.2) == ["+CMGS: 0", "OK"]
    (taken,) = client.submitted
    assert (taken.destination, taken.text, taken.submit.status_report) == (HANDSET, "Bonjour", True)
    assert client.later(1) == ['+CDSI: "SM",1']
    client.mo("Oui")
    report, head, text, ok = client.says('+CMGL="ALL"')
    assert report.startswith(f'+CMGL: 1,"REC UNREAD",6,0,"{HANDSET}",145,"26/')
    assert head.startswith(f'+CMGL: 2,"REC UNREAD","{HANDSET}",,"26/')
    assert (text, ok) == ("Oui", "OK")
    assert client.says('+CMGL="REC UNREAD"') == ["OK"]
    client.says('+CSCS="UCS2"')
    assert client.says("+CMGR=2")[1] == "004F00750069"


def test_handsets_reply_by_themselves():
    client = Client(mo_every=2, mo_text="STOP", mo_delay=1.0)
    for to in ("+33600000001", "+33600000002"):
        client.submit(to=to)
    client.later(2)
    (mo,) = received(client.says("+CMGL=4"))
    assert (mo.source, mo.payload) == ("+33600000002", b"STOP")
