"""The simulated modem's dialogue and life: fragments, echo, PIN and PUK, registration, resets, power."""

import pytest
from sim_client import Client

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault

BANNER = ["RDY", "+CFUN: 1", "+CPIN: READY", "SMS DONE", "PB DONE"]


# ── the line ────────────────────────────────────────────────────────────────────────────────────────────────
def test_fragments_escapes_and_nuls_are_assembled():
    client = Client()
    assert client.write("\x1b") + client.write("\r") + client.write("A") + client.write("T+CG") == ""
    assert client.write("MM\0\r") == "\r\nSIMCOM_SIM7600E\r\n\r\nOK\r\n"


def test_echo_is_real_and_ends_with_ate0():
    client = Client(echo=True)
    assert client.write("AT\r") == "AT\r\r\nOK\r\n"
    assert client.write("ATE0\r") == "ATE0\r\r\nOK\r\n"
    assert client.write("AT\r") == "\r\nOK\r\n"
    assert client.write("ATE1\r") + client.write("AT\r") == "\r\nOK\r\nAT\r\r\nOK\r\n"


def test_a_stuck_echo_stays():
    assert Client(echo_stuck=True).write("AT\r") == "AT\r\r\nOK\r\n"


@pytest.mark.parametrize("joined", ["AT+CMEE=1;+CREG=2\r", "AT+CMEE=1\rAT+CREG=2\r"])
def test_commands_joined_and_in_a_row(joined):
    client = Client()
    client.write(joined)
    assert client.says("+CREG?") == ['+CREG: 2,1,"00C3","0001A2B3"', "OK"]
    assert client.says("+NONSENSE") == ["+CME ERROR: 4"]


def test_unknown_commands_and_noise():
    client = Client()
    assert client.says("+NONSENSE") == ["ERROR"]
    assert client.write("hello\r\n\x00\xff\r") == ""
    assert client.write("x" * 100_000 + "\rAT\r") == "\r\nOK\r\n"


def test_answers_wait_for_their_time_and_keep_their_order():
    client = Client(latency=0.5)
    client.later(0.5)
    assert client.write("AT+CGMI\rAT+CGMM\r") == ""
    assert client.later(0.5) == ["SIMCOM INCORPORATED", "OK"]
    assert client.later(0.5) == ["SIMCOM_SIM7600E", "OK"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("+CIMI", "208011234567890"),
        ("+CCID", "+CCID: 8933010000000000018"),
        ("+CGSN", "860000000000018"),
        ("+CSQ", "+CSQ: 21,99"),
        ("+COPS?", '+COPS: 0,0,"Orange F",7'),
        ("+COPS=3,2;+COPS?", '+COPS: 0,2,"20801",7'),
        ('+CSCS="UCS2";+CSCS?', '+CSCS: "UCS2"'),
        ("+CGATT?", "+CGATT: 1"),
        ("+CNUM", '+CNUM: "","+33700000001",145'),
        ("+CFUN?", "+CFUN: 1"),
        ("+CLIP=1;+CLIP?", "+CLIP: 1"),
        ("+CPINR", "+CPINR: SIM PIN,3,3"),
        ("+QPINC", '+QPINC: "SC",3,10'),
        ("+CBC", "+CBC: 0,80"),
    ],
)
def test_what_it_says_of_itself(command, answer):
    assert Client().says(command) == [answer, "OK"]


def test_what_calls_itself_ok_and_is_no_modem():
    client = Client(obedient=True)
    for line in ("+CPIN?", "+CMGS=20", "+CSQ"):
        assert client.says(line) == [f"AT{line}\r", "OK"]


