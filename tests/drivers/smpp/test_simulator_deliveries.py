"""The simulated carrier's receipts and MOs, with each of their faults, as a bare ESME sees them."""

import asyncio
import time

import pytest
from raw_esme import RawEsme, until

from drivers.bearer import MessageState
from drivers.smpp.pdu import CommandStatus
from drivers.sms.split import Joiner, Part
from drivers.sms.udh import split_udh

S = CommandStatus


@pytest.mark.parametrize(("asked", "count"), [(0, 0), (1, 3), (2, 0), (17, 3)])
def test_receipts_come_to_those_who_ask(play, asked, count):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(3, receipt=asked)
        await esme.answered(3)
        await asyncio.sleep(0.05)
        assert len(esme.delivered) == count
        carrier.behave(undeliverable_percent=100, undeliverable_err="027")
        esme.submit(1, receipt=2)
        await esme.given(count + 1)
        assert (esme.receipts[-1].stat, esme.receipts[-1].err) == ("UNDELIV", "027")
        esme.close()

    play(scene)


def test_no_receipts(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(5)
        await esme.answered(5)
        await asyncio.sleep(0.05)
        assert esme.delivered == []
        esme.close()

    play(scene, receipts="none")


def test_early_receipts_come_before_the_response(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(5)
        await esme.given(5)
        assert esme.answers == []
        answers = await esme.answered(5)
        assert [receipt.id.encode() for receipt in esme.receipts] == [told for _, _, told in answers]
        esme.close()

    play(scene, early_percent=100.0)


def test_late_receipts(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        began = time.monotonic()
        esme.submit(40)
        await esme.answered(40)
        await asyncio.sleep(0.1)
        in_time = len(esme.delivered)
        assert 5 < in_time < 35
        await esme.given(40)
        assert time.monotonic() - began >= 0.4
        esme.close()

    play(scene, late_percent=50.0, late_delay=0.4)


def test_receipt_delay(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        began = time.monotonic()
        esme.submit(3)
        await esme.answered(3)
        assert time.monotonic() - began < 0.2
        await esme.given(3)
        assert 0.3 <= time.monotonic() - began < 1.0
        esme.close()

    play(scene, receipt_delay=0.3)


@pytest.mark.parametrize(
    ("behaviour", "stats"),
    [
        ({"duplicate_percent": 100.0}, ["DELIVRD", "DELIVRD"]),
        ({"missing_percent": 100.0}, []),
        ({"undeliverable_percent": 100.0}, ["UNDELIV"]),
        ({"expired_percent": 100.0}, ["EXPIRED"]),
        ({"rejected_percent": 100.0}, ["REJECTD"]),
        ({"unknown_percent": 100.0}, ["UNKNOWN"]),
        ({"enroute_percent": 100.0}, ["ENROUTE", "DELIVRD"]),
    ],
)
def test_what_receipts_say_and_how_often(play, behaviour, stats):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(1)
        await esme.answered(1)
        await esme.given(len(stats))
        await asyncio.sleep(0.03)
        assert [receipt.stat for receipt in esme.receipts] == stats
        assert [receipt.state.name[:5] for receipt in esme.receipts] == [
            {"UNDELIV": "UNDEL", "DELIVRD": "DELIV", "REJECTD": "REJEC"}.get(stat, stat[:5]) for stat in stats
        ]
        assert len({receipt.id for receipt in esme.receipts}) <= 1
        esme.close()

    play(scene, **behaviour)


def test_weights_divide_the_receipts_among_the_ends(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(600)
        await esme.given(600)
        stats = [receipt.stat for receipt in esme.receipts]
        assert 120 < stats.count("UNDELIV") < 240
        assert 120 < stats.count("EXPIRED") < 240
        assert 180 < stats.count("DELIVRD") < 300
        esme.close()

    play(scene, undeliverable_percent=30.0, expired_percent=30.0)


def test_reordered_receipts_and_the_last_group_that_is_not_full(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(6)
        await esme.given(4)
        told = [message_id for _, _, message_id in esme.answers]
        assert [receipt.id.encode() for receipt in esme.receipts] == told[3::-1]
        await esme.given(6)
        assert [receipt.id.encode() for receipt in esme.receipts] == told[3::-1] + told[:3:-1]
        esme.close()

    play(scene, reorder=4)


@pytest.mark.parametrize(
    ("style", "pattern"),
    [
        ("standard", b" submit date:"),
        ("capitals", b" Text:"),
        ("underscores", b" done_date:"),
        ("bare", b" stat:DELIVRD"),
        ("seconds", b" done date:"),
    ],
)
def test_receipt_texts(play, style, pattern):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(1)
        await esme.given(1)
        text = esme.delivered[0].short_message
        assert pattern in text
        assert text.startswith(b"id:")
        if style == "seconds":
            assert len(esme.receipts[0].done_date) == 12
        assert (b"err:" in text) is (style != "bare")
        esme.close()

    play(scene, receipt_style=style)


def test_receipts_without_tlvs_and_without_the_flag(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(1)
        (sm,) = await esme.given(1)
        assert (sm.tlvs, sm.esm_class) == ({}, 0)
        assert sm.short_message.startswith(b"id:")
        esme.close()

    play(scene, receipt_tlvs=False, receipt_flag=False)


def test_receipts_go_to_any_bind_of_the_same_system_id(play):
    async def scene(carrier, port):
        sender = await RawEsme.bound(port, "tx")
        stranger = await RawEsme.bound(port, "trx", system_id=b"other")
        sender.submit(4)
        await sender.answered(4)
        await asyncio.sleep(0.05)
        assert stranger.delivered == sender.delivered == []
        receiver = await RawEsme.bound(port, "rx")
        await receiver.given(4)
        assert stranger.delivered == sender.delivered == []
        for esme in (sender, stranger, receiver):
            esme.close()

    play(scene)


def test_the_window_of_deliver_sm(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.status = None
        esme.submit(10)
        await esme.given(3)
        await asyncio.sleep(0.05)
        assert len(esme.delivered) == 3
        esme.close()

    play(scene, window=3)


def test_a_receipt_answered_app_error_comes_again(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.status = int(S.ESME_RX_T_APPN)
        esme.submit(1)
        await esme.given(1)
        esme.status = 0
        began = time.monotonic()
        await esme.given(2)
        assert time.monotonic() - began > 0.15
        assert esme.receipts[0].id == esme.receipts[1].id
        await until(lambda: carrier.counts["receipts"] == 1)
        assert carrier.counts["redelivered"] == 1
        esme.status = int(S.ESME_RX_P_APPN)
        esme.submit(1)
        await until(lambda: carrier.counts["refused_deliveries"] == 1)
        await asyncio.sleep(0.3)
        assert len(esme.delivered) == 3
        esme.close()

    play(scene, retry_after=0.2)


def test_an_unanswered_receipt_goes_to_another_bind(play):
    async def scene(carrier, port):
        deaf = await RawEsme.bound(port, "trx")
        deaf.status = None
        deaf.submit(2)
        await deaf.given(2)
        other = await RawEsme.bound(port, "rx")
        await other.given(2)
        assert {r.id for r in other.receipts} == {r.id for r in deaf.receipts}
        await until(lambda: carrier.counts["receipts"] == 2)
        deaf.close()
        other.close()

    play(scene, response_timeout=0.3)


def test_what_a_bind_leaves_unanswered_when_it_closes_goes_to_the_next(play):
    async def scene(carrier, port):
        deaf = await RawEsme.bound(port)
        deaf.status = None
        deaf.submit(3)
        await deaf.given(3)
        deaf.close()
        other = await RawEsme.bound(port, "rx")
        await other.given(3)
        assert [r.id for r in other.receipts] == [r.id for r in deaf.receipts]
        other.close()

    play(scene)


def test_a_backlog_that_nobody_fetches_is_bounded(play):
    async def scene(carrier, port):
        sender = await RawEsme.bound(port, "tx")
        sender.submit(20)
        await sender.answered(20)
        await until(lambda: carrier.counts["lost"] == 15)
        receiver = await RawEsme.bound(port, "rx")
        await receiver.given(5)
        told = [message_id.decode() for _, _, message_id in sender.answers]
        assert [receipt.id for receipt in receiver.receipts] == told[15:]
        sender.close()
        receiver.close()

    play(scene, backlog=5)


def joined(sms):
    joiner = Joiner()
    whole = None
    for sm in sms:
        header, payload = split_udh(sm.short_message) if sm.esm_class & 0x40 else (b"", sm.short_message)
        part = Part.of(
            sm.source_addr.decode(), sm.destination_addr.decode(), header, sm.data_coding, payload, None
        )
        whole = joiner.add(part, 0.0) or whole
    return whole.text()


@pytest.mark.parametrize(
    ("text", "parts", "count"),
    [("STOP", 1, 1), ("Merci beaucoup", 3, 3), ("é€" * 120, 1, 3), ("Привет мир", 2, 2), ("👍👍👍", 2, 2)],
)
def test_mo_in_parts(play, text, parts, count):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port, "rx")
        carrier.inject_mo("+33612345678", "36180", text, parts)
        sms = await esme.given(count)
        await asyncio.sleep(0.02)
        assert len(sms) == count
        assert joined(sms) == text
        assert (sms[0].source_addr, sms[0].destination_addr, sms[0].esm_class & 0x3C) == (
            b"33612345678",
            b"36180",
            0,
        )
        await until(lambda: carrier.counts["mos"] == count)
        esme.close()

    play(scene)


def test_an_mo_every_so_often_and_for_one_account(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        other = await RawEsme.bound(port, system_id=b"other")
        esme.submit(7, receipt=0)
        sms = await esme.given(2)
        assert [(sm.source_addr, sm.short_message) for sm in sms] == [(b"33612345678", b"Oui")] * 2
        carrier.inject_mo("+33600000001", "36180", "pour lui", system_id="other")
        await other.given(1)
        assert (len(esme.delivered), other.delivered[0].short_message) == (2, b"pour lui")
        esme.close()
        other.close()

    play(scene, mo_every=3, mo_text="Oui")


def test_handsets_answer_stop_to_what_was_delivered(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(1)
        receipt, stop = await esme.given(2)
        assert receipt.esm_class == 0x04
        assert (stop.esm_class, stop.short_message, stop.destination_addr) == (0, b"STOP", b"36180")
        carrier.behave(undeliverable_percent=100.0)
        esme.submit(1)
        await esme.given(3)
        await asyncio.sleep(0.02)
        assert len(esme.delivered) == 3
        esme.close()

    play(scene, stop_percent=100.0)


def test_a_receipt_by_hand(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(1)
        ((_, _, message_id),) = await esme.answered(1)
        carrier.inject_receipt(message_id.decode(), "DELETED", "099")
        await esme.given(1)
        receipt = esme.receipts[0]
        assert (receipt.id, receipt.state, receipt.err) == (message_id.decode(), MessageState.DELETED, "099")
        with pytest.raises(KeyError, match="no message '1'"):
            carrier.inject_receipt("1", "DELIVRD")
        esme.close()

    play(scene, receipts="none")
