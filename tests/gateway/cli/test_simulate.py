"""`chappe simulate smsc`: each field of Behaviour is an option, each event a line."""

import signal
from dataclasses import fields

import pytest
from click.testing import CliRunner

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
