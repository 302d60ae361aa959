"""The bearer with a simulated modem in memory, in virtual time: the straight path, throughput, states, quotas."""

import asyncio
import json

import pytest
from modem_lab import Lab, MemoryState, segment, virtually

from drivers import modem
from drivers.bearer import Remedy
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.sms.udh import concat_header
from drivers.terms import Quota


def feed(lab, total, start=0):
    """Hand over as the gateway does: whenever there is credit, at each emit."""
    waiting = [segment(start + n) for n in range(total)]

    def more():
        room = lab.bearer.credit()
        if room > 0 and waiting:
            lab.bearer.submit(waiting[:room])
            del waiting[:room]

    lab.gateway.more = more
    more()


def test_a_message_its_report_and_a_reply():
    async def main():
        async with Lab(ModemBehaviour(mo_every=1)) as lab:
            await lab.ready()
            assert lab.gateway.links == [(True, "link.up")]
            lab.bearer.submit([segment(1, "+33612345678")])
            await lab.until(lambda: lab.gateway.of("Receipt") and lab.gateway.of("Inbound"))
            (accepted,) = lab.gateway.of("Accepted")
            (receipt,) = lab.gateway.of("Receipt")
            (reply,) = lab.gateway.of("Inbound")
            assert accepted.key == accepted.carrier_id == receipt.keys[0]
            assert receipt.final
            assert (reply.source, reply.destination, reply.payload) == (
                "+33612345678",
                "+33700000001",
                b"STOP",
            )
            await asyncio.sleep(2)
            assert not sum(memory.used for memory in lab.modem.state.memories.values())

    virtually(main())


def test_it_uses_the_time_that_the_modem_could_work():
    """At least 95 %, with a report and a reply for every message meanwhile."""

    async def main():
        behaviour = ModemBehaviour(submit=4.0, latency=0.02, prompt=0.02, mo_every=1, report_jitter=3.0)
        async with Lab(behaviour) as lab:
            await lab.ready()
            began = lab.loop.time()
            feed(lab, 100)
            await lab.until(lambda: len(lab.gateway.of("Accepted")) == 100)
            assert 100 * 4.0 / (lab.loop.time() - began) >= 0.95
            await lab.until(lambda: len(lab.gateway.of("Receipt", "Inbound")) == 200)

    virtually(main())


def test_four_modems_give_four_times_one():
    async def main():
        labs = [Lab(ModemBehaviour(submit=4.0, seed=n), name=f"modem{n}") for n in range(4)]
        for lab in labs:
            await lab.__aenter__()
            await lab.ready()
            feed(lab, 25)
        began = lab.loop.time()
        for lab in labs:
            await lab.until(lambda lab=lab: len(lab.gateway.of("Accepted")) == 25)
        assert 4 * 25 * 4.0 / (lab.loop.time() - began) >= 4 * 0.95
        for lab in labs:
            await lab.__aexit__()

    virtually(main())


def test_one_sick_modem_disturbs_no_other():
    async def main():
        async with (
            Lab(
                ModemBehaviour(submit=1.0), faults=[Fault("hang", at=5.0, seconds=1e6, text="power")]
            ) as sick,
            Lab(ModemBehaviour(submit=1.0), name="well") as well,
        ):
            await well.ready()
            feed(sick, 60)
            feed(well, 60)
            took = await well.until(lambda: len(well.gateway.of("Accepted")) == 60)
            assert took < 63
            await sick.until(lambda: ("modem.gave_up") in dict(map(reversed, sick.gateway.links)))
            assert "tried escape, reopen, soft_reset" in sick.gateway.of("LinkChanged")[-1].detail

    virtually(main())


def test_parts_go_back_to_back_in_a_burst():
    async def main():
        async with Lab(ModemBehaviour(submit=1.0)) as lab:
            await lab.ready()
            parts = [segment(5, "+33612345678", part=n, udh=concat_header(7, 2, n + 1)) for n in range(2)]
            lab.bearer.submit(parts)
            await lab.until(lambda: len(lab.gateway.of("Accepted")) == 2)
            assert [event.segment for event in lab.gateway.of("Accepted")] == parts
            assert len({event.key for event in lab.gateway.of("Accepted")}) == 2

    virtually(main())


STATES = {
    "sim.absent": {"behaviour": ModemBehaviour(sim="absent")},
    "sim.pin_missing": {"behaviour": ModemBehaviour(pin="1234")},
    "sim.pin_refused": {"behaviour": ModemBehaviour(pin="1234"), "settings": {"pin": "9999"}},
    "sim.no_service_centre": {"behaviour": ModemBehaviour(smsc="")},
    "sim.no_contract": {"contract": ""},
    "modem.says_only_ok": {"behaviour": ModemBehaviour(obedient=True)},
    "modem.other_imei": {"settings": {"imei": "860000000000992"}},
    "network.none": {"behaviour": ModemBehaviour(registration=2)},
    "network.denied": {"behaviour": ModemBehaviour(registration=3)},
    "network.roaming": {"behaviour": ModemBehaviour(registration=5)},
    "network.weak": {"behaviour": ModemBehaviour(csq=2)},
}


@pytest.mark.parametrize("reason", STATES)
def test_each_bad_state_has_its_reason_and_remedy(reason):
    async def main():
        async with Lab(**STATES[reason]) as lab:
            await lab.until(lambda: lab.gateway.links)
            assert lab.gateway.links == [(False, reason)]
            assert len(lab.gateway.of("LinkChanged")[0].detail) > 20
            await asyncio.sleep(400)  # looked at again and again, and said once
            assert lab.gateway.links == [(False, reason)]
            assert lab.bearer.credit() == 0
            assert lab.gateway.fields["reason"] == reason

    virtually(main())


