"""The carrier is cut in the middle of a mixed traffic: what must arrive leaves by the SIM, the rest waits, and on
return the carrier takes over. Real sockets, a real pty; the modem's times are a fiftieth of a slow one's.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from system.esme import coming, settled
from system.world import story

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem
from gateway.control.explain import explain
from gateway.control.rates import Rates
from gateway.control.roads import links
from gateway.control.stories import trace
from gateway.events import AlarmMoved, FallbackMoved, Moved
from gateway.lifecycle import Cause

KINDS = ["OTP", "ALERT", *["TRANS"] * 13, *["PROMO"] * 5]
UNLIMITED = {"per_minute": 0, "per_hour": 0, "per_day": 0, "recipients_per_month": 0}
ACCOUNT = {"shop": {"kinds": ["otp", "alert", "transactional", "marketing"], "window": 5000}}
RESENT = {"shop": {**ACCOUNT["shop"], "on_doubt": {"marketing": "resend"}}}
"""As the other kinds: a campaign's message that was on the wire at the cut would be waited for for ten minutes."""


@asynccontextmanager
async def modem(folder: Path, **behaviour):
    line = PtyModem(SimulatedModem(ModemBehaviour(boot=0.1, **behaviour), wall=time.time()), folder / "modem")
    await line.start()
    try:
        yield line
    finally:
        await line.stop()


def with_sim(folder: Path, **more):
    sim = {
        "driver": "modem", "rate": 100, "kinds": ["otp", "alert"], "sim_contract": "M2M 4711",
        "quota": UNLIMITED, "link": {"port": str(folder / "modem")},
    }  # fmt: skip
    return {"sim1": sim, "orange": {"rate": 500, "link": {"window": 20, "response_timeout": 2}}, **more}


ROUTES = {"all": {"bearers": ["orange", "sim1"], "fallback_after": 0.5}}


def events(subscription, kind):
    return [event for event in subscription._events if isinstance(event, kind)]


@pytest.mark.slow
@story
async def test_a_carrier_is_cut_in_the_middle_of_a_thousand_messages(world):
    w = world({"orange": {"latency": 0.01}}, accounts=RESENT, bearers=None, routes=ROUTES)
    w._changes["bearers"] = with_sim(w.folder)
    w.folder.mkdir(exist_ok=True)
    async with modem(w.folder, submit=4 / 50, report_delay=0.1) as line, w:
        await w.links_up("orange", "sim1")
        seen = w.app.bus.subscribe("test")
        shop = await w.application(window=5000)
        tickets = {}

        def submit(start, end):
            for number in range(start, end):
                to = f"+3361{number:07}"
                kind = KINDS[number % len(KINDS)]
                tickets[to] = (kind, shop.submit(to, service_type=kind.encode()))

        submit(0, 500)
        await w.carried(200)
        await w.stop_carrier("orange")
        submit(500, 1000)
        await shop.answered(*(ticket for _, ticket in tickets.values()))
        urgent = {to for to, (kind, _) in tickets.items() if kind in ("OTP", "ALERT")}
        by_carrier = set(w.numbers("orange"))
        sent = line.modem.state.network.submitted
        await coming(lambda: len(sent), lambda: urgent <= by_carrier | {taken.destination for taken in sent})
        await w.start_carrier("orange")
        await coming(lambda: len(shop.given), lambda: len(shop.given) >= 1000 == len(shop.verdicts()))

        by_sim = Counter(taken.destination for taken in sent)
        assert set(by_sim) <= urgent, "only what may use the SIM did"
        assert len(by_sim) >= 50, "and all that came after the cut had to"
        moved = [change for event in events(seen, Moved) for change in event.changes]
        resent = {m.destination for m, _, cause in moved if cause is Cause.DOUBT_RESEND}
        everywhere = by_sim + w.numbers("orange")
        assert set(everywhere) == set(tickets), "nothing is lost"
        twice = {to for to, count in everywhere.items() if count > 1}
        assert twice <= resent, "nothing is sent twice but what the rule for doubt sends again"
        assert {tuple(told) for told in shop.verdicts().values()} == {("DELIVRD",)}
        fallbacks = [(e.engaged, e.bearers) for e in events(seen, FallbackMoved)]
        assert fallbacks[0] == (True, ("sim1",))
        raised = [(e.id, e.raised) for e in events(seen, AlarmMoved) if e.id == "fallback.all"]
        assert raised[0] == ("fallback.all", True)
        finals = w.app.store.read("SELECT state, count(*) FROM message GROUP BY state")
        assert len(finals) == 1
        assert finals[0][1] == 1000


