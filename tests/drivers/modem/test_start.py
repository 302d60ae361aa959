"""Initialisation, memories, routing and network against modems that are tables: order, fallbacks, remedies."""

import pytest
from modem_script import Talk, play

from drivers.modem import network, storage
from drivers.modem.answers import Cell
from drivers.modem.commands import ROUTINGS, At, Timings
from drivers.modem.facts import Facts
from drivers.modem.profile import Quirks
from drivers.modem.script import Escape, Silent, Trouble, resync
from drivers.modem.start import Plan, start

T = Timings()
AT = At(T)
GOOD = {
    "AT": "OK", "ATE0": "OK", "AT+CMEE=1": "OK", "AT+CGMI": "SIMCOM", "AT+CGMM": "SIM7600", "AT+CGMR": "1.0",
    "AT+CGSN": "860000000000018", "AT+CCID": "+CCID: 8933010000000000018", "AT+CPIN?": "+CPIN: READY",
    "AT+CIMI": "208011234567890", 'AT+CSCS="GSM"': "OK", "AT+CSMS=0": "OK", "AT+CMGF=0": "OK",
    "AT+CPMS=?": '+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', 'AT+CPMS="ME","ME","ME"': "+CPMS: 1,50,1,50,1,50",
    "AT+CNMI=2,1,0,2,0": "OK", "AT+CSCA?": '+CSCA: "+33609001390",145', "AT+CLIP=0": "OK",
    "AT+CNUM": '+CNUM: "","+33700000001",145',
}  # fmt: skip


def plan(imei=None, service_centre="", quirks=None, noise=lambda: 0, number=""):
    return Plan("[bearers.x.link]", "", imei, service_centre, number, quirks or Quirks(), noise)


def begun(table, given=None):
    return play(start(AT, T, given or plan()), Talk({**GOOD, **table}))


def trouble(table, given=None):
    with pytest.raises(Trouble) as caught:
        begun(table, given)
    assert caught.value.detail
    return caught.value.reason


def test_in_order():
    facts, talk = begun({})
    assert isinstance(talk.log[0], Escape)
    order = ["AT", "ATE0", "AT+CMEE=1", "AT+CGMI", "AT+CCID", "AT+CPIN?", "AT+CIMI", "AT+CMGF=0", "AT+CPMS=?",
             "AT+CNMI=2,1,0,2,0", "AT+CSCA?", "AT+CLIP=0"]  # fmt: skip
    places = [talk.asked.index(each) for each in order]
    assert places == sorted(places)
    assert (facts.imei, facts.iccid, facts.imsi) == (
        "860000000000018",
        "8933010000000000018",
        "208011234567890",
    )
    assert (facts.model, facts.number, facts.service_centre) == ("SIM7600", "+33700000001", "+33609001390")
    assert facts.reads == ["ME", "SM", "SR"]
    assert facts.reports


def test_the_first_at_may_go_unanswered():
    assert begun({"AT": [None, None, "OK"]})[0].imei


def test_a_modem_that_refuses_at_is_there_all_the_same():
    assert begun({"AT": "ERROR", "AT+CMEE=1": "ERROR"})[0].imei


@pytest.mark.parametrize("name", ["+QCCID", "+ICCID", "^ICCID?"])
def test_the_iccid_is_asked_for_in_every_language(name):
    said = f"{name.rstrip('?')}: 8933010000000000018F"
    assert begun({"AT+CCID": "ERROR", f"AT{name}": said})[0].iccid == "8933010000000000018"


def test_an_iccid_that_only_comes_after_the_pin():
    assert begun({"AT+CCID": ["+CME ERROR: 11", "8933010000000000018"]})[0].iccid


def test_a_busy_sim_is_waited_for():
    facts, talk = begun({"AT+CSCA?": ["+CMS ERROR: 314", "+CME ERROR: 14", '+CSCA: "+33609001390",145']})
    assert facts.service_centre
    assert talk.paused > T.retry


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"AT+CMGF=0": "ERROR"}, "modem.no_pdu_mode"),
        (dict.fromkeys(["AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN"], "ERROR"), "modem.not_a_modem"),
        (dict.fromkeys(["AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN"], "OK"), "modem.says_only_ok"),
        ({"AT+CPIN?": "+CME ERROR: 10"}, "sim.absent"),
    ],
)
def test_what_it_can_not_do_without(table, reason):
    assert trouble(table) == reason


def test_another_modem_than_the_one_configured():
    assert trouble({}, plan(imei="860000000000099")) == "modem.other_imei"
    assert begun({}, plan(imei="860000000000010"))[0].imei  # the last digit is a check digit


def test_noise_instead_of_an_answer_is_a_wrong_speed():
    heard = iter(range(100))
    assert trouble({"AT": None}, plan(noise=lambda: next(heard))) == "modem.garbage"


def test_silence():
    with pytest.raises(Silent):
        begun({"AT": None})


