"""A gateway worth looking at: two carriers, a modem, two applications, live traffic, and what goes wrong.

with Stage(tmp_path) as stage:
    stage.trouble()                      # sfr falls, a campaign is held, the bank does not fetch its receipts
    stage.http("GET", "/", OPERATOR)

orange carries most; sfr takes +3361…, with the modem `sim` behind it for OTPs and alerts. `shop` is bound by SMPP
and submits all the time once traffic() was called; `bank` never binds.
"""

import asyncio
import itertools
import time
from unittest.mock import patch

from peers.process import free_port
from running_gateway import Running
from running_http import ADMIN, OPERATOR, VIEWER, Site

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier
from drivers.sms.alphabet import fit
from gateway import lookout
from gateway.app import App
from gateway.cli.application import Application
from gateway.config import load_config
from gateway.control.acts import ACTS
from gateway.listeners.http.page.history import EVERY, HOUR
from gateway.model import KINDS, Message

__all__ = ["Stage"]

CONFIG = """
[gateway]
name = "lyon-1"
site = "lyon"
[store]
min_free_disk = "1MB"
[listeners.smpp]
port = {smpp}
[listeners.http]
port = {http}
{tokens}
[accounts.shop]
password = "secret08"
kinds = ["otp", "alert", "transactional", "marketing"]
default_kind = "transactional"
senders = ["CHAPPE", "36180"]
mo = ["36180"]
brand = "Chappe"
rate = 2000
[accounts.bank]
password = "secret09"
kinds = ["otp"]
default_kind = "otp"
senders = ["BANK"]
[bearers.orange]
driver = "smpp"
rate = 100
[bearers.orange.link]
host = "127.0.0.1"
port = {orange}
system_id = "chappe"
password = "secret08"
[bearers.sfr]
driver = "smpp"
rate = 40
[bearers.sfr.link]
host = "127.0.0.1"
port = {sfr}
system_id = "chappe"
password = "secret08"
reconnect = {{ first = "200ms", max = "400ms" }}
[bearers.sim]
driver = "modem"
rate = 0.5
kinds = ["otp", "alert"]
quota = {{ per_hour = 40, per_day = 200 }}
sim_contract = "M2M contract 4711"
[bearers.sim.link]
port = "{modem}"
[routes.sfr]
match = {{ to = ["+3361"] }}
bearers = ["sfr", "sim"]
fallback_after = "1s"
[routes.default]
bearers = ["orange"]
[rules]
order = ["sender", "stop"]
[rules.stop]
mention = "off"
"""
TOKENS = """
[[listeners.http.tokens]]
name = "eye"
token_file = "viewer"
[[listeners.http.tokens]]
name = "ops"
token_file = "operator"
role = "operator"
[[listeners.http.tokens]]
name = "root"
token_file = "admin"
role = "admin"
"""