@story
async def test_a_campaign_is_cut_on_the_wire_and_its_receipts_tell_once_the_carrier_is_back(world):
    """on_doubt = "wait", as it is for marketing: nobody gets it twice, and what the carrier had is not lost."""
    async with world({"orange": {"latency": 60}}, accounts=ACCOUNT) as w:
        shop = await w.application()
        tickets = [shop.submit(f"+3361234567{n}", service_type=b"PROMO") for n in range(5)]
        await shop.answered(*tickets)
        await w.carried(5)
        await w.stop_carrier("orange")
        await settled(lambda: len(w.app.doubts) == 5, what=lambda: len(w.app.doubts))
        now = (await trace(w.app, {"id": tickets[0].id}))["now"]
        assert re.search(
            "in doubt.* for [56][0-9][0-9] s more a receipt or a late answer may tell", now["where"]
        ), now
        assert now["why"].startswith("in doubt: link"), now
        await w.start_carrier("orange")
        for taken in w.sent():
            w.carrier.inject_receipt(taken.message_id, "DELIVRD")
        await settled(lambda: len(shop.verdicts()) == 5, what=shop.verdicts)
        assert shop.verdicts() == {ticket.id: ["DELIVRD"] for ticket in tickets}
        assert set(w.numbers().values()) == {1}


@story
async def test_a_stop_written_to_the_sim_counts_for_the_account_that_wrote(world):
    w = world({"orange": {}}, accounts=ACCOUNT, routes=ROUTES, rules={"order": ["stop"]})
    w._changes["bearers"] = with_sim(w.folder)
    async with modem(w.folder) as line, w:
        await w.links_up("orange", "sim1")
        await w.stop_carrier("orange")
        shop = await w.application()
        alert = shop.submit("+33612345678", service_type=b"ALERT")
        await shop.told(alert, "DELIVRD")
        line.mo("+33612345678", "STOP")
        await settled(lambda: bool(shop.replies), what=lambda: "no reply came")
        assert shop.replies == ["STOP"]
        campaign = shop.submit("+33612345678", "Soldes ! STOP 36180", service_type=b"PROMO")
        code = shop.submit("+33612345678", service_type=b"OTP")
        assert await shop.answered(campaign, code) == [0x0401, 0]
        scopes = [w.app.store.name(row[0]) for row in w.app.store.read("SELECT DISTINCT scope FROM optout")]
        assert "account:shop" in scopes, scopes


@story
async def test_an_otp_past_its_validity_is_not_sent_late(world):
    """Down for longer than a code lives, and the SIM's quota is spent: it ends as expired, the application is told."""
    w = world({"orange": {}}, accounts={"shop": {**ACCOUNT["shop"], "validity": {"otp": 6}}}, routes=ROUTES)
    w._changes["bearers"] = with_sim(w.folder)
    w._changes["bearers"]["sim1"]["quota"] = {**UNLIMITED, "per_hour": 1}
    async with modem(w.folder) as line, w:
        await w.links_up("orange", "sim1")
        await w.stop_carrier("orange")
        shop = await w.application()
        first = shop.submit("+33612345678", service_type=b"OTP")
        await shop.told(first, "DELIVRD")
        second = shop.submit("+33612345679", service_type=b"OTP")
        await shop.told(second, "EXPIRED")
        assert len(line.modem.state.network.submitted) == 1
        await w.start_carrier("orange")
        await w.links_up("orange")
        assert not w.sent("orange"), "nor when the carrier is back"


@story
async def test_explain_says_why_the_sim_would_be_used_or_not(world):
    w = world({"orange": {}}, accounts=ACCOUNT, routes=ROUTES)
    w._changes["bearers"] = with_sim(w.folder)
    w._changes["bearers"]["sim1"]["sim_contract"] = ""
    async with modem(w.folder), w:
        view = explain(w.app, {"account": "shop", "to": "+33612345678", "kind": "alert", "text": "eau"})
        sim = next(bearer for bearer in view["bearers"] if bearer["bearer"] == "sim1")
        assert not sim["chosen"]
        assert "sim_contract" in sim["reason"]


