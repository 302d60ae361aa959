"""The peers against each other, without Chappe: what a test of Chappe shows is worth what its peers are worth."""

from __future__ import annotations

import pytest
from peers.kannel import Kannel
from peers.smppload import load
from smpplib.exceptions import PDUError

LONG = "Les trains à destination de Lille partiront de la voie 7. " * 6


@pytest.mark.peers("smppload")
@pytest.mark.parametrize("form", ["dec", "hex", "mixed"])
def test_smppload_load_and_sink(sink, form):
    smsc = sink(id=form, tlv=True)
    report = load(smsc.port, 2000, connections=2, window=50)
    assert (report["exit"], report["accepted"], report["receipts"]) == (0, 2000, 2000)
    seen = smsc.stop()
    assert (seen["binds"], seen["accepted"], seen["deliver_ok"]) == (2, 2000, 2000)
    assert len(set(smsc.accepted())) == 2000


@pytest.mark.peers("smppload")
def test_smppload_counts_refusals(sink):
    smsc = sink(error=100, error_code=0x14)
    report = load(smsc.port, 10)
    assert report["exit"] != 0
    assert report["rejected"] == {"0x14": 10}


@pytest.mark.peers("smppload", "npm-smpp")
def test_node_app_submits_and_gets_the_receipt(sink, node_app):
    smsc = sink(tlv=True)
    app = node_app(smsc.port, "shop", "secret")
    app.submit("one", "bonjour", to="33600000001")
    answer = app.response("one")[0]
    assert answer["command_status"] == 0
    receipt = app.delivered.wait()[0]
    assert receipt["esm_class"] & 0x3C == 0x04
    assert receipt["receipted_message_id"] == answer["message_id"]
    assert "stat:DELIVRD" in receipt["text"]


@pytest.mark.peers("smppload", "npm-smpp")
def test_node_app_has_both_roads_for_a_long_text(sink, node_app):
    smsc = sink()
    app = node_app(smsc.port, "shop", "secret")
    app.submit_long("parts", LONG, to="33600000002", how="udh")
    app.submit_long("whole", LONG, to="33600000003", how="payload")
    assert len({answer["message_id"] for answer in app.response("parts", 3)}) == 3
    assert [answer["command_status"] for answer in app.response("whole")] == [0]
    app.delivered.wait(4)
    app.stop()
    assert smsc.stop()["unparsed"] == 0


@pytest.mark.peers("smppload", "npm-smpp")
def test_node_app_may_refuse_a_receipt(sink, node_app):
    smsc = sink(dlr_delay=200)
    app = node_app(smsc.port, "shop", "secret")
    app.answer(0x65)  # ESME_RX_R_APPN
    app.submit("one", "bonjour", to="33600000001")
    app.delivered.wait()
    app.stop()
    assert smsc.stop()["deliver_refused"] == 1


@pytest.mark.peers("smppload")
def test_smpplib_app_submits_and_gets_the_receipts(sink, smpplib_app):
    smsc = sink(tlv=True)
    app = smpplib_app(smsc.port, "shop", "secret")
    sequences = app.submit("bonjour", to="33600000001") + app.submit(LONG, to="33600000002")
    ids = {app.response(sequence).message_id for sequence in sequences}
    assert len(ids) == len(sequences) == 4
    receipts = app.delivered.wait(4)
    assert {pdu.receipted_message_id for pdu in receipts} == ids
    assert app.lost is None


@pytest.mark.peers("smppload")
def test_smpplib_app_sees_a_refused_submit(sink, smpplib_app):
    app = smpplib_app(sink(error=100, error_code=0x58).port, "shop", "secret")
    (sequence,) = app.submit("bonjour", to="33600000001")
    assert app.response(sequence).status == 0x58


def test_smpplib_app_says_that_nobody_listens(smpplib_app, free_port):
    with pytest.raises(Exception, match="Connection refused") as refused:
        smpplib_app(free_port, "shop", "secret")
    assert not isinstance(refused.value, PDUError)


@pytest.mark.peers("smppload", "kannel")
def test_kannel_sends_gets_the_receipt_and_a_message_from_the_phone(sink, kannel):
    smsc = sink(tlv=True, mo_every=1)
    box = kannel(smsc.port, "shop", "secret")
    key = box.send("bonjour", to="+33600000001")
    box.receipt(key, Kannel.ACCEPTED)
    receipt = box.receipt(key, Kannel.DELIVERED)[0]
    assert "stat:DELIVRD" in receipt["answer"]
    mo = box.messages.wait()[0]
    assert (mo["from"].lstrip("+"), mo["text"]) == ("33600000001", "STOP")
    box.stop()
    assert smsc.stop()["accepted"] == 1


@pytest.mark.peers("smppload", "kannel")
def test_kannel_splits_a_long_text_and_sees_a_failure(sink, kannel):
    smsc = sink(undeliv=100)
    box = kannel(smsc.port, "shop", "secret")
    key = box.send("Привет " * 20, to="+33600000002", coding=2)
    box.receipt(key, Kannel.FAILED)
    box.stop()
    assert smsc.stop()["accepted"] == 3


@pytest.mark.peers("mosquitto")
def test_broker_keeps_retained_messages_until_it_restarts(broker):
    mqtt = broker()
    mqtt.publish("chappe/status", "ready now", "-r", "-q", "1")
    assert mqtt.read("chappe/#") == [("chappe/status", "ready now")]
    mqtt.restart()
    with pytest.raises(AssertionError, match="mosquitto_sub"):
        mqtt.read("chappe/#", 1, 1)
    mqtt.kill()
    with pytest.raises(AssertionError, match="refused"):
        mqtt.publish("chappe/status", "lost")
