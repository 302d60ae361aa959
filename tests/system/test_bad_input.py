"""What a peer can do wrong: it gets the right command_status, there is a line in the log, and nobody else is slowed.

Beside each test a healthy application submits on a connection of its own, and its answers are timed.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from peers.process import free_port, wait_until
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess
from system.raw import BIND, SUBMIT, Raw

from drivers.smpp.build import bind_body, frame, header
from drivers.smpp.pdu import Command, CommandStatus

S = CommandStatus
C = Command
VECTORS = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "pdus.json").read_text())["items"]
MALFORMED = [item for item in VECTORS if item["expect"]["outcome"] != "pdu"]
SLOWEST = 1.0
"""Seconds that an answer to the healthy application may take while others misbehave, on a loaded machine."""


class Healthy:
    """An application that submits all the time, and notes how long the answer took."""

    def __init__(self, port: int) -> None:
        self.worst = 0.0
        self.answers = 0
        self._ended = threading.Event()
        self._raw = Raw.bound(port, body=bind_body(b"calm", b"secret"))
        self._thread = threading.Thread(target=self._live)

    def _live(self) -> None:
        while not self._ended.wait(0.01):
            began = time.monotonic()
            answer = self._raw.ask(frame(C.SUBMIT_SM, self.answers + 2, SUBMIT))
            assert answer is not None and answer[1] == 0, answer
            self.worst = max(self.worst, time.monotonic() - began)
            self.answers += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._raw.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder, port = tmp_path_factory.mktemp("bad-input"), free_port()
    account = {"password": "secret", "default_kind": "alert", "senders": ["*"], "max_binds": 100}
    changes: dict[str, Any] = {
        "listeners": {"smpp": {"bind_timeout": 1.5}},
        "accounts": {
            "shop": {"max_binds": 100},
            "calm": account,
            "narrow": {**account, "window": 3},
            "slow": {**account, "rate": 5},
            "afar": {**account, "networks": ["203.0.113.0/24"]},
            "single": {**account, "max_binds": 1},
            "guessed": account,
        },
    }
    table = configuration(folder, port, {"nowhere": free_port()}, changes)
    with GatewayProcess(folder, table) as process:
        yield process


def port_of(gateway: GatewayProcess) -> int:
    number: int = gateway.wait_line("listener.open", 1.0, tls=False)["port"]
    return number


@pytest.fixture(scope="module")
def healthy(gateway: GatewayProcess) -> Iterator[Healthy]:
    with Healthy(port_of(gateway)) as application:
        yield application


@pytest.fixture
def port(gateway: GatewayProcess, healthy: Healthy) -> Iterator[int]:
    healthy.worst, before = 0.0, healthy.answers
    yield port_of(gateway)
    wait_until(lambda: healthy.answers > before + 1, 10.0, lambda: "the healthy application gets no answer")
    assert healthy.worst < SLOWEST, f"the healthy application waited {healthy.worst:.2f} s"
    assert gateway.running


# ── malformed PDUs ───────────────────────────────────────────────────────────────────────────────────────
BROKEN = [i for i in MALFORMED if i["state"] != "OPEN" and i["expect"]["outcome"] != "need_more"]


@pytest.mark.parametrize("item", BROKEN, ids=lambda item: item["id"])
def test_a_malformed_pdu_costs_a_response_and_not_the_session(port, item):
    octets, expect = bytes.fromhex(item["hex"]), item["expect"]
    with Raw.bound(port) as raw:
        raw.send(octets)
        if expect["outcome"] == "bad_length":
            command, status, _ = raw.read() or (0, 0, 0)
            assert (command, status) == (C.GENERIC_NACK, S.ESME_RINVCMDLEN)
            assert raw.closed()
        elif not expect.get("action", {}).get("replies"):
            raw.send(bytes(16 - len(octets) % 16) if item["id"] == "p052" else b"")
            assert raw.closed(0.3) is (item["id"] == "p052")
        else:
            answer = raw.read()
            assert answer is not None and answer[1] != 0
            assert answer[2] == expect["sequence_number"]
            assert raw.lives()


@pytest.mark.parametrize("item", VECTORS, ids=lambda item: item["id"])
def test_no_vector_stops_the_gateway(gateway, item):
    """Bound or not, and whoever it was meant for."""
    number = port_of(gateway)
    octets = bytes.fromhex(item["hex"])
    with Raw(number) as stranger, Raw.bound(number) as raw:
        stranger.send(octets)
        raw.send(octets)
    with Raw.bound(number) as after:
        assert after.lives()


def test_every_vector_cut_and_flipped(port):
    draw = random.Random(20)
    for item in VECTORS:
        octets = bytearray.fromhex(item["hex"])
        for _ in range(5):
            flipped = bytearray(octets)
            for _ in range(draw.randint(1, 4)):
                flipped[draw.randrange(len(flipped))] = draw.randrange(256)
            with Raw.bound(port) as raw:
                raw.send(bytes(flipped) + bytes(octets[: draw.randrange(len(octets))]))


def test_a_hundred_thousand_malformed_pdus_leave_memory_flat(gateway, port):
    bodies = [b"", b"\xff" * 40, SUBMIT[:30], b"\0" * 33, SUBMIT + b"\x04\x24\xff\xff", b"\0" * 12 + b"\xc8"]
    commands = [
        C.SUBMIT_SM,
        C.DATA_SM,
        C.QUERY_SM,
        C.SUBMIT_MULTI,
        C.REPLACE_SM,
        C.CANCEL_SM,
        C.DELIVER_SM,
        0x999,
    ]
    pdus = [frame(command, 7, body) for command in commands for body in bodies]
    batch = b"".join(pdus * (1000 // len(pdus) + 1))
    count = len(pdus) * (1000 // len(pdus) + 1)
    with Raw.bound(port) as raw:
        reader = _Counting(raw)
        for _ in range(10):
            raw.send(batch)
        reader.wait(10 * count)
        before = gateway.rss()
        for _ in range(90):
            raw.send(batch)
        reader.wait(100 * count)
        grown = gateway.rss() - before
    assert grown < 8_000_000, f"{grown / 1e6:.1f} MB for {90 * count} PDUs"


class _Counting:
    """Reads answers in a thread, so that neither side blocks on the other; each is a header and no more."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._count = 0
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        octets = 0
        try:
            while chunk := self._raw.socket.recv(1 << 20):
                octets += len(chunk)
                self._count = octets // 16
        except OSError:  # the test has closed it
            return

    def wait(self, count: int, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while self._count < count:
            assert time.monotonic() < deadline, f"{self._count} of {count} answered"
            time.sleep(0.02)


# ── binding ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("system_id", "password", "reason"),
    [
        (b"shop", b"wrong", "password"),
        (b"nobody", b"secret", "unknown"),
        (b"afar", b"secret", "network"),
        (b"", b"", "unknown"),
    ],
)
def test_who_may_not_come_in_hears_one_refusal_and_the_log_says_why(
    gateway, port, system_id, password, reason
):
    with Raw(port) as raw:
        answer = raw.ask(frame(C.BIND_TRANSCEIVER, 1, bind_body(system_id, password)))
        assert answer == (C.BIND_TRANSCEIVER_RESP, S.ESME_RBINDFAIL, 1)
    # Strangers are told of together, a line a minute: the name in it may be an earlier one's.
    who = {} if reason == "unknown" else {"account": system_id.decode()}
    gateway.wait_line("bind.refused", detail=reason, **who)