@story
async def test_a_reply_to_the_sim_is_the_accounts_that_names_its_number(world):
    """Whole, as `mo` has it; not the masked one that status shows, nor the one of the SIM where ours is written."""
    accounts = {"shop": {**ACCOUNT["shop"], "mo": ["+33711111111"]}}
    w = world({"orange": {}}, accounts=accounts, routes=ROUTES)
    w._changes["bearers"] = with_sim(w.folder)
    w._changes["bearers"]["sim1"]["link"]["number"] = "+33711111111"
    async with modem(w.folder) as line, w:
        await w.links_up("orange", "sim1")
        shop = await w.application()
        line.mo("+33612345678", "Bonjour")
        await settled(lambda: bool(shop.replies), what=lambda: "no reply came")
        long = "Le local serveur est sous l'eau, je coupe le courant. " * 6
        line.mo("+33612345678", long)
        await settled(lambda: len(shop.replies) == 2, what=lambda: "its parts did not come whole")
        assert shop.replies == ["Bonjour", long]
        rows = w.app.store.read("SELECT count(*) FROM mo WHERE destination = '+33711111111'")
        assert rows == [(2,)]


@story
async def test_what_the_quota_leaves_goes_to_the_otp_before_the_alerts(world):
    """Five alerts and a code wait for the SIM, which may send three: the code is the first of them."""
    w = world({"orange": {}}, accounts=ACCOUNT, routes=ROUTES)
    w._changes["bearers"] = with_sim(w.folder)
    w._changes["bearers"]["sim1"]["quota"] = {**UNLIMITED, "per_hour": 3}
    async with modem(w.folder) as line, w:
        await w.links_up("orange", "sim1")
        await w.stop_carrier("orange")
        line.fault(Fault("unplug", seconds=1.0))
        await w.links_down("sim1")
        shop = await w.application()
        alerts = [shop.submit(f"+3361234567{n}", service_type=b"ALERT") for n in range(5)]
        code = shop.submit("+33612345679", service_type=b"OTP")
        await shop.answered(*alerts, code)
        sent = line.modem.state.network.submitted
        await settled(lambda: len(sent) == 3, 20.0, lambda: f"{len(sent)} sent")
        assert [taken.destination for taken in sent] == ["+33612345679", "+33612345670", "+33612345671"]

        def sim():
            return next(link for link in links(w.app, Rates()) if link["name"] == "sim1")

        await settled(lambda: sim()["reason"] == "sim.quota_spent", what=sim)
        assert re.search(
            r"until 20\d\d-\d\d-\d\d \d\d:\d\d UTC: see quota in \[bearers.sim1\]", sim()["detail"]
        )
        (bind,) = sim()["binds"]
        assert bind["quota_left"] == 0
        assert bind["quota_frees_at"] in sim()["detail"]
        view = explain(w.app, {"account": "shop", "to": "+33612345678", "kind": "otp", "text": "1234"})
        why = next(bearer for bearer in view["bearers"] if bearer["bearer"] == "sim1")["reason"]
        assert bind["quota_frees_at"] in why


@story
async def test_a_sim_that_has_written_to_as_many_as_it_may_says_so(world):
    """It is open and has quota left: what it refuses, and what it would refuse, must say why all the same."""
    w = world({"orange": {}}, accounts=ACCOUNT, routes=ROUTES)
    w._changes["bearers"] = with_sim(w.folder)
    w._changes["bearers"]["sim1"]["quota"] = {**UNLIMITED, "recipients_per_month": 1}
    async with modem(w.folder) as line, w:
        await w.links_up("orange", "sim1")
        await w.stop_carrier("orange")
        shop = await w.application()
        codes = [shop.submit(f"+3361234567{n}", service_type=b"OTP") for n in range(2)]
        await shop.answered(*codes)
        await settled(lambda: bool(w.app.outcomes.aside), what=lambda: "nothing was refused")
        assert len(line.modem.state.network.submitted) == 1
        told = await trace(w.app, {"id": str(w.app.outcomes.aside[0].message.id)})
        assert "as many recipients as it may in a month" in told["now"]["why"]
        assert "as many recipients as it may in a month" in told["now"]["where"]
        view = explain(w.app, {"account": "shop", "to": "+33612345678", "kind": "otp", "text": "1234"})
        why = next(bearer for bearer in view["bearers"] if bearer["bearer"] == "sim1")["reason"]
        assert why.startswith("only to whom it has written in the last 31 days: to others from 20")
