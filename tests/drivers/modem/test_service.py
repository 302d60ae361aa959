"""A modem at work: what it is asked while nobody sends, what it says by itself, and what its Status shows of it."""

import asyncio

from modem_lab import WALL, Lab, segment, virtually

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem


def test_a_reply_comes_to_the_number_that_the_configuration_has_or_to_none():
    """The whole number: accounts and STOPs go by it. Only the status masks it."""

    async def main():
        for behaviour, settings, number in (
            (ModemBehaviour(), {}, "+33700000001"),
            (ModemBehaviour(), {"number": "+33711111111"}, "+33711111111"),
            (ModemBehaviour(number=""), {}, ""),
        ):
            async with Lab(behaviour, settings=settings) as lab:
                await lab.ready()
                lab.line.mo("+33612345678", "STOP")
                await lab.until(lambda lab=lab: lab.gateway.of("Inbound"))
                assert lab.gateway.of("Inbound")[0].destination == number
                assert not number or number not in str(lab.gateway.fields)

    virtually(main())


def test_a_service_centre_that_comes_later_is_seen():
    async def main():
        async with Lab(ModemBehaviour(smsc="")) as lab:
            await lab.until(lambda: lab.gateway.links)
            assert lab.gateway.links == [(False, "sim.no_service_centre")]
            lab.modem.state.smsc = "+33609001390"
            assert await lab.ready() < 10

    virtually(main())


def test_a_locked_sim_that_was_out_is_unlocked_when_it_is_back():
    """Nothing says that it is back: while there is no network, it is asked."""

    async def main():
        async with Lab(ModemBehaviour(pin="1234"), settings={"pin": "1234"}) as lab:
            await lab.ready()
            lab.line.fault(Fault("sim-out", seconds=30))
            await lab.until(lambda: lab.gateway.links[-1] == (False, "sim.absent"))
            await lab.ready()
            assert [right for _, right in lab.modem.state.card.tries] == [True, True]

    virtually(main())


def test_what_comes_while_the_memory_is_read_is_read_at_once():
    """It is not in the list that is on its way: the next sweep, a minute later, would be the next to see it."""
    texts = iter(["second"])

    def note(kind, fields):
        if kind == "command" and str(fields["line"]) == "AT+CMGL=4" and (text := next(texts, "")):
            asyncio.get_running_loop().call_later(0.05, lab.line.mo, "+33612345678", text)

    behaviour = ModemBehaviour(latency=0.3, urc_inside=True)
    lab = Lab(simulated=SimulatedModem(behaviour, wall=WALL, on_event=note))

    async def main():
        async with lab:
            await lab.ready()
            await asyncio.sleep(5)
            lab.line.mo("+33612345678", "first")
            await lab.until(lambda: len(lab.gateway.of("Inbound")) == 2, 20)

    virtually(main())


def test_the_balance_is_asked_for():
    async def main():
        async with Lab(settings={"balance": "*123#"}) as lab:
            await lab.until(lambda: lab.gateway.of("Status") and "balance" in lab.gateway.fields)
            assert lab.gateway.fields["balance"] == "Solde: 12,34 EUR"
        async with Lab(ModemBehaviour(balance=""), settings={"balance": "*123#"}) as lab:
            await lab.until(lambda: lab.gateway.of("Status") and "balance" in lab.gateway.fields)
            assert lab.gateway.fields["balance"] == "no answer"
            await lab.ready()

    virtually(main())


def test_status_is_told_when_it_changes_and_shows_no_number():
    async def main():
        async with Lab() as lab:
            await lab.ready()
            told = len(lab.gateway.of("Status"))
            await asyncio.sleep(1000)
            assert len(lab.gateway.of("Status")) <= told + 3
            assert lab.gateway.fields["imei"] == "860000000000018"
            assert "700000001" not in str(lab.gateway.fields)

    virtually(main())


def test_a_full_memory_is_emptied_and_the_message_still_goes():
    async def main():
        async with Lab(
            faults=[Fault("full", at=0.0), Fault("error", match="+CMGS", text="+CMS ERROR: 322")]
        ) as lab:
            await lab.ready()
            lab.bearer.submit([segment(1)])
            await lab.until(lab.gateway.outcomes)
            assert len(lab.gateway.of("Accepted")) == 1
            await asyncio.sleep(60)
            assert not sum(memory.used for memory in lab.modem.state.memories.values())

    virtually(main())
