"""The simulated carrier seen from outside, by a bare ESME and by smpplib: binds, responses, ids, other operations."""

import asyncio
import time

import pytest
from peers.smpplib_app import SmpplibApp
from raw_esme import RawEsme, receipted_id, until

from drivers.bearer import MessageState
from drivers.smpp import codec, ids
from drivers.smpp.pdu import Command, CommandStatus

S = CommandStatus


def test_without_faults_every_submit_has_its_response_and_its_receipt(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(50)
        answers = await esme.answered(50)
        await esme.given(50)
        assert [(n, status) for n, status, _ in answers] == [(n, 0) for n in range(50)]
        told = [message_id for _, _, message_id in answers]
        assert len(set(told)) == 50
        assert [receipt.id.encode() for receipt in esme.receipts] == told
        assert [receipted_id(sm) for sm in esme.delivered] == told
        assert {receipt.state for receipt in esme.receipts} == {MessageState.DELIVERED}
        first = esme.delivered[0]
        assert (first.source_addr, first.destination_addr, first.source_addr_ton) == (
            b"33612345678",
            b"36180",
            1,
        )
        assert [taken.message_id.encode() for taken in carrier.submitted] == told
        assert carrier.submitted[0].text == "Bonjour"
        await until(lambda: carrier.counts["receipts"] == 50)
        esme.close()

    play(scene)


@pytest.mark.parametrize(
    ("behaviour", "system_id", "password", "status"),
    [
        ({}, b"who", b"ever", 0),
        ({"system_id": "shop", "password": "secret"}, b"shop", b"secret", 0),
        ({"system_id": "shop"}, b"chop", b"", S.ESME_RINVSYSID),
        ({"password": "secret"}, b"shop", b"wrong", S.ESME_RINVPASWD),
        ({"bind_status": int(S.ESME_RALYBND)}, b"shop", b"secret", S.ESME_RALYBND),
    ],
)
def test_who_may_bind(play, behaviour, system_id, password, status):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port, system_id=system_id, password=password)
        assert esme.session.bind_status == status
        assert carrier.counts["bind_refused"] == (1 if status else 0)
        esme.close()

    play(scene, **behaviour)


def test_latency_holds_responses_back_and_enquire_link_not(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        began = time.monotonic()
        esme.submit(10)
        await esme.answered(10)
        assert 0.2 <= time.monotonic() - began < 1.0
        esme.close()

    play(scene, latency=0.2)


def test_jitter_changes_the_order_of_responses(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(30, receipt=0)
        order = [n for n, _, _ in await esme.answered(30)]
        assert sorted(order) == list(range(30)) != order
        esme.close()

    play(scene, jitter=0.1)


def test_beyond_the_rate_segments_are_throttled(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(25)
        statuses = [status for _, status, _ in await esme.answered(25)]
        assert statuses == [0] * 10 + [S.ESME_RTHROTTLED] * 15
        await asyncio.sleep(1.05)
        esme.submit(1)
        assert (await esme.answered(26))[-1][1] == 0
        assert carrier.counts["refused"] == 15
        esme.close()

    play(scene, rate_limit=10.0)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({"throttle_every": 3}, [0, 0, 0x58, 0, 0, 0x58]),
        ({"throttle_percent": 100.0}, [0x58] * 6),
        ({"error_percent": 100.0}, [8] * 6),
        ({"error_percent": 100.0, "error_status": 0x0B}, [0x0B] * 6),
    ],
)
def test_refusals_on_order(play, behaviour, expected):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(6)
        assert [status for _, status, _ in await esme.answered(6)] == expected
        await asyncio.sleep(0.02)
        assert len(esme.receipts) == expected.count(0)
        esme.close()

    play(scene, **behaviour)


def test_a_dropped_response_leaves_the_request_open_though_the_receipt_comes(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(5)
        await esme.given(5)
        assert esme.answers == []
        assert [taken.answered for taken in carrier.submitted] == [False] * 5
        esme.close()

    play(scene, drop_response_percent=100.0)


@pytest.mark.parametrize(
    ("style", "looks"),
    [
        ("decimal", str.isdecimal),
        ("hex", lambda text: int(text, 16) > 0),
        ("uuid", lambda text: len(text) == 36),
    ],
)
def test_ids_and_their_receipts_are_the_same_text(play, style, looks):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(3)
        await esme.given(3)
        for (_, _, message_id), receipt in zip(esme.answers, esme.receipts, strict=True):
            assert message_id.decode() == receipt.id
            assert looks(receipt.id)
        esme.close()

    play(scene, ids=style)


def test_mixed_ids_are_the_same_number_in_two_bases(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(20)
        await esme.given(20)
        for (_, _, message_id), receipt in zip(esme.answers, esme.receipts, strict=True):
            assert int(message_id, 16) == int(receipt.id)
            assert (len(receipt.id), receipt.id[0]) == (10, "0")
            assert ids.canonical(message_id.decode()) in ids.candidates(receipt.id)
        esme.close()

    play(scene, ids="mixed")


def test_other_operations_are_refused(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.session.send(Command.QUERY_SM, [b"42\0\1\x0133612345678\0"], ["query"], time.monotonic())
        esme.transport.flush()
        assert (await esme.answered(1))[0][:2] == ("query", S.ESME_RINVCMDID)
        esme.session.send(
            Command.DATA_SM,
            [codec.data_body(b"\0\0\0", b"\1\x0133612345678\0", tlvs=codec.tlv(0x424, b"Salut"))],
            ["data"],
            time.monotonic(),
        )
        esme.transport.flush()
        assert (await esme.answered(2))[1][:2] == ("data", 0)
        assert carrier.submitted[0].text == "Salut"
        esme.close()

    play(scene)


def test_the_same_seed_gives_the_same_run(play):
    runs = []

    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(60)
        await esme.answered(60)
        runs.append([(n, status, told) for n, status, told in esme.answers])
        esme.close()

    for seed in (5, 5, 6):
        play(scene, seed=seed, error_percent=30.0, ids="uuid")
    assert runs[0] == runs[1] != runs[2]


def test_smpplib_binds_submits_and_gets_its_receipt(play):
    async def scene(carrier, port):
        def application():
            with SmpplibApp(port, "shop", "secret") as app:
                sequence = app.submit("Bonjour", "33612345678")[0]
                response = app.response(sequence)
                (receipt,) = app.delivered.wait(1, 5.0)
                return response, receipt

        response, receipt = await asyncio.to_thread(application)
        assert response.status == 0
        assert response.message_id in receipt.short_message
        assert b"stat:DELIVRD" in receipt.short_message
        assert receipt.receipted_message_id == response.message_id
        (taken,) = carrier.submitted
        assert (taken.text, taken.destination, taken.system_id) == ("Bonjour", "+33612345678", "shop")

    play(scene, receipt_delay=0.1, system_id="shop", password="secret")
