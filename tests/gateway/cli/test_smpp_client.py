"""The client behind `chappe send` beside the account's real application."""

from contextlib import ExitStack

import pytest
from lab import Lab

from gateway.cli.smpp_client import BindRefused, Gone, SmppClient


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with ExitStack() as stack:
        lab = Lab(tmp_path_factory.mktemp("shop"), stack)
        lab.carrier("--receipt-delay", "0.3")
        lab.daemon().wait_for("bearer.up")
        lab.password = (lab.folder / "credentials" / "shop").read_text().strip()
        yield lab


def submitted(client, text=b"Bonjour"):
    return client.submit("CHAPPE", "+33600000001", "", 0, b"", text)


def test_receipts_of_the_application_are_left_to_it(shop, smpplib_app):
    away = SmppClient("127.0.0.1", shop.port)
    away.bind("shop", shop.password, receives=False)
    theirs = submitted(away).id
    away.leave()

    ours = SmppClient("127.0.0.1", shop.port)
    ours.bind("shop", shop.password, receives=True)
    mine = submitted(ours)
    assert ours.wait(10.0)
    assert (mine.stat, mine.queried) == ("DELIVRD", False)
    ours.leave()

    application = smpplib_app(shop.port, "shop", shop.password)
    (given,) = application.delivered.wait(1)
    assert given.receipted_message_id.decode() == theirs


def test_a_receipt_that_another_bind_was_given_is_asked_for(shop, smpplib_app, monkeypatch):
    monkeypatch.setattr("gateway.cli.smpp_client.ASK", 0.5)
    application = smpplib_app(shop.port, "shop", shop.password)
    client = SmppClient("127.0.0.1", shop.port)
    client.bind("shop", shop.password, receives=True)
    sent = [submitted(client) for _ in range(6)]  # receipts go to the account's binds in turn
    assert client.wait(10.0)
    client.leave()
    assert {(one.stat, one.err) for one in sent} == {("DELIVRD", "000")}
    elsewhere = {one.id for one in sent if one.queried}
    assert elsewhere
    given = application.delivered.wait(len(elsewhere))
    assert {pdu.receipted_message_id.decode() for pdu in given} == elsewhere


def test_a_refusal_comes_with_its_words(shop):
    client = SmppClient("127.0.0.1", shop.port)
    client.bind("shop", shop.password, receives=False)
    refused = client.submit("NOBODY", "+33600000001", "", 0, b"", b"Bonjour")
    assert (refused.status, refused.id) == (0x0A, "")
    assert "NOBODY" in refused.words
    with pytest.raises(BindRefused) as error:
        SmppClient("127.0.0.1", shop.port).bind("shop", "wrong", receives=False)
    assert error.value.status == 0x0D
    client.leave()


def test_nobody_there(free_port):
    with pytest.raises(Gone, match="refused"):
        SmppClient("127.0.0.1", free_port).bind("shop", "secret", receives=True)
