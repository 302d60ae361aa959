"""The bearer's connections: how they end and come back, several binds, and the operator's hand."""

import asyncio
import contextlib
import time

import pytest
from loopback_esme import LOOPS, bound, ids, links, segment, settings
from loopback_smsc import Recorder, Smsc, mo_body, receipt_body, until

from drivers import smpp
from drivers.smpp.pdu import Command, CommandStatus
from drivers.smpp.settings import Reconnect
from drivers.sms.udh import concat_header

DELIVER_OK = (0, b"", b"\0")


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs one coroutine to its end, at most 15 s."""

    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main, 15))

    return run


# ── the end of a connection, and the next one ────────────────────────────────────────────────────────────
@pytest.mark.parametrize("how", ["fin", "rst", "unbind"])
def test_a_lost_connection_makes_the_window_doubtful_and_comes_back(run, how):
    async def main():
        async with Smsc() as smsc, bound(smsc, window=5) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment(n) for n in range(3)])
            await until(lambda: len(smsc.submits) == 3)
            if how == "rst":
                smsc.abort()
            elif how == "fin":
                smsc.transports[0]._transport.close()
            else:
                smsc.transports[0].session.unbind(asyncio.get_running_loop().time())
                smsc.transports[0].flush()
                await until(lambda: bearer.credit() == 0)
            await until(lambda: len(gateway.of("Doubtful")) == 3)
            assert ids(gateway.of("Doubtful")) == [0, 1, 2]
            assert {event.reason for event in gateway.of("Doubtful")} == {"link.lost"}
            await until(lambda: len(links(gateway)) == 3)
            reason = "link.unbound_by_peer" if how == "unbind" else "link.lost"
            assert links(gateway) == [(True, "link.up"), (False, reason), (True, "link.up")]
            assert bearer.credit() == 5  # a new window
            bearer.submit([segment(9)])
            await until(lambda: len(smsc.submits) == 4)
            assert smsc.submits[-1].sequence_number == 2  # a new sequence: the bind was 1

    run(main())


def test_a_half_open_connection_is_found_by_enquire_link(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, enquire_link=0.1, response_timeout=0.2) as (bearer, gateway):
            smsc.mute = True
            await until(lambda: (False, "link.dead") in links(gateway))
            assert bearer.credit() == 0
            smsc.mute = False
            await until(lambda: links(gateway)[-1] == (True, "link.up"))

    run(main())


def test_nobody_listens_then_somebody_does(run):
    async def main():
        async with Smsc() as first:
            port = first.port
        async with bound(first, up=False) as (bearer, gateway):
            await until(lambda: bearer._binds[0]._backoff.failures >= 4)
            assert links(gateway) == [(False, "connect.failed")]  # told once
            async with Smsc(port):
                await until(lambda: links(gateway) == [(False, "connect.failed"), (True, "link.up")])

    run(main())


def test_waits_between_tries_grow(run):
    async def main():
        async with Smsc() as first:
            pass
        slow = Reconnect(first=0.05, max=0.2)
        async with bound(first, up=False, reconnect=slow) as (_, gateway):
            await until(lambda: len(gateway.of("Status")) >= 4)
            assert [s.fields["next_try"] for s in gateway.of("Status")[:4]] == pytest.approx(
                [0.05, 0.1, 0.2, 0.2]
            )

    run(main())


def test_a_refused_bind_is_tried_again(run):
    async def main():
        async with Smsc() as smsc:
            smsc.bind_statuses = [CommandStatus.ESME_RSYSERR, CommandStatus.ESME_RALYBND]
            async with bound(smsc, up=False) as (_, gateway):
                await until(lambda: links(gateway) == [(False, "bind.refused"), (True, "link.up")])
                assert smsc.connections == 3  # a new socket for each
                waits = [s.fields["next_try"] for s in gateway.of("Status") if s.fields["state"] == "down"]
                assert waits == pytest.approx([0.02, 0.08])  # RALYBND: twice as long

    run(main())


def test_wrong_credentials_wait_for_a_human_and_say_what_to_do(run):
    async def main():
        async with Smsc() as smsc:
            smsc.bind_statuses = [CommandStatus.ESME_RINVPASWD]
            async with bound(smsc, up=False, by_hand=0.4) as (bearer, gateway):
                await until(lambda: links(gateway))
                began = time.monotonic()
                (down,) = gateway.of("LinkChanged")
                assert (down.up, down.reason) == (False, "bind.refused")
                assert down.detail.startswith("wrong password or system_id: ask the carrier.")
                assert down.detail.endswith("next try in 0.4 s")
                await until(bearer.credit)
                assert time.monotonic() - began > 0.3

    run(main())


def test_an_outage_that_turns_into_wrong_credentials_is_told(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, by_hand=0.2) as (_, gateway):
            smsc.bind_statuses = [CommandStatus.ESME_RSYSERR, CommandStatus.ESME_RINVSYSID]
            smsc.abort()
            await until(lambda: len(links(gateway)) == 4)
            assert links(gateway) == [
                (True, "link.up"), (False, "link.lost"), (False, "bind.refused"), (True, "link.up"),
            ]  # fmt: skip

    run(main())


def test_a_store_that_ends_after_the_connection_touches_no_other(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):
            gateway.how = "later"
            smsc.deliver(mo_body(b"STOP"))
            await until(lambda: gateway.of("Inbound"))
            smsc.abort()
            await until(lambda: len(links(gateway)) == 3)
            gateway.release()
            await asyncio.sleep(0.05)
            assert smsc.answers == []  # the SMSC will send it again, on the new bind
            assert bearer._binds[0].owed == 0

    run(main())


# ── several binds ────────────────────────────────────────────────────────────────────────────────────────
def test_two_binds_share_the_load_and_the_parts_of_a_message_stay_together(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, binds=2, window=10) as (bearer, gateway):
            assert bearer.credit() == 20
            assert links(gateway) == [(True, "link.up")]
            parts = [segment(100, n, concat_header(1, 3, n + 1)) for n in range(3)]
            batch = [*(segment(n) for n in range(7)), *parts, *(segment(n) for n in range(7, 17))]
            bearer.submit(batch)
            await until(lambda: len(gateway.of("Accepted")) == 20)
            by = [smsc.transports.index(transport) for transport in smsc.by]
            assert sorted((by.count(0), by.count(1))) == [10, 10]
            together = {by[i] for i, sm in enumerate(smsc.submits) if sm.esm_class & 0x40}
            assert len(together) == 1

    run(main())


def test_one_of_two_binds_lost_is_no_change_of_the_link(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, binds=2, window=5) as (bearer, gateway):
            smsc.transports[0]._transport.close()
            await until(lambda: bearer.credit() == 5)
            await until(lambda: bearer.credit() == 10)
            assert links(gateway) == [(True, "link.up")]
            states = [(s.identity, s.fields["state"]) for s in gateway.of("Status")]
            assert len(states) == 4
            assert sorted(states[:2]) == [("bind/1", "bound"), ("bind/2", "bound")]
            assert states[2:] in ([(f"bind/{n}", "down"), (f"bind/{n}", "bound")] for n in (1, 2))

    run(main())


def test_transmitter_and_receiver(run):
    async def main():
        async with (
            Smsc() as smsc,
            bound(smsc, bind="transmitter+receiver", binds=2, window=5) as (bearer, gateway),
        ):
            assert sorted(command for command, _, _ in smsc.binds) == [
                Command.BIND_RECEIVER, Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSMITTER,
            ]  # fmt: skip
            assert bearer.credit() == 10
            receiver = next(t for t in smsc.transports if t.session.state.value == "bound_rx")
            smsc.deliver(receipt_body(b"1"), transport=receiver)
            bearer.submit([segment()])
            await until(lambda: smsc.answers and gateway.of("Accepted"))
            assert smsc.answers == [DELIVER_OK]
            receiver._transport.close()
            await until(lambda: [s for s in gateway.of("Status") if s.fields["state"] == "down"])
            assert links(gateway) == [(True, "link.up")]  # the road out is open
            assert bearer.credit() == 10

    run(main())


# ── the operator's hand ──────────────────────────────────────────────────────────────────────────────────
def test_drain_waits_for_the_answers_and_unbinds(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment()])
            await until(lambda: smsc.submits)
            draining = asyncio.create_task(bearer.drain(5))
            await asyncio.sleep(0.05)
            assert bearer.credit() == 0
            assert not draining.done()
            smsc.respond(smsc.transports[0], smsc.submits[0], (0, b"1"))
            await asyncio.wait_for(draining, 1)  # as soon as it can, not after 5 s
            assert ids(gateway.of("Accepted")) == [1]
            await until(lambda: smsc.ends == ["peer_unbound"])
            assert links(gateway)[-1] == (False, "link.unbound")
            await asyncio.sleep(0.15)
            assert smsc.connections == 1  # no way back

    run(main())


def test_drain_ends_in_time_when_answers_stay_out(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, _):
            smsc.mute = True
            bearer.submit([segment()])
            began = time.monotonic()
            await bearer.drain(0.2)
            assert 0.15 < time.monotonic() - began < 1

    run(main())


def test_drain_before_the_link_ever_stood(run):
    async def main():
        async with Smsc() as first:
            pass
        async with bound(first, up=False) as (bearer, _):
            await asyncio.wait_for(bearer.drain(5), 1)

    run(main())


def test_reset_closes_and_comes_back_at_once(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, reconnect=Reconnect(first=60, max=60)) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment()])
            await until(lambda: smsc.submits)
            bearer.reset()
            await until(lambda: len(links(gateway)) == 3)
            assert links(gateway) == [(True, "link.up"), (False, "link.reset"), (True, "link.up")]
            assert ids(gateway.of("Doubtful")) == [1]
            assert smsc.connections == 2

    run(main())


def test_reset_ends_a_long_wait(run):
    async def main():
        async with Smsc() as smsc:
            smsc.bind_statuses = [CommandStatus.ESME_RINVPASWD]
            async with bound(smsc, up=False) as (bearer, gateway):
                await until(lambda: links(gateway))
                bearer.reset()
                await until(bearer.credit)

    run(main())


def test_after_cancel_nothing_is_said_and_the_socket_is_gone(run):
    async def main():
        async with Smsc() as smsc:
            bearer = smpp.open("carrier", settings(smsc.port), dialects=[])
            gateway = Recorder()
            task = asyncio.create_task(bearer.run(gateway))
            await until(bearer.credit)
            smsc.answer = lambda sm: None
            bearer.submit([segment()])
            await until(lambda: smsc.submits)
            task.cancel()
            said = len(gateway.events)
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: smsc.ends)
            assert len(gateway.events) == said
            assert bearer.credit() == 0

    run(main())


def test_a_bearer_that_was_cancelled_runs_again(run):
    async def main():
        async with Smsc() as smsc:
            bearer = smpp.open("carrier", settings(smsc.port), dialects=[])
            for _ in range(2):
                gateway = Recorder()
                task = asyncio.create_task(bearer.run(gateway))
                await until(lambda gateway=gateway: links(gateway) == [(True, "link.up")])
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await asyncio.sleep(0.01)

    run(main())
