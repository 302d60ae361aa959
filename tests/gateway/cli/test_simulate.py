"""`chappe simulate smsc` and `modem`: each field of their behaviour is an option, each event a line."""

import signal
import sys
from dataclasses import fields

import pytest
import serial
from click.testing import CliRunner
from peers.process import Process

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.smpp.behaviour import Behaviour
from gateway.cli import simulate

OPTIONS = {option.name: option for option in simulate.smsc.params}


@pytest.mark.parametrize("field", fields(Behaviour), ids=lambda field: field.name)
def test_every_field_is_an_option_with_its_default_and_help(field):
    option = OPTIONS[field.name]
    assert f"--{field.name.replace('_', '-')}" in option.opts
    assert option.default == field.default
    assert option.help == field.metadata["help"]


def test_without_options_it_is_a_carrier_without_faults():
    context = simulate.smsc.make_context("smsc", [])
    asked = {
        name: value for name, value in context.params.items() if name in {f.name for f in fields(Behaviour)}
    }
    assert Behaviour(**asked) == Behaviour()


def test_words_become_what_behaviour_takes():
    arguments = "--error-status 0x58 --bind-status ESME_RBINDFAIL --no-receipt-tlvs --reset-after 3 --ids hex --latency 0.5"
    asked = simulate.smsc.make_context("smsc", arguments.split()).params
    wanted = {
        "error_status": 0x58,
        "bind_status": 0x0D,
        "receipt_tlvs": False,
        "reset_after": 3,
        "ids": "hex",
        "latency": 0.5,
    }
    assert {name: asked[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--error-status", "ESME_RNONSENSE", "is no command_status"),
        ("--ids", "roman", "is not one of"),
        ("--mo-parts", "0", "--mo-parts 0: must be at least 1"),
        ("--error-percent", "101", "--error-percent 101.0: must be 0 to 100"),
    ],
)
def test_what_it_does_not_take(option, value, words):
    done = CliRunner().invoke(simulate.smsc, [option, value])
    assert done.exit_code == 2
    assert words in done.output


def test_a_line_for_everything(lab):
    carrier = lab.carrier("--mo-every", "1", "--mo-text", "Merci")
    lab.daemon().wait_for("bearer.up")
    assert lab.send("--text", "Bonjour", "--from", "36180").returncode == 0
    carrier.wait_for(r"bound bind=1 system_id=chappe")
    carrier.wait_for(r"message 36180 -> \+33600000001 \[\d+\] 'Bonjour'")
    carrier.wait_for(r"receipt \d+ DELIVRD")
    carrier.wait_for(r"reply\n")
    assert carrier.end(signal.SIGINT) == 0
    assert carrier.text().endswith("1 submit_sm, 0 refused, 1 receipts, 1 replies\n")


def test_a_port_in_use_is_explained(lab, chappe):
    lab.carrier()
    again = chappe("simulate", "smsc", "--port", lab.carrier_port)
    assert again.returncode == 1
    assert f"127.0.0.1:{lab.carrier_port} can't be listened on" in again.stderr


@pytest.mark.parametrize(
    ("kind", "told", "line"),
    [
        ("listening", {"host": "127.0.0.1", "port": 2776}, "listening on 127.0.0.1:2776"),
        ("closed", {"bind": 1, "reason": "lost"}, "closed bind=1 reason=lost"),
        ("receipt", {"id": "7", "stat": "DELIVRD", "status": "ESME_ROK"}, "receipt 7 DELIVRD"),
        ("mo", {"id": "", "stat": "", "status": "ESME_RX_T_APPN"}, "reply, answered ESME_RX_T_APPN"),
        (
            "message",
            {
                "source": "",
                "destination": "+33600000001",
                "text": "Oh",
                "parts": 2,
                "complete": False,
                "ids": ["7", "8"],
                "status": "ESME_ROK",
            },
            "message - -> +33600000001 in 2 parts, some missing [7 8] 'Oh'",
        ),
        (
            "message",
            {
                "source": "CHAPPE",
                "destination": "+33600000001",
                "text": "Oh",
                "parts": 1,
                "complete": True,
                "ids": [""],
                "status": "ESME_RTHROTTLED",
            },
            "message CHAPPE -> +33600000001 [ESME_RTHROTTLED] 'Oh'",
        ),
    ],
)
def test_lines(kind, told, line):
    assert simulate.line_of(kind, told) == line


MODEM_OPTIONS = {option.name: option for option in simulate.modem.params}


@pytest.mark.parametrize("field", fields(ModemBehaviour), ids=lambda field: field.name)
def test_every_field_of_a_modem_is_an_option_too(field):
    option = MODEM_OPTIONS[field.name]
    assert f"--{field.name.replace('_', '-')}" in option.opts
    assert (option.default, option.help) == (field.default, field.metadata["help"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either --link PATH or --tcp HOST:PORT"),
        (["--link", "x", "--tcp", "127.0.0.1:0"], "give either --link PATH or --tcp HOST:PORT"),
        (["--tcp", "nowhere"], "--tcp nowhere: write HOST:PORT"),
        (["--link", "x", "--fault", "30 burn"], "must be one of mute, late"),
        (["--link", "x", "--mr", "256"], "--mr 256: must be 0 to 255"),
    ],
)
def test_what_a_modem_does_not_take(arguments, words):
    done = CliRunner().invoke(simulate.modem, arguments)
    assert done.exit_code == 2
    assert words in done.output


def test_a_modem_on_a_link_says_what_it_gets_and_hides_numbers_and_pins(tmp_path):
    link = tmp_path / "modem"
    command = [
        sys.executable,
        "-m",
        "gateway",
        "simulate",
        "modem",
        "--link",
        link,
        "--pin",
        "1234",
        "--commands",
    ]
    played = Process(
        [*command, "--report-delay", "0", "--mo-every", "1", "--mo-delay", "0"], tmp_path / "out"
    )
    with played:
        played.wait_for(link.exists, "its link is there")
        with serial.Serial(str(link), timeout=5) as port:
            for line in (b'AT+CPIN="1234"', b"AT+CNMI=2,1,0,2,0", b"AT+CMGS=24"):
                port.write(line + b"\r")
                port.read_until(b"> " if b"CMGS" in line else b"OK\r\n")
            port.write(b"0031000B913316325476F80000FF0BC337B90C8AC966B49A0D\x1a")
            assert b"+CMGS: 0" in port.read_until(b"OK\r\n")
            said = port.read_until(b'+CMTI: "SM",2\r\n')
            assert b'+CDSI: "SM",1' in said
    said = played.said()
    assert f"listening on {link}" in said
    assert "PIN right, 3 tries left" in said
    assert "submit 0 -> +336…678 'Code 123456'" in said
    assert "report 0 +336…678 status=0x00" in said
    assert "reply +336…678 'STOP'" in said
    assert "command AT+CPIN=****" in said
    assert '1234"' not in said
    assert "33612345678" not in said
    assert said.endswith("1 submits taken, 0 refused, 1 reports, 1 replies\n")
    assert not link.is_symlink()
