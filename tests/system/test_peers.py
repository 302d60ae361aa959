"""Applications that we did not write, through the gateway to a carrier and back: every text arrives as it was written.

Each sends a short message, long ones (split by itself, and whole where its library can), and gets receipts and
replies. The carrier is ours (drivers.smpp.simulator), run in a thread beside the blocking peers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from peers.kannel import Kannel
from peers.process import free_port, wait_until
from peers.smppload import load
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess
from system.world import texts_of

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier
from drivers.sms.alphabet import decode
from drivers.sms.split import Joiner, Part
from drivers.sms.udh import split_udh

T = TypeVar("T")

SHORT = "Votre code est 1234, à très vite"
GSM7 = "Les trains à destination de Lille partiront voie 7 : prix 20 €, [sans] frais. " * 4
EMOJI = "Votre colis est arrivé 📦, à retirer sous 10 jours. " * 4
ANSWERS = ["STOP", "Très bien, merci ! " * 12, "Oui 👍 à demain, même heure. " * 6]


class CarrierThread:
    """A simulated carrier with a loop of its own; `do` calls something there."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.carrier = self.do(lambda: SimulatedCarrier(Behaviour(receipt_delay=0.05)))
        self.port = asyncio.run_coroutine_threadsafe(self.carrier.start(), self.loop).result(5)

    def do(self, call: Callable[[], T]) -> T:
        async def there() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(5)

    def texts(self, to: str) -> list[str]:
        """What that handset shows."""
        return texts_of(
            [each for each in self.do(lambda: list(self.carrier.submitted)) if each.destination == to]
        )

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.carrier.stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class Scene:
    """The gateway's port, and its carrier."""

    def __init__(self, port: int, carrier: CarrierThread, gateway: GatewayProcess) -> None:
        self.port = port
        self.gateway = gateway
        self.carrier = carrier

    def arrives(self, to: str, text: str) -> None:
        wait_until(
            lambda: self.carrier.texts(to) == [text], 10.0, lambda: f"{self.carrier.texts(to)}, not {text!r}"
        )

    def reply(self, number: str, text: str) -> None:
        self.carrier.do(lambda: self.carrier.carrier.inject_mo(number, "36180", text))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    carrier, port = CarrierThread(), free_port()
    table = configuration(tmp_path_factory.mktemp("peers"), port, {"orange": carrier.port}, {})
    try:
        with GatewayProcess(Path(table["gateway"]["state_dir"]).parent, table) as gateway:
            gateway.wait_line("bearer.up")
            yield Scene(port, carrier, gateway)
    finally:
        carrier.stop()


def joined(parts: list[tuple[int, int, bytes]]) -> list[str]:
    """The texts of (esm_class, data_coding, octets) as an application got them."""
    joiner = Joiner()
    texts = []
    for esm_class, data_coding, octets in parts:
        udh, payload = split_udh(octets) if esm_class & 0x40 else (b"", octets)
        whole = joiner.add(Part.of("", "", udh, data_coding, payload, None), 0.0)
        if whole is not None:
            texts.append(whole.text())
    return texts


# ── smpplib ──────────────────────────────────────────────────────────────────────────────────────────────
def test_smpplib(scene, smpplib_app):
    app = smpplib_app(scene.port, "shop", "secret")
    texts = {"33601000001": SHORT, "33601000002": GSM7, "33601000003": "Привет, как дела? " * 10}
    sequences = [sequence for to, text in texts.items() for sequence in app.submit(text, to=to)]
    ids = {app.response(sequence).message_id for sequence in sequences}
    assert len(ids) == len(sequences) > 6
    for to, text in texts.items():
        scene.arrives(f"+{to}", text)
    receipts = app.delivered.wait(len(sequences))
    assert {pdu.receipted_message_id for pdu in receipts} == ids
    assert all(b"stat:DELIVRD" in pdu.short_message for pdu in receipts)
    for text in ANSWERS:
        scene.reply("+33601000001", text)
    replies = app.delivered.wait(3, match=lambda pdu: not pdu.esm_class & 0x3C)
    got = [(pdu.esm_class, pdu.data_coding, pdu.short_message or pdu.message_payload) for pdu in replies]
    assert sorted(joined(got)) == sorted(ANSWERS)
    app.stop()
    assert app.lost is None


