"""What carriers do to a gateway, and what applications see of it: throttling, refusals, odd receipts, doubt."""

from __future__ import annotations

import asyncio

import pytest
from system.certificates import certificates, client_context, server_context
from system.esme import settled
from system.world import story, texts_of

from drivers.smpp.build import tlv
from drivers.smpp.pdu import Tag
from gateway.control.stories import trace

NUMBERS = [f"+3361{n:07}" for n in range(200)]


def told(scene, tmp_path):
    story(scene)(tmp_path)


# ── how fast ─────────────────────────────────────────────────────────────────────────────────────────────
@story
async def test_throttling_burns_no_try_and_keeps_the_order(world):
    slow = {"orange": {"rate": 100, "retry": {"tries": 1}, "link": {"window": 1}}}
    async with world({"orange": {"throttle_every": 20}}, bearers=slow) as w:
        shop = await w.application()
        tickets = shop.submit_many(NUMBERS[:30])
        await shop.answered(*tickets)
        await settled(lambda: len(shop.verdicts()) == 30, 20.0, lambda: len(shop.verdicts()))
        assert w.carrier.counts["refused"] >= 1
        assert [sent.destination for sent in w.sent()] == NUMBERS[:30]
        assert set(map(tuple, shop.verdicts().values())) == {("DELIVRD",)}


@story
async def test_the_rate_is_kept_in_every_second(world):
    async with world({"orange": {"rate_limit": 50}}, bearers={"orange": {"rate": 50}}) as w:
        shop = await w.application()
        await shop.answered(*shop.submit_many(NUMBERS[:120]))
        await w.carried(120)
        assert w.carrier.counts["refused"] == 0
        times = [sent.at for sent in w.sent()]
        assert all(later - earlier >= 0.999 for earlier, later in zip(times, times[50:], strict=False))


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────
@story
async def test_what_may_pass_is_tried_again_and_then_given_up(world):
    tries = {"orange": {"retry": {"tries": 3}}}
    async with world({"orange": {"error_percent": 100, "error_status": 0x08}}, bearers=tries) as w:
        shop = await w.application()
        ticket = shop.submit("+33612345678")
        await shop.told(ticket, "UNDELIV")
        assert w.carrier.counts["submits"] == 3
        assert "err:008" in shop.given[0].short_message.decode()
        w.carrier.behave(error_percent=0.0)
        later = shop.submit("+33612345678")
        await shop.told(later, "DELIVRD")


@story
async def test_a_passing_refusal_costs_nothing(world):
    async with world({"orange": {"error_percent": 30, "error_status": 0x64}}) as w:
        shop = await w.application()
        tickets = shop.submit_many(NUMBERS[:50])
        await settled(lambda: len(shop.verdicts()) == 50, 20.0, lambda: len(shop.verdicts()))
        assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}
        assert set(w.numbers().values()) == {1}


@story
async def test_what_never_can_pass_is_refused_at_once(world):
    async with world({"orange": {"error_percent": 100, "error_status": 0x0B}}) as w:
        shop = await w.application()
        await shop.told(shop.submit("+33612345678"), "REJECTD")
        assert w.carrier.counts["submits"] == 1


# ── ids and receipts ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("ids", ["decimal", "hex", "uuid", "mixed"])
@pytest.mark.parametrize("receipt_tlvs", [True, False], ids=["tlv", "text"])
def test_receipts_are_matched_whatever_the_ids_look_like(tmp_path, ids, receipt_tlvs):
    async def scene(world):
        async with world({"orange": {"ids": ids, "receipt_tlvs": receipt_tlvs, "receipt_delay": 0.05}}) as w:
            shop = await w.application()
            tickets = shop.submit_many(NUMBERS[:100])
            await settled(lambda: len(shop.verdicts()) == 100, what=lambda: len(shop.verdicts()))
            assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}
            assert w.app.receipts.orphans == 0

    told(scene, tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        {"early_percent": 100},
        {"early_percent": 50, "duplicate_percent": 50, "reorder": 7, "enroute_percent": 30},
        {"duplicate_percent": 100},
        {"late_percent": 50, "late_delay": 0.5},
        {"receipt_style": "bare", "receipt_tlvs": False},
        {"receipt_style": "underscores", "ids": "mixed"},
    ],
    ids="+".join,
)
def test_odd_receipts_are_one_verdict(tmp_path, odd):
    async def scene(world):
        async with world({"orange": odd}) as w:
            shop = await w.application()
            tickets = shop.submit_many(NUMBERS[:100])
            long = shop.submit("+33655555555", "Bonjour à tous, " * 25)
            await settled(lambda: len(shop.verdicts()) == 101, what=lambda: len(shop.verdicts()))
            await asyncio.sleep(0.3)
            assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in (*tickets, long)}

    told(scene, tmp_path)