def test_too_many_binds_of_an_account(gateway, port):
    with Raw.bound(port, body=bind_body(b"single", b"secret")), Raw(port) as second:
        answer = second.ask(frame(C.BIND_TRANSCEIVER, 1, bind_body(b"single", b"secret")))
        assert answer == (C.BIND_TRANSCEIVER_RESP, S.ESME_RBINDFAIL, 1)
    gateway.wait_line("bind.refused", account="single", detail="too_many_binds")


def test_guessing_costs_time_and_the_customer_is_not_told_apart(gateway, port):
    for _ in range(6):
        with Raw(port) as raw:
            raw.ask(frame(C.BIND_TRANSCEIVER, 1, bind_body(b"guessed", b"guess")))
    with Raw(port) as raw:
        answer = raw.ask(frame(C.BIND_TRANSCEIVER, 1, bind_body(b"guessed", b"secret")))
        assert answer == (C.BIND_TRANSCEIVER_RESP, S.ESME_RBINDFAIL, 1)


def test_bind_twice(port):
    with Raw.bound(port) as raw:
        answer = raw.ask(frame(C.BIND_TRANSCEIVER, 2, BIND))
        assert answer == (C.BIND_TRANSCEIVER_RESP, S.ESME_RALYBND, 2)
        assert raw.lives()


def test_submit_before_bind(port):
    with Raw(port) as raw:
        assert raw.ask(frame(C.SUBMIT_SM, 1, SUBMIT)) == (C.SUBMIT_SM_RESP, S.ESME_RINVBNDSTS, 1)
        assert raw.ask(frame(C.BIND_TRANSCEIVER, 2, BIND)) == (C.BIND_TRANSCEIVER_RESP, 0, 2)


