"""Every fault of the simulated carrier, seen from outside: by a bare ESME, and by smpplib's client."""

import asyncio
import time

import pytest
import uvloop
from peers.smpplib_app import SmpplibApp
from raw_esme import RawEsme, receipted_id, until

from drivers.bearer import MessageState
from drivers.smpp import codec, ids
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.pdu import Command, CommandStatus
from drivers.smpp.session import BindState
from drivers.smpp.simulator import SimulatedCarrier, serve
from drivers.sms.split import Joiner, Part, split
from drivers.sms.udh import split_udh

S = CommandStatus
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def play(request):
    """play(scene, **behaviour): scene(carrier, port) against a carrier that behaves so, at most 20 s."""

    def run(scene, on_event=None, **behaviour):
        async def main():
            carrier = SimulatedCarrier(Behaviour(**behaviour), on_event)
            port = await carrier.start()
            try:
                async with asyncio.timeout(20):
                    await scene(carrier, port)
            finally:
                await carrier.stop()
                await asyncio.sleep(0.01)

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(main())

    return run


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


def test_half_open_the_socket_stays_and_nothing_is_said(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port, enquire_link=0.1, response_timeout=0.2)
        esme.submit(5, receipt=0)
        await esme.answered(3)
        await asyncio.sleep(0.1)
        assert [n for n, _, _ in esme.answers] == [0, 1, 2]
        assert esme.end is None
        assert len(carrier.submitted) == 3
        for _ in range(8):  # the peer finds out by enquire_link, as it must
            await asyncio.sleep(0.1)
            esme.transport.tick(time.monotonic())
        assert esme.end[0] == "link_dead"

    play(scene, half_open_after=3)


def test_half_open_from_the_bind_on(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        assert esme.session.state is BindState.BOUND_TRX
        esme.submit(1)
        await asyncio.sleep(0.1)
        assert (esme.answers, esme.end, len(carrier.submitted)) == ([], None, 0)
        esme.close()

    play(scene, half_open_after=0)


@pytest.mark.parametrize(
    ("fault", "words"), [("reset_after", "reset"), ("close_after", "closed the connection")]
)
def test_reset_and_close(play, fault, words):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(5, receipt=0)
        reason, detail, unanswered = await esme.ended()
        assert reason == "connection_lost"
        assert words in detail.lower()
        assert unanswered[-2:] == [3, 4]
        assert len(carrier.submitted) == 3
        carrier.behave(**{fault: None})
        again = await RawEsme.bound(port)
        again.submit(5)
        await again.answered(5)
        again.close()

    play(scene, **{fault: 3})


def test_links_dropped_on_order(play):
    async def scene(carrier, port):
        for reset, words in ((True, "reset"), (False, "closed")):
            esme = await RawEsme.bound(port)
            carrier.drop_links(reset)
            assert words in (await esme.ended())[1].lower()
        assert carrier.counts["closed"] == 2

    play(scene)


def test_slow_read(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        began = time.monotonic()
        esme.submit(200, text=b"x" * 100, receipt=0)  # about 30 kB
        await carrier.wait_for(50)
        assert carrier.counts["submits"] < 200
        await carrier.wait_for(200)
        assert time.monotonic() - began > 0.4
        esme.close()

    play(scene, slow_read=50_000.0)


def test_enquire_link_left_alone_while_submits_are_answered(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port, enquire_link=0.05, response_timeout=0.2)
        await asyncio.sleep(0.1)
        esme.transport.tick(time.monotonic())  # asks
        esme.submit(1, receipt=0)
        await esme.answered(1)
        await asyncio.sleep(0.1)
        esme.transport.tick(time.monotonic())  # asks again: that answer was a sign of life
        await asyncio.sleep(0.3)
        esme.transport.tick(time.monotonic())
        assert esme.end[0] == "link_dead"

    play(scene, ignore_enquire_link=True)


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


def test_waiting_that_is_in_vain_says_how_far_it_got(play):
    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(2)
        with pytest.raises(TimeoutError, match=r"2 of 3 submit_sm in 0\.1 s"):
            await carrier.wait_for(3, 0.1)
        esme.close()

    play(scene)


def test_the_log_has_the_moment_of_receiving(play, tmp_path):
    path = tmp_path / "submits.log"

    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        before = time.monotonic()
        esme.submit(2, text=b"12345")
        await esme.answered(2)
        after = time.monotonic()
        await asyncio.sleep(0.4)  # flushed by the tick, not only at the end
        lines = [line.split() for line in path.read_text().splitlines()]
        assert len(lines) == 2
        times = {float(line[0]) for line in lines}
        assert len(times) == 1  # one chunk
        assert before - 1e-6 <= times.pop() <= after - 0.14
        assert [line[1:] for line in lines] == [
            ["33612345678", taken.message_id, "0", "0", "5", "1"] for taken in carrier.submitted
        ]
        carrier.behave(error_percent=100.0)
        esme.submit(1)
        await esme.answered(3)
        esme.close()

    play(scene, log=str(path), latency=0.15)
    assert path.read_text().splitlines()[2].split()[2] == "-"


def test_events_tell_whole_messages(play):
    events = []
    text = "Une longue histoire qui n'en finit pas. " * 6

    async def scene(carrier, port):
        esme = await RawEsme.bound(port, system_id=b"shop")
        for header, part in reversed(split(text.encode(), 0, 7)):
            esme.submit(1, text=header + part, esm_class=0x40)
        await esme.given(2)
        carrier.inject_mo("+33612345678", "36180", "STOP")
        await esme.given(3)
        await until(lambda: len(events) == 6)
        esme.close()
        await until(lambda: len(events) == 7)

    play(scene, on_event=events.append)
    assert [event.kind for event in events] == [
        "listening",
        "bound",
        "message",
        "receipt",
        "receipt",
        "mo",
        "closed",
    ]
    message = events[2].fields
    assert (message["text"], message["parts"], message["complete"]) == (text, 2, True)
    assert (message["source"], message["destination"], message["system_id"]) == (
        "36180",
        "+33612345678",
        "shop",
    )
    assert message["ids"] == [events[4].fields["id"], events[3].fields["id"]]


def test_sar_parts_are_joined_too(play):
    events = []

    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        for n, text in enumerate((b"Bon", b"jour"), 1):
            tlvs = codec.tlv(0x20C, b"\0\7") + codec.tlv(0x20E, b"\2") + codec.tlv(0x20F, bytes([n]))
            esme.submit(1, text=text, receipt=0, tlvs=tlvs)
        await esme.answered(2)
        esme.close()

    play(scene, on_event=events.append)
    assert [event.fields["text"] for event in events if event.kind == "message"] == ["Bonjour"]


def test_serve_until_cancelled(free_port):
    events = []

    async def main():
        task = asyncio.create_task(serve(Behaviour(), "127.0.0.1", free_port, events.append))
        await until(lambda: events)
        esme = await RawEsme.bound(free_port)
        esme.submit(1)
        await esme.given(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await esme.ended()

    asyncio.run(main())
    assert events[0].fields["port"] == free_port
    assert "message" in [event.kind for event in events]


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