@story
async def test_a_missing_receipt_is_unknown_in_the_end(world):
    missing = {"orange": {"receipts": "none"}}
    async with world(missing, bearers={"orange": {"receipt_timeout": 3600}}) as w:
        shop = await w.application()
        ticket = shop.submit("+33612345678")
        await shop.answered(ticket)
        await w.carried(1)
        await asyncio.sleep(0.1)
        await w.elapse(3700)
        await shop.told(ticket, "UNKNOWN")
        w.carrier.inject_receipt(w.sent()[0].message_id, "DELIVRD")
        await asyncio.sleep(0.2)
        assert shop.verdicts() == {ticket.id: ["UNKNOWN"]}  # late_receipts is off
        asked = shop.query(ticket.id)
        await shop.answered(asked)
        assert asked.body[-2:-1] == b"\2"


@pytest.mark.parametrize(
    ("percent", "stat"),
    [("undeliverable", "UNDELIV"), ("expired", "EXPIRED"), ("rejected", "REJECTD")],
)
def test_a_carrier_s_verdict_is_passed_on(tmp_path, percent, stat):
    async def scene(world):
        async with world({"orange": {f"{percent}_percent": 100, "undeliverable_err": "027"}}) as w:
            shop = await w.application()
            ticket = shop.submit("+33612345678")
            await shop.told(ticket, stat)
            long = shop.submit("+33612345678", "x" * 400)
            await shop.told(long, stat)
            assert all(receipt.err == "027" for receipt in shop.receipts)

    told(scene, tmp_path)


@story
async def test_a_receipt_that_came_while_the_gateway_was_down_is_not_lost(world):
    async with world({"orange": {"receipt_delay": 0.2}}) as w:
        shop = await w.application()
        tickets = [*shop.submit_many(NUMBERS), shop.submit("+33655555555", "Bonjour à tous, " * 25)]
        await shop.answered(*tickets)
        await w.carried(203)
        await w.stop_gateway(0.0)
        await asyncio.sleep(0.3)
        await w.start_gateway()
        shop = await w.application("rx")
        await settled(lambda: len(shop.verdicts()) == 201, what=lambda: len(shop.verdicts()))


# ── two carriers ─────────────────────────────────────────────────────────────────────────────────────────
@story
async def test_when_one_carrier_falls_the_other_carries(world):
    async with world({"orange": {}, "sfr": {}}) as w:
        shop = await w.application()
        await shop.told(shop.submit(NUMBERS[0]), "DELIVRD")
        assert (len(w.sent("orange")), len(w.sent("sfr"))) == (1, 0)
        await w.stop_carrier("orange")
        tickets = shop.submit_many(NUMBERS[1:50])
        assert set(await shop.answered(*tickets)) == {0}
        await settled(lambda: len(shop.verdicts()) == 50)  # after fallback_after, not before
        assert len(w.sent("sfr")) == 49
        await w.start_carrier("orange")
        await w.links_up("orange")
        await w.elapse(11)  # a tier that was replaced settles first
        w.app.dispatcher.health_changed()
        await shop.told(shop.submit(NUMBERS[50]), "DELIVRD")
        assert len(w.sent("orange")) == 2


@story
async def test_what_one_carrier_refuses_the_next_may_take(world):
    async with world({"orange": {"error_percent": 100, "error_status": 0x0A}, "sfr": {}}) as w:
        shop = await w.application()
        tickets = shop.submit_many(NUMBERS[:20])
        await settled(lambda: len(shop.verdicts()) == 20, what=shop.verdicts)
        assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}
        assert w.carriers["orange"].counts["submits"] == len(w.sent("sfr")) == 20