def test_wrong_bind_mode(port):
    with Raw.bound(port, C.BIND_RECEIVER) as raw:
        assert raw.ask(frame(C.SUBMIT_SM, 2, SUBMIT)) == (C.SUBMIT_SM_RESP, S.ESME_RINVBNDSTS, 2)
        assert raw.lives()
    with Raw.bound(port, C.BIND_TRANSMITTER) as raw:
        assert raw.ask(frame(C.DELIVER_SM, 2, SUBMIT)) == (C.DELIVER_SM_RESP, S.ESME_RINVBNDSTS, 2)
        assert raw.lives()


def test_a_connection_that_never_binds_is_closed(port):
    with Raw(port) as raw:
        began = time.monotonic()
        assert raw.closed(5.0)
        assert 1.0 < time.monotonic() - began < 4.0


# ── too much ─────────────────────────────────────────────────────────────────────────────────────────────
def test_over_the_window(gateway, port):
    with Raw.bound(port, body=bind_body(b"narrow", b"secret")) as raw:
        raw.send(b"".join(frame(C.SUBMIT_SM, n, SUBMIT) for n in range(2, 12)))
        statuses = {n: status for _, status, n in filter(None, (raw.read() for _ in range(10)))}
        assert [statuses[n] for n in range(2, 12)] == [0] * 3 + [S.ESME_RTHROTTLED] * 7
        assert raw.ask(frame(C.SUBMIT_SM, 20, SUBMIT)) == (C.SUBMIT_SM_RESP, 0, 20)
    line = gateway.wait_line("submit.refused", account="narrow")
    assert "window" in line["detail"]


def test_over_the_rate(gateway, port):
    with Raw.bound(port, body=bind_body(b"slow", b"secret")) as raw:
        raw.send(b"".join(frame(C.SUBMIT_SM, n, SUBMIT) for n in range(2, 14)))
        statuses = [status for _, status, _ in filter(None, (raw.read() for _ in range(12)))]
        assert sorted(statuses) == [0] * 5 + [S.ESME_RTHROTTLED] * 7
        time.sleep(1.05)
        assert raw.ask(frame(C.SUBMIT_SM, 20, SUBMIT)) == (C.SUBMIT_SM_RESP, 0, 20)
    assert "5 segments a second" in gateway.wait_line("submit.refused", account="slow")["detail"]


def test_a_huge_pdu_closes_before_it_is_there(gateway, port):
    before = gateway.rss()
    with Raw.bound(port) as raw:
        answer = raw.ask(header(0x7FFF_FFFF, C.SUBMIT_SM, 0, 9))
        assert answer is not None and answer[:2] == (C.GENERIC_NACK, S.ESME_RINVCMDLEN)
        assert raw.closed()
    gateway.wait_line("account.left", account="shop", reason="framing")
    assert gateway.rss() - before < 4_000_000


def test_what_never_becomes_whole_is_cut_off(port):
    """Some octets and then silence, and one octet now and then: a PDU may take 10 s, not an hour."""
    cut = [bytes.fromhex(item["hex"]) for item in MALFORMED if item["expect"]["outcome"] == "need_more"]
    connections = [Raw.bound(port) for _ in (*cut, SUBMIT)]
    began = time.monotonic()
    for raw, octets in zip(connections, cut, strict=False):
        raw.send(octets)
    dripped = connections[-1]
    dripped.socket.settimeout(0.2)
    for each in frame(C.SUBMIT_SM, 2, SUBMIT + bytes(200)):
        try:
            dripped.send(bytes([each]))
            if not dripped.socket.recv(1):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        pytest.fail("one octet now and then kept it open")
    assert 9.0 < time.monotonic() - began < 14.0
    assert [raw.closed(2.0) for raw in connections[:-1]] == [True] * len(cut)
    for raw in connections:
        raw.close()


def test_a_slow_but_whole_pdu_is_taken(port):
    with Raw.bound(port) as raw:
        for each in frame(C.SUBMIT_SM, 2, SUBMIT):
            raw.send(bytes([each]))
            time.sleep(0.005)
        assert raw.read() == (C.SUBMIT_SM_RESP, 0, 2)


def test_one_that_does_not_read_its_answers(gateway, port):
    before = gateway.rss()
    with Raw.bound(port) as raw:
        raw.socket.settimeout(1.0)
        flood = b"".join(header(16, C.ENQUIRE_LINK, 0, n) for n in range(1, 60_000))
        with pytest.raises(TimeoutError):
            for _ in range(60):
                raw.send(flood)
        assert gateway.rss() - before < 40_000_000