class Stage(Site):
    """See the module. orange, sfr: the carriers; modem: the pty with its simulated modem."""

    def __init__(self, folder, tokens: bool = True, down_after: float = 0.5) -> None:
        Running.__init__(self, folder)
        self.http_port, self._smpp_port = free_port(), free_port()
        self._tokens = TOKENS if tokens else ""
        self._patched = patch.object(lookout, "DOWN", down_after)
        self._traffic: asyncio.Task[None] | None = None
        self._over = False
        for name, token in (("viewer", VIEWER), ("operator", OPERATOR), ("admin", ADMIN)):
            (folder / name).write_text(f"{token}\n")

    async def _start(self) -> None:
        self._patched.start()
        self.orange = SimulatedCarrier(
            Behaviour(latency=0.03, jitter=0.05, receipt_delay=0.4, undeliverable_percent=4.0)
        )
        self.sfr = SimulatedCarrier(Behaviour(latency=0.02, receipt_delay=0.3))
        behaviour = ModemBehaviour(boot=0.1, submit=0.3, report_delay=0.3)
        self.modem = PtyModem(SimulatedModem(behaviour, wall=time.time()), self.folder / "modem")
        await self.modem.start()
        self._sfr_port = await self.sfr.start()
        words = CONFIG.format(
            smpp=self._smpp_port, http=self.http_port, tokens=self._tokens, modem=self.modem.place,
            orange=await self.orange.start(), sfr=self._sfr_port,
        )  # fmt: skip
        self.path.write_text(words, encoding="utf-8")
        self.app = App(load_config(self.path, {}))
        await self.app.start()
        self.control = self.app.control
        self.socket = self.control.path

    async def _stop(self) -> None:
        self._over = True
        if self._traffic is not None:
            await self._traffic
            self._shop.leave()
        await self.app.stop(0.0)
        for peer in (self.modem, self.orange, self.sfr):
            await peer.stop()
        self._patched.stop()

    @property
    def page(self):
        """The LivePage."""
        return self.app.web.http.page

    def all_up(self) -> None:
        self.until(lambda: all(road.open for road in self.app.dispatcher.roads.values()))

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────
    def traffic(self) -> None:
        """From now on shop submits some thirty messages a second by SMPP."""
        self.run(self._begin_traffic())

    async def _begin_traffic(self) -> None:
        self._shop = Application(lambda _given: None)
        await self._shop.bind(self._smpp_port, "shop", "secret08")
        self._traffic = asyncio.create_task(self._keep_submitting())

    async def _keep_submitting(self) -> None:
        for number in itertools.count():
            if self._over:
                return
            to = f"+3367000{number % 10_000:04d}" if number % 12 else f"+3361000{number % 10_000:04d}"
            kind = ("", "OTP", "", "", "ALERT")[number % 5] if number % 12 else ""
            await self._shop.submit("CHAPPE", to, "Votre colis arrive demain", kind)
            await asyncio.sleep(0.03)

    def put(self, to: str, kind: str, account: str = "shop", tag: str = "", count: int = 1) -> list[str]:
        """Messages that are taken, without a bind."""

        async def once() -> list[str]:
            coding, payload = fit("Votre code : 493817")
            expires = self.app.clock.wall_ms() + 3_600_000
            sender = "BANK" if account == "bank" else "CHAPPE"
            made = [
                Message(0, account, KINDS[kind], 0, sender, to, coding, b"", payload, 1, 1, expires)
                for _ in range(count)
            ]
            for message in made:
                message.tag = tag
            submitted = self.app.intake.submit(self.app.accounts.get(account), made)
            if submitted.durable is not None:
                await submitted.durable
            assert [answer.status for answer in submitted.answers] == [0] * count, [
                answer.text for answer in submitted.answers if answer.status
            ][:1]
            return [str(answer.message_id) for answer in submitted.answers]

        return self.run(once())

    def cut(self) -> None:
        """sfr closes every connection, and its port."""
        self.run(self.sfr.stop())

    def mend(self) -> None:
        self.run(self.sfr.start(port=self._sfr_port))

    def trouble(self) -> None:
        """What an operator finds at 3 a.m."""
        self.put("+33670000001", "otp", "bank", count=7)
        self.run(ACTS["hold"](self.app, {"tag": "soldes"}, "ops", _deaf))
        self.put("+33670000002", "marketing", tag="soldes", count=1250)
        self.cut()
        self.until(lambda: not self.app.dispatcher.roads["sfr"].open)
        self.put("+33610000003", "transactional", count=87)
        self.until(lambda: "fallback.sfr" in self.app.alarms and "bearer.sfr" in self.app.alarms)
        self.put("+33610000004", "otp", count=2)

    def an_hour(self) -> None:
        """Samples as if there had been an hour before, like the traffic of now: a picture of a line needs one."""

        def fill() -> None:
            page, now = self.page, self.app.clock.wall_ms() / 1000
            history, bounds = page._history, page._accepted.bounds
            history._samples.clear()
            totals = dict.fromkeys(("admitted", "accepted", "delivered", "failed"), 0)
            buckets = [0] * (len(bounds) + 1)
            for number in range(int(HOUR / EVERY)):
                at = now - HOUR + number * EVERY
                wave = 24 + 9 * ((number // 3 * 7919) % 11) / 11 + (60 if 210 < number < 235 else 0)
                slow = 240 < number < 262
                totals["admitted"] += int(wave * EVERY)
                totals["accepted"] += int(wave * (0.5 if slow else 1) * EVERY)
                totals["failed"] += int(wave * 0.04 * EVERY)
                for place, share in ((4, 0.6), (5, 0.36), (6, 0.04)):
                    buckets[place + (3 if slow else 0)] += int(wave * share * EVERY)
                history.sample(at, totals, buckets)
            page._sample = lambda: None
            page._flow = None

        self.call(fill)


async def _deaf(_line) -> None:
    """Nobody listens."""
