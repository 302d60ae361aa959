"""The simulated carrier's connections that fail, its log, and what it tells to people."""

import asyncio
import time

import pytest
from raw_esme import RawEsme, until

from drivers.smpp import codec
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.session import BindState
from drivers.smpp.simulator import serve
from drivers.sms.split import split


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


@pytest.mark.parametrize("cut", ["before the response", "between response and receipt"])
def test_a_carrier_that_was_away_tells_of_what_it_had_accepted(play, cut):
    """Its responses are lost with the connection, its receipts never: that much one may ask of a carrier."""

    async def scene(carrier, port):
        esme = await RawEsme.bound(port)
        esme.submit(3)
        await carrier.wait_for(3)
        if cut == "between response and receipt":
            await esme.answered(3)
        await carrier.stop()
        assert (await esme.ended())[0] == "connection_lost"
        assert not esme.receipts
        assert await carrier.start(port=port) == port
        again = await RawEsme.bound(port)
        await again.given(3)
        assert [r.id for r in again.receipts] == [taken.message_id for taken in carrier.submitted]
        again.submit(1)
        await again.answered(1)
        again.close()

    play(scene, latency=0.5 if cut == "before the response" else 0.0, receipt_delay=0.5)


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
