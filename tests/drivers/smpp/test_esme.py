"""The bearer against an SMSC on the loopback, with asyncio's own loop and with uvloop."""

import asyncio
import contextlib

import pytest
from loopback_esme import LOOPS, bound, ids, links, segment, settings
from loopback_smsc import Recorder, Smsc, mo_body, receipt_body, until

from drivers import smpp
from drivers.bearer import MessageState, Remedy
from drivers.smpp import codec
from drivers.smpp.bind import OWED_MAX
from drivers.smpp.pdu import Command, CommandStatus

DELIVER_OK = (0, b"", b"\0")
DELIVER_AGAIN = (CommandStatus.ESME_RX_T_APPN, b"", b"")


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs one coroutine to its end, at most 15 s."""

    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main, 15))

    return run


# ── out ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_binds_submits_and_hears_the_answers(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, window=10) as (bearer, gateway):
            assert smsc.binds == [(Command.BIND_TRANSCEIVER, b"shop", b"secret")]
            assert links(gateway) == [(True, "link.up")]
            assert bearer.credit() == 10
            smsc.answer = lambda sm: (0, b"00AB")
            bearer.submit([segment(n) for n in range(10)])
            assert bearer.credit() == 0
            await until(lambda: len(gateway.of("Accepted")) == 10)
            assert bearer.credit() == 10
            accepted = gateway.of("Accepted")[0]
            assert (accepted.carrier_id, accepted.key, accepted.segment.id) == ("00AB", "ab", 0)
            assert len(smsc.submits) == 10

    run(main())


def test_a_batch_is_one_write_and_its_answers_one_emit(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, window=100) as (bearer, gateway):
            transport = bearer._binds[0].transport._transport
            writes = []
            real = bearer._binds[0].transport

            class Counting:
                def __getattr__(self, name):
                    return getattr(transport, name)

                def write(self, octets):
                    writes.append(octets)
                    transport.write(octets)

            real._transport = Counting()
            bearer.submit([segment(n) for n in range(100)])
            assert len(writes) == 1
            await until(lambda: len(gateway.of("Accepted")) == 100)
            assert len([batch for batch in gateway.batches if type(batch[0]).__name__ == "Accepted"]) <= 3
            real._transport = transport

    run(main())


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (CommandStatus.ESME_RTHROTTLED, Remedy.SLOW_DOWN),
        (CommandStatus.ESME_RSYSERR, Remedy.RETRY),
        (CommandStatus.ESME_RINVDSTADR, Remedy.GIVE_UP),
        (CommandStatus.ESME_RINVSRCADR, Remedy.NEXT_ROUTE),
        (0x455, Remedy.RETRY),
    ],
)
def test_refusals(run, status, remedy):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):
            smsc.answer = lambda sm: (status, None)
            bearer.submit([segment()])
            await until(lambda: gateway.of("Refused"))
            (refused,) = gateway.of("Refused")
            assert (refused.remedy, refused.code, refused.segment.id) == (remedy, status, 1)
            assert f"{status:02X}" in refused.text

    run(main())


def test_a_dialect_changes_the_remedy(run, tmp_path):
    (tmp_path / "odd.toml").write_text('[statuses]\nESME_RSYSERR = "give_up"\n')

    async def main():
        async with Smsc() as smsc:
            bearer = smpp.open("carrier", settings(smsc.port, dialect="odd"), dialects=[tmp_path])
            gateway = Recorder()
            task = asyncio.create_task(bearer.run(gateway))
            await until(bearer.credit)
            smsc.answer = lambda sm: (CommandStatus.ESME_RSYSERR, None)
            bearer.submit([segment()])
            await until(lambda: gateway.of("Refused"))
            assert gateway.of("Refused")[0].remedy is Remedy.GIVE_UP
            task.cancel()
            await asyncio.sleep(0.01)

    run(main())


def test_a_generic_nack_is_a_refusal(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):

            def nack(sm):
                smsc.transports[0].session._out.append(
                    codec.header(16, Command.GENERIC_NACK, CommandStatus.ESME_RINVCMDID, sm.sequence_number)
                )

            smsc.answer = nack
            bearer.submit([segment()])
            await until(lambda: gateway.of("Refused"))
            assert gateway.of("Refused")[0].code == CommandStatus.ESME_RINVCMDID

    run(main())


def test_accepted_without_an_id(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):
            smsc.answer = lambda sm: (0, None)
            bearer.submit([segment()])
            await until(lambda: gateway.of("Accepted"))
            assert (gateway.of("Accepted")[0].carrier_id, gateway.of("Accepted")[0].key) == ("", "")

    run(main())


def test_what_does_not_fit_is_refused_after_submit_and_the_rest_goes(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, default_alphabet="latin1") as (bearer, gateway):
            long = segment(1, payload=b"\x1be" + b"a" * 100)
            bearer.submit([long, segment(2)])
            assert not gateway.of("Refused")
            await until(lambda: gateway.of("Refused") and gateway.of("Accepted"))
            assert gateway.of("Refused")[0].remedy is Remedy.GIVE_UP
            assert gateway.of("Refused")[0].segment is long
            assert ids(gateway.of("Accepted")) == [2]
            assert len(smsc.submits) == 1

    run(main())


def test_more_than_the_credit_is_unsent(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, window=2) as (bearer, gateway):
            bearer.submit([segment(n) for n in range(5)])
            await until(lambda: gateway.of("Unsent") and len(gateway.of("Accepted")) == 2)
            assert ids(gateway.of("Accepted")) == [0, 1]
            assert ids(gateway.of("Unsent")) == [2, 3, 4]

    run(main())


def test_the_window_is_never_passed(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, window=3) as (bearer, gateway):
            held, most, left = [], 0, [segment(n) for n in range(50)]

            def hold(sm):
                held.append(sm)

            smsc.answer = hold
            while left or held:
                batch = left[: bearer.credit()]
                del left[: len(batch)]
                bearer.submit(batch)
                await asyncio.sleep(0.005)
                most = max(most, len(held))
                if held:
                    smsc.respond(smsc.transports[0], held.pop(), (0, b"1"))
            await until(lambda: len(gateway.of("Accepted")) == 50)
            assert most == 3

    run(main())


@pytest.mark.parametrize(("mode", "whole"), [("udh", False), ("sar", False), ("payload", True)])
def test_takes_whole(mode, whole):
    assert smpp.open("carrier", settings(1, long_messages=mode), dialects=[]).takes_whole is whole


# ── in ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_receipts_are_acknowledged_once_durable(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            gateway.how = "later"
            smsc.deliver(receipt_body(b"0a"), receipt_body(b"0b"), mo_body(b"STOP"))
            await until(lambda: gateway.held)
            await asyncio.sleep(0.05)
            assert smsc.answers == []
            gateway.release()
            await until(lambda: len(smsc.answers) == 3)
            assert smsc.answers == [DELIVER_OK] * 3
            assert [r.keys[0] for r in gateway.of("Receipt")] == ["a", "b"]
            assert gateway.of("Inbound")[0].payload == b"STOP"
            assert [type(e).__name__ for e in gateway.batches[-1]] == ["Receipt", "Receipt", "Inbound"]

    run(main())


@pytest.mark.parametrize("how", ["not stored", "raise"])
def test_what_is_not_stored_is_asked_for_again(run, how):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            gateway.how = how
            smsc.deliver(receipt_body(b"1"), mo_body(b"STOP"))
            await until(lambda: len(smsc.answers) == 2)
            assert smsc.answers == [DELIVER_AGAIN] * 2
            gateway.how = "stored"
            smsc.deliver(mo_body(b"STOP"))
            await until(lambda: len(smsc.answers) == 3)
            assert smsc.answers[-1] == DELIVER_OK
            assert links(gateway) == [(True, "link.up")]

    run(main())


def test_an_emit_that_is_a_coroutine_works_too(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            gateway.how = "coroutine"
            smsc.deliver(mo_body(b"STOP"))
            await until(lambda: smsc.answers == [DELIVER_OK])

    run(main())


def test_data_sm_is_read_and_answered_like_deliver_sm(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            body = codec.data_body(
                codec.address(1, 1, b"33612345678"),
                codec.address(3, 0, b"36180"),
                tlvs=codec.tlv(0x0424, b"STOP"),
            )
            smsc.deliver(body, command=Command.DATA_SM)
            await until(lambda: smsc.answers)
            assert smsc.answers == [DELIVER_OK]
            assert gateway.of("Inbound")[0].payload == b"STOP"

    run(main())


def test_a_receipt_that_outruns_its_answer_is_reported_in_order_of_arrival(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):

            def early(sm):
                smsc.deliver(receipt_body(b"77"))
                return 0, b"77"

            smsc.answer = early
            bearer.submit([segment()])
            await until(lambda: gateway.of("Accepted") and gateway.of("Receipt") and smsc.answers)
            assert gateway.of("Receipt")[0].keys[0] == gateway.of("Accepted")[0].key == "77"
            assert smsc.answers == [DELIVER_OK]

    run(main())


def test_answers_come_before_deliveries_of_the_same_read(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment()])
            await until(lambda: smsc.submits)
            session, sm = smsc.transports[0].session, smsc.submits[0]
            session.send(Command.DELIVER_SM, [receipt_body(b"1")], [None], 0.0)
            session.respond(codec.response(sm.command_id, 0, sm.sequence_number, b"1"))
            smsc.transports[0].flush()
            await until(lambda: gateway.of("Receipt"))
            assert [type(e).__name__ for e in gateway.batches[-1]] == ["Accepted", "Receipt"]

    run(main())


def test_the_learner_hears_what_matched_once_emit_is_done(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            gateway.match = 1  # the number in hexadecimal
            for count in range(1, 4):
                smsc.deliver(receipt_body(b"0059113978"))
                await until(lambda count=count: len(smsc.answers) == count)
            smsc.deliver(receipt_body(b"0059113978"))
            await until(lambda: len(gateway.of("Receipt")) == 4)
            assert gateway.of("Receipt")[0].keys[0] == "59113978"
            assert gateway.of("Receipt")[-1].keys[0] == "38601fa"

    run(main())


def test_an_unknown_stat_is_acknowledged_and_remarked(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            smsc.deliver(receipt_body(b"1", stat=b"SOMETHG"))
            await until(lambda: smsc.answers == [DELIVER_OK])
            receipt = gateway.of("Receipt")[0]
            assert (receipt.state, receipt.final) == (MessageState.UNKNOWN, False)
            assert [s.fields["stat"] for s in gateway.of("Status") if s.identity == "receipts"] == ["SOMETHG"]

    run(main())


def test_an_smsc_in_a_flood_is_held_back_and_nothing_is_lost(run):
    async def main():
        count = 3 * OWED_MAX
        async with Smsc(window=count) as smsc, bound(smsc) as (bearer, gateway):
            gateway.how = "later"
            for _ in range(count // 100):
                smsc.deliver(*[mo_body(b"hi" * 60)] * 100)
            await until(lambda: not bearer._binds[0].transport._reading)
            while len(smsc.answers) < count:
                gateway.release()
                await asyncio.sleep(0)
            assert len(gateway.of("Inbound")) == count
            assert bearer._binds[0].owed == 0
            assert bearer._binds[0].transport._reading

    run(main())


def test_alert_notification_is_not_answered(run):
    async def main():
        async with Smsc() as smsc, bound(smsc) as (_, gateway):
            body = codec.address(1, 1, b"33612345678") + codec.address(1, 1, b"1")
            smsc.transports[0]._transport.write(codec.frame(Command.ALERT_NOTIFICATION, 9, body))
            smsc.deliver(mo_body(b"STOP"))
            await until(lambda: smsc.answers == [DELIVER_OK])
            assert len(gateway.of("Inbound")) == 1

    run(main())


# ── a peer that we did not write ─────────────────────────────────────────────────────────────────────────
@pytest.mark.peers("smppload")
def test_against_smppload(run, sink):
    """Ids in hexadecimal in the answer and decimal in the receipt: each receipt finds its message."""
    carrier = sink(id="mixed", id_start=1_000_000)

    async def main():
        bearer = smpp.open("carrier", settings(carrier.port, window=100, binds=2), dialects=[])
        gateway = Recorder()
        task = asyncio.create_task(bearer.run(gateway))
        await until(lambda: bearer.credit() == 200)
        left = [segment(n) for n in range(5_000)]
        while left:
            batch, left = left[: bearer.credit()], left[bearer.credit() :]
            bearer.submit(batch)
            await asyncio.sleep(0.001)
        await until(lambda: len(gateway.of("Receipt")) == 5_000, 10)
        stored = {accepted.key: accepted.segment for accepted in gateway.of("Accepted")}
        assert len(stored) == 5_000
        for receipt in gateway.of("Receipt"):
            found = [stored[key] for key in receipt.keys if key in stored]
            assert receipt.recipient in [one.destination for one in found]
        await bearer.drain(2)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)

    run(main())
