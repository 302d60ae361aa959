"""The log of a busy, badly treated gateway, at level debug: no text, no password, no whole number is in it."""

import asyncio
import json
import re
import threading

import lab as laboratory
import pytest
from peers.smpplib_app import SmpplibApp
from smpplib.exceptions import PDUError

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier

TEXT, MO_TEXT, LONG = "Zanzibar clove 4711", "Mombasa pepper 0815", "Pemba nutmeg 2342 " * 20
NUMBERS = [f"+3369876{n:04}" for n in range(100, 160)]
WRONG, SECRET = "passW0rt", "hunter22"


class Carrier:
    """A carrier that throttles, refuses, loses answers and connections, and has a handset that writes."""

    def __init__(self, port, password):
        self.carrier = SimulatedCarrier(
            Behaviour(
                system_id="chappe", password=password, throttle_every=7, error_percent=10.0,
                drop_response_percent=5.0, duplicate_percent=20.0, undeliverable_percent=20.0, ids="mixed",
            )
        )  # fmt: skip
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.call(self.carrier.start(port=port))

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def do(self, method, *arguments):
        async def once():
            return method(*arguments)

        return self.call(once())

    def stop(self):
        self.call(self.carrier.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def log_of_a_bad_day(lab, running):
    """The daemon's output, after all that may go wrong has gone wrong."""
    lab.edit("[gateway]", '[log]\nlevel = "debug"\n\n[gateway]')
    lab.edit('kinds = ["otp", "alert", "transactional"]', 'kinds = ["otp", "transactional", "marketing"]')
    password = (lab.folder / "credentials/carrier").read_text().strip()
    (lab.folder / "credentials/shop").write_text(SECRET + "\n")
    daemon = lab.daemon()
    with pytest.raises(PDUError):
        SmpplibApp(lab.port, "shop", WRONG).start()
    carrier = Carrier(lab.carrier_port, password)
    running.callback(carrier.stop)
    daemon.wait_for("bearer.up")
    with SmpplibApp(lab.port, "shop", SECRET) as shop:
        for number in NUMBERS:
            shop.submit(TEXT, to=number.lstrip("+"), sender="36180")
        shop.submit(LONG, to=NUMBERS[0].lstrip("+"), sender="36180")
        shop.submit("Soldes " + TEXT, to=NUMBERS[1].lstrip("+"), sender="36180", service_type="PROMO")
        shop.submit(TEXT, to=NUMBERS[2].lstrip("+"), sender=NUMBERS[3])  # not one of its senders
        shop.submit(TEXT, to="not a number", sender="36180")
        carrier.do(carrier.carrier.inject_mo, NUMBERS[4], "36180", MO_TEXT)
        carrier.do(carrier.carrier.inject_mo, NUMBERS[5], "36180", "STOP")
        carrier.do(carrier.carrier.inject_mo, NUMBERS[6], "99999", MO_TEXT)  # whose is it?
        daemon.wait_for('"optout"')
        carrier.do(carrier.carrier.drop_links)
        daemon.wait_for("bearer.up", 2)
    laboratory.chappe("optouts", "add", NUMBERS[7], "--scope", "global", "--config", lab.config)
    lab.edit("rate = 100", f'rate = "{SECRET}"')
    laboratory.chappe("reload", "--config", lab.config)
    assert daemon.end() == 0
    return daemon.text()


@pytest.fixture
def lab(tmp_path, running):
    return laboratory.Lab(tmp_path, running)


def test_the_log_of_a_bad_day_tells_nobodys_secrets(lab, running):
    said = log_of_a_bad_day(lab, running)
    events = {json.loads(line)["event"] for line in said.splitlines()}
    assert {
        "bind.refused",
        "submit.refused",
        "bind.down",
        "optout",
        "operator.act",
        "account.bound",
    } <= events

    for text in ("Zanzibar", "Mombasa", "Pemba", TEXT.encode().hex(), TEXT.encode("utf-16-be").hex()):
        assert text.lower() not in said.lower(), "a text"
    carrier = (lab.folder / "credentials/carrier").read_text().strip()
    for secret in (WRONG, SECRET, carrier):
        assert secret not in said, "a password"
    whole = [digits for digits in re.findall(r"\d{9,}", said) if any(digits.endswith(n[3:]) for n in NUMBERS)]
    assert whole == [], "a telephone number"
    # Lines stay few: links, accounts and refusals, nothing for each message.
    assert len(said.splitlines()) < 60, said