@story
async def test_two_carriers_of_one_tier_share(world):
    routes = {"all": {"bearers": [["orange", "sfr"]]}}
    async with world({"orange": {}, "sfr": {}}, routes=routes) as w:
        shop = await w.application()
        for _ in range(4):
            await shop.answered(*shop.submit_many(NUMBERS[:100]))
        await settled(lambda: len(shop.verdicts()) == 400)
        assert min(len(w.sent("orange")), len(w.sent("sfr"))) > 50


# ── in doubt ─────────────────────────────────────────────────────────────────────────────────────────────
MUTE = {"drop_response_percent": 100, "receipts": "none"}
IMPATIENT = {"orange": {"link": {"response_timeout": 0.5}}}


@story
async def test_in_doubt_and_told_to_resend(world):
    async with world({"orange": MUTE}, bearers=IMPATIENT) as w:
        shop = await w.application()
        ticket = shop.submit("+33612345678", service_type=b"OTP")
        await shop.answered(ticket)
        await w.carried(1)
        w.carrier.behave(drop_response_percent=0.0, receipts="normal")
        await shop.told(ticket, "DELIVRD")
        assert w.numbers() == {"+33612345678": 2}
        assert w.app.doubts.resent == 1


@story
async def test_in_doubt_and_told_to_stop(world):
    rule = {"shop": {"on_doubt": {"transactional": "stop"}}}
    async with world({"orange": MUTE}, bearers=IMPATIENT, accounts=rule) as w:
        shop = await w.application()
        ticket = shop.submit("+33612345678")
        await shop.told(ticket, "UNKNOWN")
        await asyncio.sleep(0.3)
        assert w.numbers() == {"+33612345678": 1}


@story
async def test_in_doubt_and_told_to_wait_for_a_receipt(world):
    async with world({"orange": MUTE}, bearers=IMPATIENT) as w:
        shop = await w.application()
        heard, unheard = shop.submit_many(["+33612345678", "+33611111111"], service_type=b"PROMO")
        await shop.answered(heard, unheard)
        await w.carried(2)
        await settled(lambda: len(w.app.doubts) == 2)
        w.carrier.inject_receipt(w.sent()[0].message_id, "DELIVRD")
        await shop.told(heard, "DELIVRD")
        w.clock.ahead += 601
        await shop.told(unheard, "UNKNOWN")
        assert set(w.numbers().values()) == {1}


@story
async def test_in_doubt_and_the_answer_comes_after_all(world):
    """Two to one number, so that their receipts alone would tell nothing: the late answers do."""
    slow = {"latency": 1.0, "receipt_delay": 0.2}
    async with world({"orange": slow}, bearers=IMPATIENT) as w:
        shop = await w.application()
        tickets = shop.submit_many(["+33612345678", "+33612345678"], service_type=b"PROMO")
        await settled(lambda: len(w.app.doubts) == 2)
        assert not shop.verdicts()
        for ticket in tickets:
            await shop.told(ticket, "DELIVRD")
        assert w.numbers() == {"+33612345678": 2}
        assert (len(w.app.doubts), w.app.outcomes.late.used, w.app.receipts.orphans) == (0, 2, 0)
        told = await trace(w.app, {"id": tickets[0].id})
        (late,) = [line["what"] for line in told["story"] if "late" in line["what"]]
        assert late == f"try 1: orange answered late: accepted as {told['carrier_id']}"


@pytest.mark.parametrize("kind", [b"PROMO", b"OTP"])
def test_a_receipt_that_came_before_the_doubt_settles_it(tmp_path, kind):
    """The carrier took it and delivered it; only its response was lost."""

    async def scene(world):
        early = {"drop_response_percent": 100}
        async with world({"orange": early}, bearers=IMPATIENT) as w:
            shop = await w.application()
            tickets = shop.submit_many(["+33612345678", "+33611111111"], service_type=kind)
            await settled(lambda: len(shop.verdicts()) == 2, 5.0, shop.verdicts)
            assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}
            await asyncio.sleep(0.5)
            assert set(w.numbers().values()) == {1}

    told(scene, tmp_path)


