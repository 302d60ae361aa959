"""Time-outs, and the answers that come behind them."""

import asyncio

import pytest
from loopback_esme import LOOPS, bound, segment
from loopback_smsc import Smsc, until

from drivers.bearer import Accepted, Remedy
from drivers.smpp import codec
from drivers.smpp.pdu import Command, CommandStatus


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs one coroutine to its end, at most 15 s."""

    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main, 15))

    return run


def test_no_answer_is_doubtful_and_a_late_one_is_told_as_late(run):
    async def main():
        async with Smsc() as smsc, bound(smsc, response_timeout=0.1, window=1) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment(7, part=2)])
            await until(lambda: gateway.of("Doubtful"))
            assert gateway.of("Doubtful")[0].reason == "response.timeout"
            assert bearer.credit() == 1  # the bind lives, the slot is free
            smsc.respond(smsc.transports[0], smsc.submits[0], (0, b"00LATE"))
            await until(lambda: [s for s in gateway.of("Status") if s.identity == "late"])
            fields = next(s.fields for s in gateway.of("Status") if s.identity == "late")
            assert (fields["message"], fields["part"], fields["carrier_id"]) == ("7", 2, "00LATE")
            assert fields["key"] == "late"
            assert not gateway.of("Accepted")
            assert len(gateway.of("Doubtful")) == 1
            (late,) = gateway.of("Late")
            assert isinstance(late.outcome, Accepted)
            assert (late.outcome.segment.id, late.outcome.carrier_id, late.outcome.key) == (
                7,
                "00LATE",
                "late",
            )

    run(main())


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (CommandStatus.ESME_RTHROTTLED, Remedy.SLOW_DOWN),
        (CommandStatus.ESME_RINVDSTADR, Remedy.GIVE_UP),
        (CommandStatus.ESME_RSYSERR, Remedy.RETRY),
    ],
)
def test_a_late_refusal_is_told_as_late_with_its_remedy(run, status, remedy):
    async def main():
        async with Smsc() as smsc, bound(smsc, response_timeout=0.1, window=1) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment(7)])
            await until(lambda: gateway.of("Doubtful"))
            smsc.respond(smsc.transports[0], smsc.submits[0], (status, None))
            await until(lambda: gateway.of("Late"))
            refused = gateway.of("Late")[0].outcome
            assert (refused.segment.id, refused.code, refused.remedy) == (7, status, remedy)
            assert not [s for s in gateway.of("Status") if s.identity == "late"]

    run(main())


@pytest.mark.parametrize("status", [0, CommandStatus.ESME_RINVCMDID])
def test_a_late_generic_nack_is_a_refusal_whatever_it_says(run, status):
    async def main():
        async with Smsc() as smsc, bound(smsc, response_timeout=0.1, window=1) as (bearer, gateway):
            smsc.answer = lambda sm: None
            bearer.submit([segment(7)])
            await until(lambda: gateway.of("Doubtful"))
            transport = smsc.transports[0]
            nack = codec.header(16, Command.GENERIC_NACK, status, smsc.submits[0].sequence_number)
            transport.session.respond(nack)
            transport.flush()
            await until(lambda: gateway.of("Late"))
            refused = gateway.of("Late")[0].outcome
            assert type(refused).__name__ == "Refused"
            assert refused.code == (status or CommandStatus.ESME_RUNKNOWNERR)

    run(main())