def test_a_service_centre_from_the_configuration():
    setting = 'AT+CSCA="+33609001390",145'
    table = {"AT+CSCA?": '+CSCA: "",129', setting: "OK"}
    facts, talk = begun(table, plan(service_centre="+33609001390"))
    assert facts.service_centre == "+33609001390"
    assert setting in talk.asked
    assert not begun(table)[0].service_centre


# ── memories and routing ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("listed", "accepted", "reads", "arguments"),
    [
        ('+CPMS: ("SM"),("SM"),("SM")', '"SM","SM","SM"', ["SM"], 3),
        ('+CPMS: (("SM","BM","SR"),("SM"))', '"SM","SM"', ["SM", "SR"], 2),
        ('+CPMS: ("ME","SM")', '"ME"', ["ME", "SM"], 1),
        ('+CPMS: ("ME","SM")', '"SM"', ["SM", "ME"], 1),
        ("+CPMS: (),(),()", "", [""], 0),
        ("ERROR", "", [""], 0),
        ("ERROR", '"ME"', ["ME", "SM"], 1),
        ("+CME ERROR: 100", '"ME","ME"', ["ME", "SM"], 2),
        ('+CPMS: ("ME")', '"ME"', ["ME", "SM"], 1),
    ],
)
def test_memories_with_as_many_arguments_as_the_modem_takes(listed, accepted, reads, arguments):
    table = {"AT+CPMS=?": listed, 'AT+CPMS="ME","ME","ME"': "ERROR"}
    if accepted:
        table[f"AT+CPMS={accepted}"] = "+CPMS: 0,30"
    facts, _ = begun(table)
    assert (facts.reads, facts.arguments) == (reads, arguments)


def test_an_ok_of_something_older_is_no_answer():
    """It was asked for before the port was opened anew: the line must come, so it is asked again."""
    asked = {"AT+CSCA?": ["OK", '+CSCA: "+33609001390",145'], "AT+CPIN?": ["OK", "+CPIN: READY"]}
    facts, talk = begun(asked)
    assert facts.service_centre == "+33609001390"
    assert talk.asked.count("AT+CSCA?") == talk.asked.count("AT+CPIN?") == 2


@pytest.mark.parametrize("said", ["+CPIN:", "OK\nOK", "+CME ERROR: 100", "ERROR"])
def test_a_sim_that_says_nothing_of_itself(said):
    assert trouble({"AT+CPIN?": said}) in ("sim.unreadable", "modem.says_only_ok")


@pytest.mark.parametrize(
    ("said", "configured", "number"),
    [
        ('+CNUM: "","+33700000001",145', "", "+33700000001"),
        ('+CNUM: "","0700000001",129', "", "+33700000001"),
        ('+CNUM: "","33700000001",145', "", "+33700000001"),
        ('+CNUM: "fax","888",129\n+CNUM: "","0700000001",129', "", "+33700000001"),
        ("OK", "", ""),
        ("+CME ERROR: 22", "", ""),
        ('+CNUM: "","+33700000001",145', "+33711111111", "+33711111111"),
    ],
)
def test_the_own_number_is_the_configurations_else_the_sims_in_full(said, configured, number):
    facts, talk = begun({"AT+CNUM": said}, plan(number=configured))
    assert facts.number == number
    assert talk.asked.count("AT+CNUM") == 1


@pytest.mark.parametrize("works", [*ROUTINGS, ""])
def test_routing_is_tried_in_turn_because_modems_list_what_they_refuse(works):
    table = {f"AT+CNMI={each}": "OK" if each == works else "+CME ERROR: 3" for each in ROUTINGS}
    facts, _ = begun(table)
    assert facts.routing == works
    assert facts.reports == (bool(works) and works.split(",")[3] != "0")


def test_the_profiles_routing_comes_first():
    facts, talk = begun({"AT+CNMI=1,1,0,1,0": "OK"}, plan(quirks=Quirks(cnmi_first="1,1,0,1,0")))
    assert facts.routing == "1,1,0,1,0"
    assert "AT+CNMI=2,1,0,2,0" not in talk.asked


PDU = "07913306091093F0040B913316325476F80000621122008443000B507999FD0E93CB64500C"


def filled():
    facts = Facts()
    facts.arguments, facts.reads = 1, ["ME", "SM"]
    return facts


def test_a_memory_is_read_by_a_list():
    table = {'AT+CPMS="ME"': "+CPMS: 1,50", "AT+CMGL=4": f"+CMGL: 4,0,,29\n{PDU}\nOK"}
    found, _ = play(storage.read_all(AT, filled(), "ME"), table)
    assert [(each.index, each.pdu) for each in found] == [(4, PDU)]


def test_an_empty_memory_is_not_listed():
    _, talk = play(storage.read_all(AT, filled(), "ME"), {'AT+CPMS="ME"': "+CPMS: 0,50"})
    assert talk.asked == ['AT+CPMS="ME"']