@pytest.mark.parametrize("end", ["reset_after", "close_after", "half_open_after"])
def test_a_lost_link_leaves_only_what_was_on_the_wire_in_doubt(tmp_path, end):
    async def scene(world):
        link = {"response_timeout": 1, "enquire_link": 0.5, "window": 20}
        broken = {"orange": {"latency": 0.02, end: 30}}
        async with world(broken, bearers={"orange": {"rate": 500, "link": link}}) as w:
            shop = await w.application()
            await shop.answered(*shop.submit_many(NUMBERS[:100]))
            await w.carried(30)
            w.carrier.behave(**{end: None})
            await settled(lambda: len(shop.verdicts()) == 100, 15.0, lambda: len(shop.verdicts()))
            twice = [number for number, count in w.numbers().items() if count > 1]
            assert len(twice) <= min(20, w.app.doubts.resent)

    told(scene, tmp_path)


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("long_messages", ["udh", "sar", "payload"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("L'été à 20 €, [tous] les jours {ou presque}. " * 6, id="gsm7"),
        pytest.param("Crêpes 🥞 à volonté, dès 19 h ! " * 8, id="ucs2"),
        pytest.param("x" * 152 + "€" + "y" * 200, id="escape-at-the-cut"),
        pytest.param("ê" + "x" * 65 + "😀" + "z" * 80, id="emoji-at-the-cut"),
    ],
)
def test_a_long_text_arrives_whole(tmp_path, long_messages, text):
    async def scene(world):
        async with world(bearers={"orange": {"link": {"long_messages": long_messages}}}) as w:
            shop = await w.application()
            ticket = shop.submit("+33612345678", text)
            await shop.told(ticket, "DELIVRD")
            assert texts_of(w.sent()) == [text]

    told(scene, tmp_path)


@story
async def test_parts_of_the_application_s_own_splitting_keep_their_header(world):
    async with world() as w:
        shop = await w.application()
        tickets = [
            shop.submit("+33612345678", b"\5\0\3\x2a\2%cpart %c" % (n, 48 + n), esm_class=0x40)
            for n in (1, 2)
        ]
        sar = tlv(Tag.SAR_MSG_REF_NUM, b"\0\7") + tlv(Tag.SAR_TOTAL_SEGMENTS, b"\2")
        tickets += [
            shop.submit("+33611111111", f"sar {n}", tlvs=sar + tlv(Tag.SAR_SEGMENT_SEQNUM, bytes([n])))
            for n in (1, 2)
        ]
        await settled(lambda: len(shop.verdicts()) == 4)
        assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}
        assert texts_of(w.sent()) == ["part 1part 2", "sar 1sar 2"]


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_tls_on_both_sides(tmp_path):
    files = certificates(tmp_path)

    async def scene(world):
        w = world(
            listeners={
                "smpp": {"tls_certificate_file": str(files.certificate), "tls_key_file": str(files.key)}
            },
            bearers={
                "orange": {"link": {"host": "localhost", "tls": True, "tls_ca_file": str(files.authority)}}
            },
        )
        w.tls = server_context(files)
        async with w:
            shop = await w.application(tls=client_context(files))
            await shop.told(shop.submit("+33612345678"), "DELIVRD")
            plain = await w.application()
            assert plain.bind_status is None and plain.end  # not one octet of SMPP in clear
            await shop.told(shop.submit("+33612345678"), "DELIVRD")

    told(scene, tmp_path)


def test_a_carrier_with_another_certificate_gets_nothing(tmp_path):
    files = certificates(tmp_path)
    other = certificates(tmp_path / "other")

    async def scene(world):
        link = {"host": "localhost", "tls": True, "tls_ca_file": str(other.authority)}
        w = world(bearers={"orange": {"link": link}})
        w.tls, w.patient = server_context(files), False
        async with w:
            shop = await w.application()
            await shop.answered(shop.submit("+33612345678"))
            await asyncio.sleep(0.5)
            assert not w.up("orange")
            assert w.carrier.counts["bound"] == 0
            binds = w.app.dispatcher.roads["orange"].status["bind/1"]
            assert "certificate" in str(binds["detail"]).lower()

    told(scene, tmp_path)