@pytest.mark.parametrize(
    "behaviour",
    [
        ModemBehaviour(echo_stuck=True),
        ModemBehaviour(sim_busy=12.0),
        ModemBehaviour(lte_only=True),
        ModemBehaviour(register=30.0),
        ModemBehaviour(storage_arguments=0),
        ModemBehaviour(storage_arguments=1),
        ModemBehaviour(me_size=0),
        ModemBehaviour(ds_refused="2"),
        ModemBehaviour(mode_refused="2"),
        ModemBehaviour(urc_inside=True, mo_every=1),
        ModemBehaviour(storm_percent=100.0),
        ModemBehaviour(report_memory="SR"),
        ModemBehaviour(report_early_percent=100.0),
        ModemBehaviour(report_national=True),
        ModemBehaviour(mr=254),
        ModemBehaviour(iccid_command="^ICCID"),
    ],
    ids=lambda b: ",".join(f"{n}" for n in b.__slots__ if getattr(b, n) != getattr(ModemBehaviour(), n)),
)
def test_odd_modems_work_all_the_same(behaviour):
    async def main():
        async with Lab(behaviour, pieces=7) as lab:
            await lab.ready()
            feed(lab, 4)
            await lab.until(lambda: len(lab.gateway.of("Receipt")) == 4)
            assert len(lab.gateway.of("Accepted")) == 4
            keys = {event.key for event in lab.gateway.of("Accepted")}
            assert {receipt.keys[0] for receipt in lab.gateway.of("Receipt")} == keys

    virtually(main())


def test_a_modem_without_reports_says_so():
    async def main():
        async with Lab(ModemBehaviour(ds_refused="12")) as lab:
            await lab.ready()
            assert lab.gateway.fields["receipts"] == "unsupported"
            lab.bearer.submit([segment(1)])
            await lab.until(lambda: lab.gateway.of("Accepted"))

    virtually(main())


def test_without_a_contract_it_receives():
    async def main():
        async with Lab(contract="") as lab:
            await lab.until(lambda: lab.gateway.links)
            lab.line.mo("+33612345678", "STOP")
            await lab.until(lambda: lab.gateway.of("Inbound"))

    virtually(main())


def test_the_quota_holds_over_a_restart():
    async def main():
        quota = Quota(per_minute=0, per_hour=3, per_day=0, recipients_per_month=0)
        async with Lab(quota=quota) as lab:
            await lab.ready()
            feed(lab, 3)
            await lab.until(lambda: ("sim.quota_spent") in dict(map(reversed, lab.gateway.links)))
            await lab.stop()
            lab.gateway.events.clear()
            lab.start()
            await lab.until(lambda: lab.gateway.links)
            assert lab.gateway.links == [(False, "sim.quota_spent")]
            assert lab.gateway.fields["quota_left"] == 0
            await lab.until(lambda: lab.bearer.credit() > 0, 4000)

    virtually(main())


def test_the_recipients_of_a_month():
    async def main():
        quota = Quota(per_minute=0, per_hour=0, per_day=0, recipients_per_month=1)
        async with Lab(quota=quota) as lab:
            await lab.ready()
            lab.bearer.submit([segment(1, "+33612345678"), segment(2, "+33612345679")])
            await lab.until(lambda: lab.gateway.of("Refused"))
            assert lab.gateway.of("Refused")[0].remedy is Remedy.NEXT_ROUTE
            assert len(lab.submitted) == 1
            await lab.until(lambda: lab.gateway.fields.get("recipients_left") == 0)
            assert str(lab.gateway.fields["limit"]).startswith("only to whom it has written")

    virtually(main())


def test_what_is_counted_is_durable_before_it_may_leave():
    async def main():
        async with Lab(ModemBehaviour(submit=5.0)) as lab:
            await lab.ready()
            lab.bearer.submit([segment(41)])
            await asyncio.sleep(1)
            (key,) = [key for key in lab.state.kept if key.startswith("sim.")]
            assert json.loads(lab.state.kept[key])["submitting"] == "41/-1"
            await lab.until(lambda: lab.gateway.of("Accepted"))
            await asyncio.sleep(10)
            assert json.loads(lab.state.kept[key])["submitting"] == ""

    virtually(main())


def test_a_store_that_fails_sends_nothing():
    async def main():
        state = MemoryState()
        async with Lab(state=state) as lab:
            await lab.ready()
            state.fails = "disk full"
            lab.bearer.submit([segment(1)])
            await lab.until(lab.gateway.outcomes)
            assert len(lab.gateway.of("Unsent")) == 1
            assert not lab.submitted
            assert lab.gateway.links[-1] == (False, "store.failed")
            state.fails = ""
            await lab.ready()

    virtually(main())


def test_the_pin_is_used_at_each_start_of_the_modem_and_once_when_it_is_wrong():
    async def main():
        async with Lab(ModemBehaviour(pin="1234", boot=1.0), settings={"pin": "1234"}) as lab:
            for _ in range(4):
                await lab.ready()
                lab.line.fault(Fault("reset"))
                await asyncio.sleep(30)
            assert [right for _, right in lab.modem.state.card.tries] == [True] * len(
                lab.modem.state.card.tries
            )
        state = MemoryState()
        async with Lab(ModemBehaviour(pin="1234"), settings={"pin": "9999"}, state=state) as lab:
            for _ in range(5):
                await asyncio.sleep(300)
                await lab.stop()
                lab.start()
            assert lab.modem.state.card.tries == [("9999", False)]

    virtually(main())


def test_a_pin_file_must_hold_a_pin(tmp_path):
    path = tmp_path / "pin"
    path.write_text("12 34\n")
    settings = modem.Settings(port="/dev/modem", pin_file=path)
    with pytest.raises(ValueError, match="4 to 8 digits"):
        modem.open("modem", settings, MemoryState())
