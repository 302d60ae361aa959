"""The simulated modem before those who know modems: gammu, gammu-smsd, smsd, python-gsmmodem-new and Kannel.

Each sends a message through it on a pty, gets the report and reads a reply. What is asserted is what the client
wrote down, printed or called back, and what the modem's network took, decoded from the TPDU.
"""

from __future__ import annotations

import contextlib

import pytest
from peers.gammu import Gammu, GammuSmsd
from peers.gsmmodem_app import GsmmodemApp
from peers.kannel import AT, Kannel
from peers.process import wait_until
from peers.pty_modem import PlayedModem
from peers.smstools import Smsd

HANDSET = "+33612345678"
PIN = "1234"
LONG = "Rappel : votre rendez-vous est demain a 9 h 30, au 12 rue de la Paix. Apportez votre carte. " * 2


@contextlib.contextmanager
def played(tmp_path, **behaviour):
    with PlayedModem(tmp_path / "modem", pin=PIN, report_delay=0.3, **behaviour) as modem:
        yield modem


@pytest.mark.slow
@pytest.mark.peers("gammu")
def test_gammu(tmp_path):
    with PlayedModem(tmp_path / "modem", report_delay=0.1) as modem:
        gammu = Gammu(tmp_path, modem.link)
        gammu.run("monitor", "1")  # sets +CNMI, without which a report would be dropped
        said = gammu.run("sendsms", "TEXT", HANDSET, "-text", "Code 123456", "-report")
        assert "OK, message reference=0" in said
        (taken,) = modem.submitted(1)
        assert (taken.destination, taken.text, taken.submit.status_report) == (HANDSET, "Code 123456", True)
        wait_until(lambda: modem.stored("SM") == 1, 5, lambda: "no report in the SIM")
        modem.handset(HANDSET, "Déjà reçu")
        said = gammu.run("getallsms")
    report, _, message = said.partition("\nLocation ")[0], *said.partition("Location 2")[1:]
    assert "SMS status report" in report
    assert "Delivered" in report
    assert HANDSET in report
    assert "Déjà reçu" in message


@pytest.mark.slow
@pytest.mark.peers("gammu")
def test_gammu_smsd(tmp_path):
    with played(tmp_path) as modem, GammuSmsd(tmp_path, modem.link, PIN) as smsd:
        smsd.send(HANDSET, "Bonjour de gammu-smsd")
        (taken,) = modem.submitted(1)
        assert (taken.destination, taken.text) == (HANDSET, "Bonjour de gammu-smsd")
        delivered = f"Delivery report: Delivered to {HANDSET}, message reference 0x00"
        wait_until(lambda: delivered in smsd.log(), 15, smsd.log)
        modem.handset(HANDSET, "STOP")
        wait_until(lambda: "STOP" in smsd.received().values(), 15, smsd.log)
        assert len(smsd.sent()) == 1
        wait_until(lambda: modem.stored("SM") == modem.stored("ME") == 0, 15, smsd.log)
    assert modem.modem.state.card.tries == [(PIN, True)]


@pytest.mark.peers("smstools")
def test_smstools_sends_two_parts(tmp_path):
    with played(tmp_path) as modem, Smsd(tmp_path, modem.link, PIN) as smsd:
        smsd.send(HANDSET[1:], LONG)
        parts = modem.submitted(2)
        assert "".join(part.text for part in parts) == LONG
        assert [part.submit.udh[-2:] for part in parts] == [b"\x02\x01", b"\x02\x02"]
        wait_until(lambda: len(smsd.files("report")) == 2, 15, smsd.log)
        modem.handset(HANDSET, "STOP")
        wait_until(lambda: bool(smsd.files("incoming")), 15, smsd.log)
        ends = sorted(text.partition("Message_id: ")[2][:1] for text in smsd.files("report"))
        assert ends == ["0", "1"]
        assert all("Status: 0,Ok" in text for text in smsd.files("report"))
        (incoming,) = smsd.files("incoming")
        assert incoming.startswith(f"From: {HANDSET[1:]}\n")
        assert incoming.endswith("\n\nSTOP")
        assert len(smsd.files("sent")) == 1
    assert modem.modem.state.card.tries == [(PIN, True)]


@pytest.mark.parametrize("text_mode", [False, True], ids=["pdu", "text"])
def test_python_gsmmodem(tmp_path, text_mode):
    text = "Code 123456" if text_mode else "Ça passe à 9 h, n'est-ce pas ? Привет"
    with played(tmp_path) as modem, GsmmodemApp(modem.link, PIN, text_mode=text_mode) as app:
        assert app.balance("*123#") == "Solde: 12,34 EUR"
        reference = app.send(HANDSET, text)
        (taken,) = modem.submitted(1)
        assert (taken.reference, taken.destination, taken.text) == (reference, HANDSET, text)
        assert app.reports.wait() == [(HANDSET, reference, 0)]
        modem.handset(HANDSET, "STOP merci")
        assert app.messages.wait() == [(HANDSET, "STOP merci")]
        wait_until(lambda: not modem.stored("ME"), 5, lambda: "what was read is still in the memory")


@pytest.mark.peers("kannel")
def test_kannel(tmp_path):
    with played(tmp_path) as modem, Kannel(tmp_path, 0, str(modem.link), PIN, group=AT) as kannel:
        kannel.wait_bound()
        key = kannel.send("Bonjour de Kannel", to=HANDSET)
        (taken,) = modem.submitted(1)
        assert (taken.destination, taken.text) == (HANDSET, "Bonjour de Kannel")
        (report,) = kannel.receipt(key, Kannel.DELIVERED)
        assert report["answer"] == "Success"
        modem.handset(HANDSET, "STOP")
        (message,) = kannel.messages.wait()
        assert (message["from"], message["text"]) == (HANDSET, "STOP")
    assert modem.modem.state.card.tries == [(PIN, True)]