@pytest.mark.parametrize("one_by_one", [True, False])
def test_one_by_one_where_lists_hang_or_are_refused(one_by_one):
    table = {
        'AT+CPMS="ME"': "+CPMS: 1,50",
        "AT+CMGL=4": "+CMS ERROR: 321",
        "AT+CMGR=2": f"+CMGR: 0,,29\n{PDU}\nOK",
    }
    found, talk = play(storage.read_all(AT, filled(), "ME", one_by_one), table)
    assert [(each.index, each.pdu) for each in found] == [(2, PDU)]
    assert talk.asked[-1] == "AT+CMGR=2"  # as many as there are, and no more
    assert ("AT+CMGL=4" in talk.asked) is not one_by_one


def test_delete_one_by_one_and_never_twice():
    facts = filled()
    facts.selected = "ME"
    gone, talk = play(
        storage.delete(AT, facts, "ME", {3: PDU, 1: PDU}, False),
        {"AT+CMGD=1": "OK", "AT+CMGD=3": "+CMS ERROR: 321"},
    )
    assert gone == [1, 3]
    assert talk.asked == ["AT+CMGD=1", "AT+CMGD=3"]
    with pytest.raises(Silent) as caught:
        play(storage.delete(AT, facts, "ME", {1: PDU}, False), talk := Talk({"AT+CMGD=1": None, "AT": "OK"}))
    assert caught.value
    assert talk.asked == ["AT+CMGD=1"]


def test_in_doubt_a_place_is_looked_at_before_it_is_deleted():
    facts = filled()
    facts.selected = "ME"
    table = {
        "AT+CMGR=1": f"+CMGR: 0,,29\n{PDU}\nOK",
        "AT+CMGR=2": f"+CMGR: 0,,29\nAB{PDU}\nOK",
        "AT+CMGD=1": "OK",
        "AT+CMGD=2": "OK",
    }
    gone, talk = play(storage.delete(AT, facts, "ME", {1: PDU, 2: PDU}, True), table)
    assert gone == [1]
    assert "AT+CMGD=2" not in talk.asked


# ── network ──────────────────────────────────────────────────────────────────────────────────────────────────
NETWORK = {
    "AT+CREG?": "+CREG: 2,1", "AT+CSQ": "+CSQ: 21,99", "AT+COPS=3,2": "OK", "AT+COPS=3,0": "OK",
    "AT+COPS?": ['+COPS: 0,2,"20801",7', '+COPS: 0,0,"Orange F",7'],
}  # fmt: skip


def watched(table):
    facts = Facts()
    facts.service_centre = "+33609001390"
    play(network.watch(AT, facts), Talk({**NETWORK, **table}))
    return facts


def test_watch():
    facts = watched({})
    assert (facts.code, facts.operator, facts.dbm, facts.cell.words) == ("20801", "Orange F", -71, "home")


def test_four_g_alone_is_a_registration():
    assert watched({"AT+CREG?": "+CREG: 2,0", "AT+CEREG?": "+CEREG: 2,1"}).cell.registered


@pytest.mark.parametrize(
    ("table", "roaming", "reason"),
    [
        ({}, False, None),
        ({"AT+CREG?": "+CREG: 2,5"}, False, "network.roaming"),
        ({"AT+CREG?": "+CREG: 2,5"}, True, None),
        ({"AT+CREG?": "+CREG: 2,2"}, False, "network.none"),
        ({"AT+CREG?": "+CREG: 2,3"}, False, "network.denied"),
        ({"AT+CREG?": "+CREG: 1"}, False, "network.none"),
        ({"AT+CSQ": "+CSQ: 2,99"}, False, "network.weak"),
        ({"AT+CSQ": "+CSQ: 99,99"}, False, None),
    ],
)
def test_whether_it_may_send(table, roaming, reason):
    found = network.unfit(watched(table), roaming, "[bearers.x]")
    assert (found and found[0]) == reason
    assert found is None or found[1]


def test_no_service_centre():
    facts = Facts()
    facts.cell = Cell(1)
    assert network.unfit(facts, False, "[bearers.x]")[0] == "sim.no_service_centre"


def test_hang_up_by_either_word():
    assert play(network.hang_up(AT), {"ATH": "OK"})[1].asked == ["ATH"]
    assert play(network.hang_up(AT), {"AT+CHUP": "OK"})[1].asked == ["ATH", "AT+CHUP"]


def test_changes_are_subscribed_to_in_the_words_that_are_known():
    _, talk = play(network.subscribe(AT), {"AT+CREG=1": "OK", "AT+CEREG=2": "OK"})
    assert talk.asked == ["AT+CREG=2", "AT+CREG=1", "AT+CEREG=2"]


def test_resync_gives_up_after_its_tries():
    assert play(resync(tries=2), {"AT": None})[0] is False
    assert play(resync(), {"AT": [None, "OK"]})[0] is True