# ── the SIM ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_locked_sim_opens_with_its_pin_and_locks_again_with_a_reset():
    client = Client(pin="1234")
    client.says("+CMEE=1")
    assert client.says("+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert client.says("+CIMI") == ["+CME ERROR: 11"]
    assert client.says("+CPMS?") == ["+CMS ERROR: 311"]
    assert client.says("+CREG?") == ["+CREG: 0,0", "OK"]
    assert client.says('+CPIN="1234"') == ["OK"]
    assert client.says("+CREG?") == ["+CREG: 0,1", "OK"]
    assert client.says('+CPIN="1234"') == ["+CME ERROR: 3"]
    client.says("+CFUN=1,1")
    assert client.later(3.1)[:3] == ["RDY", "+CFUN: 1", "+CPIN: SIM PIN"]
    assert client.says("+CPIN?")[-2:] == ["+CPIN: SIM PIN", "OK"]


def test_three_wrong_pins_ask_for_the_puk_and_a_reset_gives_no_try_back():
    client = Client(pin="1234", boot=1)
    client.says("+CMEE=1")
    for left in (2, 1):
        assert client.says('+CPIN="1111"') == ["+CME ERROR: 16"]
        assert client.says("+CPINR") == [f"+CPINR: SIM PIN,{left},3", "OK"]
    client.says("+CFUN=1,1")
    client.later(1.1)
    client.says("E0;+CMEE=1")
    assert client.says('+CPIN="2222"') == ["+CME ERROR: 16"]
    assert client.says("+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert client.says('+CPIN="1234"') == ["+CME ERROR: 12"]
    assert client.says('+CPIN="12345678","4321"') == ["OK"]
    assert client.says("+CPIN?") == ["+CPIN: READY", "OK"]
    assert client.modem.state.card.tries == [
        ("1111", False), ("1111", False), ("2222", False), ("12345678", True),
    ]  # fmt: skip


def test_ten_wrong_puks_end_a_sim():
    client = Client(pin="1234")
    client.says("+CMEE=1")
    for _ in range(3):
        client.says('+CPIN="1111"')
    for _ in range(10):
        assert client.says('+CPIN="00000000","1111"') == ["+CME ERROR: 16"]
    assert client.says("+CPIN?") == ["+CME ERROR: 13"]


def test_the_pin_is_never_told():
    client = Client(pin="1234")
    client.says('+CPIN="1234"')
    assert "1234" not in repr(client.told)


def test_no_sim_and_a_busy_one():
    assert Client(sim="absent").says("+CMEE=1;+CPIN?") == ["+CME ERROR: 10"]
    client = Client(pin="1234", sim_busy=10.0)
    client.says('+CMEE=1;+CPIN="1234"')
    assert client.says("+CPIN?") == ["+CPIN: READY", "OK"]
    assert client.says("+CSCA?") == ["+CMS ERROR: 314"]
    client.later(10)
    assert client.says("+CSCA?") == ['+CSCA: "+33609001390",145', "OK"]


# ── the network ─────────────────────────────────────────────────────────────────────────────────────────────
def test_registration_comes_later_and_is_told_as_asked():
    client = Client(register=5.0)
    client.says("+CREG=2;+CEREG=1")
    assert client.says("+CREG?") == ["+CREG: 2,2", "OK"]
    assert client.later(5) == ['+CREG: 1,"00C3","0001A2B3"', "+CEREG: 1"]
    assert client.modem.next is None


def test_a_modem_on_4g_alone_tells_it_in_cereg_only():
    client = Client(lte_only=True)
    assert client.says("+CREG?") == ["+CREG: 0,0", "OK"]
    assert client.says("+CEREG?") == ["+CEREG: 0,1", "OK"]


def test_ussd_answers_in_the_charset():
    client = Client()
    assert client.says('+CUSD=1,"*123#",15') == ["OK"]
    assert client.later(0.5) == ['+CUSD: 0,"Solde: 12,34 EUR",15']
    client.says('+CSCS="UCS2"')
    assert client.says('+CUSD=1,"*123#",15') == ["ERROR"]
    assert client.says('+CUSD=1,"002A0031003200330023",15') == ["OK"]
    assert client.later(0.5)[0].startswith('+CUSD: 0,"0053006F006C00640065')


# ── resets and power ────────────────────────────────────────────────────────────────────────────────────────
def test_a_reset_forgets_settings_and_shows_the_banner():
    client = Client()
    client.says('+CNMI=2,1,0,2,1;+CMEE=1;+CPMS="ME","ME","ME"')
    assert client.says("+CFUN=1,1") == ["OK"]
    assert client.says("") == []
    assert client.later(3.1) == BANNER
    assert client.write("AT+CNMI?\r") == "AT+CNMI?\r\r\n+CNMI: 0,0,0,0,0\r\n\r\nOK\r\n"


def test_a_modem_on_usb_takes_its_port_away_with_it():
    client = Client(gone=5.0, boot=8.0)
    client.says("+CFUN=1,1")
    client.later(0.1)
    assert not client.modem.present
    client.later(5)
    assert client.modem.present
    assert client.later(3) == BANNER


def test_power():
    client = Client()
    client.modem.power(False, 1.0)
    assert not client.modem.present
    assert client.says("") == []
    client.modem.power(True, 2.0)
    assert client.modem.present
    assert client.later(5) == BANNER
    client.modem.reset(client.now)
    assert client.later(3) == BANNER


# ── faults of commands and moments ──────────────────────────────────────────────────────────────────────────
def test_a_mute_command_is_not_carried_out():
    client = Client(Fault("mute", match="+CSCS="))
    assert client.says('+CSCS="UCS2"') == []
    assert client.says("+CSCS?") == ['+CSCS: "IRA"', "OK"]


def test_a_late_answer_comes_among_others():
    client = Client(Fault("late", match="+CGMM", seconds=2.0))
    assert client.says("+CGMM") == []
    assert client.says("+CSQ") == ["+CSQ: 21,99", "OK"]
    assert client.later(2) == ["SIMCOM_SIM7600E", "OK"]


def test_an_error_instead_and_a_storm_inside():
    client = Client(
        Fault("error", match="+CMGS", text="+CMS ERROR: 512"),
        Fault("storm", match="+CREG?", text="^RSSI: 18|+CREG: 1"),
    )
    assert client.says("+CMGS=20") == ["+CMS ERROR: 512"]
    assert client.says("+CREG?") == ["^RSSI: 18", "+CREG: 1", "+CREG: 0,1", "OK"]
    assert client.says("+CREG?") == ["+CREG: 0,1", "OK"]


def test_a_reset_by_itself():
    client = Client(Fault("reset", at=10), boot=2)
    assert client.later(10) == []
    assert client.later(2) == BANNER


def test_unplugged_and_plugged_again():
    client = Client(Fault("unplug", at=10, seconds=5), pin="1234", boot=1)
    client.says('+CPIN="1234"')
    client.later(10)
    assert not client.modem.present
    client.later(5)
    assert client.modem.present
    assert client.later(1)[2] == "+CPIN: SIM PIN"


@pytest.mark.parametrize(
    ("cure", "remedy", "heals"),
    [
        ("esc", lambda client: client.write("\x1b"), True),
        ("reopen", lambda client: client.write("\x1b"), False),
        ("reopen", lambda client: client.modem.reopened(client.now), True),
        ("cfun", lambda client: client.modem.reopened(client.now), False),
        ("cfun", lambda client: client.write("AT+CFUN=0\r"), True),
        ("reset", lambda client: client.write("AT+CFUN=1,1\r"), False),
        ("reset", lambda client: (client.modem.reset(client.now), client.later(3)), True),
        ("power", lambda client: (client.modem.reset(client.now), client.later(3)), False),
        (
            "power",
            lambda client: (
                client.modem.power(False, client.now), client.modem.power(True, client.now), client.later(3)
            ),
            True,
        ),
    ],
)  # fmt: skip
def test_what_hangs_is_healed_by_its_own_remedy_and_by_harder_ones(cure, remedy, heals):
    client = Client(Fault("hang", at=1, seconds=1000, text=cure))
    client.later(1)
    assert client.says("") == []
    remedy(client)
    assert ("OK" in client.says("")) is heals
    client.later(1000)
    assert "OK" in client.says("")


def test_no_network_for_a_while():
    client = Client(Fault("no-network", at=1, seconds=10))
    client.says("+CREG=1")
    assert client.later(1) == ["+CREG: 2"]
    assert client.submit() == ["+CMS ERROR: 331"]
    assert client.submitted == []
    assert client.later(10) == ["+CREG: 1"]


def test_one_seed_is_one_run():
    def run():
        client = Client(mute_percent=20, storm_percent=20, lost_answer_percent=30, seed=7)
        return [client.says("+CSQ") for _ in range(50)] + [client.submit() for _ in range(20)]

    assert run() == run()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mute_percent": 101}, "mute_percent 101: must be 0 to 100"),
        ({"mr": 256}, "mr 256: must be 0 to 255"),
        ({"submit": -1.0}, "submit -1.0: must not be negative"),
        ({"sim": "lost"}, "sim 'lost': must be one of present, absent"),
        ({"report_memory": "XX"}, "report_memory 'XX': must be SM, ME, SR or empty"),
    ],
)
def test_a_behaviour_out_of_range_names_its_field(fields, words):
    with pytest.raises(ValueError, match=words):
        ModemBehaviour(**fields)
