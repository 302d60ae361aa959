"""`chappe send`: what it prints and how it ends, against a daemon and a simulated carrier."""

import json
import re

import pytest
from click.testing import CliRunner

from drivers.sms.alphabet import decode
from gateway.cli.send import parts_of, send


@pytest.fixture
def running_lab(lab):
    lab.smsc = lab.carrier()
    lab.gateway = lab.daemon()
    lab.gateway.wait_for("bearer.up")
    return lab


def test_sent_and_brought_home(running_lab):
    done = running_lab.send("--text", "Bonjour", "--wait")
    assert done.returncode == 0, done.stderr
    accepted, delivered = done.stdout.splitlines()
    message_id = accepted.split()[0]
    assert re.fullmatch(r"\d{15,19} accepted in .*", accepted)
    assert re.fullmatch(rf"{message_id} DELIVRD err 000 after .*", delivered)

    many = running_lab.send("--text", "ê" * 65 + "😀" * 40, "--wait", "--kind", "otp", "--json")
    assert many.returncode == 0, many.stderr
    told = json.loads(many.stdout)["messages"]
    assert [part["stat"] for part in told] == ["DELIVRD"] * 3
    assert "ê" * 65 + "😀" * 40 in running_lab.smsc.wait_for("in 3 parts")

    refused = running_lab.send("--text", "Bonjour", "--from", "NOBODY", "--wait")
    assert refused.returncode == 1
    assert refused.stderr.startswith("refused, ESME_RINVSRCADR (0x000a): ")
    assert "NOBODY" in refused.stderr

    wrong = running_lab.folder / "wrong"
    wrong.write_text("wrong\n")
    unbound = running_lab.send("--text", "Bonjour", "--password-file", wrong)
    assert unbound.returncode == 1
    assert "bind of shop refused (ESME_RBINDFAIL): wrong password" in unbound.stderr


def test_what_is_not_delivered_is_exit_1(lab):
    lab.carrier("--undeliverable-percent", "100", "--undeliverable-err", "027")
    lab.daemon().wait_for("bearer.up")
    done = lab.send("--text", "Bonjour", "--wait")
    assert done.returncode == 1
    assert "UNDELIV err 027" in done.stdout


def test_no_receipt_in_time_is_exit_1_and_says_what_to_do(lab):
    lab.daemon()  # without a carrier it waits
    done = lab.send("--text", "Bonjour", "--wait", "--timeout", "0.2")
    assert done.returncode == 1
    message_id = done.stdout.split()[0]
    assert f"no receipt in 0.2 s: chappe trace {message_id}" in done.stderr


def test_without_a_daemon_it_is_exit_3(lab):
    done = lab.send("--text", "Bonjour")
    assert done.returncode == 3
    assert "does the gateway run?" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "0612345678", "--text", "x"], "national number"),
        (["--to", "Alice", "--text", "x"], "not a number"),
        (["--to", "+33600000001", "--text", "x", "--from", "A name far too long"], "at most 11"),
        (["--to", "+33600000001", "--text", "x", "--account", "nobody"], "there are: shop"),
        (["--to", "+33600000001", "--text", "x", "--kind", "greeting"], "is not one of"),
    ],
)
def test_usage(lab, options, words):
    done = CliRunner().invoke(send, ["--config", str(lab.config), *options])
    assert done.exit_code == 2
    assert words in done.output


@pytest.mark.parametrize("alphabet", ["gsm7", "latin1", "ascii"])
@pytest.mark.parametrize(
    "text", ["Bonjour", "a" * 152 + "€" + "b" * 20, "ê" + "a" * 65 + "😀" + "z" * 10, "é" * 300, "[€]" * 70]
)
def test_the_parts_are_the_text_and_no_pair_is_cut(text, alphabet):
    parts = parts_of(text, alphabet)
    means = {0: "gsm7"}  # only ever given to accounts for whom it does
    assert "".join(decode(octets, coding, means.get(coding, "gsm7")) for coding, _, octets in parts) == text
    assert alphabet == "gsm7" or all(coding in (3, 8) for coding, _, _ in parts)
    assert all(len(header) + len(octets) <= 160 for _, header, octets in parts)
    if len(parts) > 1:
        assert [header[4:] for _, header, _ in parts] == [
            bytes([len(parts), n + 1]) for n in range(len(parts))
        ]