# ── npm smpp ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.peers("npm-smpp")
def test_node_smpp(scene, node_app):
    app = node_app(scene.port, "shop", "secret")
    app.submit("short", SHORT, to="33602000001")
    assert app.response("short")[0]["command_status"] == 0
    scene.arrives("+33602000001", SHORT)
    (receipt,) = app.delivered.wait()
    assert receipt["receipted_message_id"] == app.response("short")[0]["message_id"]
    assert "stat:DELIVRD" in receipt["text"]
    count = 1
    plain = GSM7.translate(
        {ord(each): None for each in "€[]"}
    )  # app.js cuts by characters: no room for an escape
    for number, (text, how) in enumerate(
        [(plain, "udh"), (GSM7, "payload"), (EMOJI, "udh"), (EMOJI, "payload")], 2
    ):
        to = f"3360200000{number}"
        app.submit_long(how + to, text, to=to, how=how)
        scene.arrives(f"+{to}", text)
        answers = app.response(how + to)
        assert {answer["command_status"] for answer in answers} == {0}
        count += len(answers)
    app.delivered.wait(count, match=lambda pdu: pdu["esm_class"] == 4)
    for text in ANSWERS:
        scene.reply("+33602000001", text)
    replies = app.delivered.wait(3, match=lambda pdu: not pdu["esm_class"] & 0x3C)
    assert sorted(pdu["text"] or _payload(pdu["message_payload"]) for pdu in replies) == sorted(ANSWERS)


def _payload(value: Any) -> str:
    """node-smpp gives message_payload as {message: text}."""
    return value["message"] if isinstance(value, dict) else str(value)


@pytest.mark.peers("npm-smpp")
def test_node_smpp_asks_about_its_message(scene, node_app):
    app = node_app(scene.port, "shop", "secret")
    app.submit("later", SHORT, to="33602000009", schedule_delivery_time="000000010000000R")
    message_id = app.response("later")[0]["message_id"]
    source = {"source_addr_ton": 0, "source_addr_npi": 1, "source_addr": "38000"}
    app.request("query", "query_sm", message_id=message_id, **source)
    assert app.response("query")[0]["message_id"] == message_id
    app.request("cancel", "cancel_sm", message_id=message_id, **source)
    assert app.response("cancel")[0]["command_status"] == 0
    (receipt,) = app.delivered.wait(1, match=lambda pdu: "stat:DELETED" in pdu["text"])
    assert receipt["receipted_message_id"] == message_id


# ── Kannel ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.peers("kannel")
def test_kannel(scene, kannel):
    box = kannel(scene.port, "shop", "secret")
    key = box.send(SHORT, to="+33603000001")
    scene.arrives("+33603000001", SHORT)
    receipt = box.receipt(key, Kannel.DELIVERED)[0]
    assert "stat:DELIVRD" in receipt["answer"]
    for number, (text, coding) in enumerate([(GSM7, None), (EMOJI, 2)], 2):
        key = box.send(text, to=f"+3360300000{number}", coding=coding)
        scene.arrives(f"+3360300000{number}", text)
        box.receipt(key, Kannel.DELIVERED)


@pytest.mark.peers("kannel")
def test_kannel_gets_replies(scene, kannel):
    box = kannel(scene.port, "shop", "secret")
    for text in ANSWERS:
        scene.reply("+33603000001", text)
    replies = box.messages.wait(3)
    assert sorted(each["text"] for each in replies) == sorted(ANSWERS)
    assert {each["from"].lstrip("+") for each in replies} == {"33603000001"}


# ── smppload ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.peers("smppload")
@pytest.mark.parametrize("length", [60, 400])
def test_smppload(scene, length):
    options: dict[str, Any] = {"user": "shop", "password": "secret", "connections": 2, "window": 100}
    report = load(scene.port, 2000, length=length, dest=33604000000, **options)
    assert (report["exit"], report["accepted"], report["receipts"]) == (0, 2000, 2000)


def test_nothing_was_odd(scene):
    """After all of them: no fault, no orphan, nothing that the listener had to remark on."""
    assert [line for line in scene.gateway.lines() if line["level"] in ("error", "critical")] == []
    assert scene.gateway.lines("store.state_mismatch") == []


def test_decode_is_not_fooled():
    """What the tests above compare with is itself right: the extension table, and a pair of surrogates."""
    assert decode(b"\x1be", 0) == "€"
    assert decode(b"\xd8\x3d\xdc\xe6", 8) == "📦"
