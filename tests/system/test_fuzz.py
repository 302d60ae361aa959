"""Hypothesis against the decoder, and against a listener that lives: it answers, or closes, and serves the next one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fuzz.decoding import chew
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers.process import free_port
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess
from system.raw import ENQUIRE, SUBMIT, Raw

from drivers.smpp.build import frame
from drivers.smpp.pdu import Command

COMMANDS = st.one_of(st.sampled_from([int(command) for command in Command]), st.integers(0, 0xFFFFFFFF))
NEAR = st.builds(
    lambda at, octets: SUBMIT[:at] + octets + SUBMIT[at + len(octets) :],
    st.integers(0, len(SUBMIT)),
    st.binary(max_size=12),
)
BODIES = st.one_of(st.binary(max_size=400), NEAR, NEAR.map(lambda body: body + b"\x04\x24\x00\x05hello"))
FRAMED = st.builds(frame, COMMANDS, st.integers(0, 0x7FFFFFFF), BODIES)
STREAMS = st.one_of(st.lists(FRAMED, min_size=1, max_size=6).map(b"".join), st.binary(max_size=200))


@settings(max_examples=1500, deadline=None)
@given(STREAMS)
def test_decoder_and_sessions_keep_their_word(octets):
    chew(octets)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("fuzz")
    changes = {"accounts": {"shop": {"max_binds": 1000}}}
    table = configuration(folder, free_port(), {"nowhere": free_port()}, changes)
    with GatewayProcess(folder, table) as process:
        yield process


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=STREAMS, bound=st.booleans())
def test_a_live_listener_outlives_whatever_comes(gateway, octets, bound):
    port = gateway.wait_line("listener.open", 1.0, tls=False)["port"]
    with Raw.bound(port) if bound else Raw(port) as raw:
        raw.send(octets)
        raw.send(ENQUIRE)
        for _ in range(
            50
        ):  # answers in their order, until ours or the end: never silence with the octets taken
            raw.socket.settimeout(0.05)
            try:
                if raw.read() in (None, (Command.ENQUIRE_LINK_RESP, 0, 0x7001)):
                    break
            except (TimeoutError, OSError):  # it waits for the rest of a PDU that we never finish
                break
    assert gateway.running


def test_afterwards_it_is_as_good_as_new(gateway):
    port = gateway.wait_line("listener.open", 1.0, tls=False)["port"]
    with Raw.bound(port) as raw:
        assert raw.ask(frame(Command.SUBMIT_SM, 2, SUBMIT)) == (Command.SUBMIT_SM_RESP, 0, 2)
    assert gateway.lines("connection.failed") == []
    assert [line for line in gateway.lines() if line["level"] in ("error", "critical")] == []
    assert "Traceback" not in gateway.said()
