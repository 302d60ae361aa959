"""The transport over real sockets on the loopback, with asyncio's own loop and with uvloop."""

import asyncio
import socket
import ssl

import pytest
import uvloop
from smpp_ends import BIND_BODY, SM, new

from drivers.smpp import codec
from drivers.smpp.pdu import Bind, Command, Sm
from drivers.smpp.session import BindState, Closing, Side
from drivers.smpp.transport import BUFFER_MAX, SmppTransport, connect, listen

C = Command
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs one coroutine to its end, at most 10 s."""

    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(main, 10))

    return run


class Recorder:
    """A handler that answers every Sm at once and keeps all it is told."""

    def __init__(self):
        self.requests, self.answers, self.ends, self.errors, self.writes = [], [], [], [], []
        self.transports = []

    def connected(self, transport):
        self.transports.append(transport)

    def received(self, transport, received):
        self.requests += received.requests
        self.answers += received.answers
        session = transport.session
        for pdu in received.requests:
            if isinstance(pdu, Bind):
                session.accept_bind(pdu, b"chappe")
        sms = [pdu for pdu in received.requests if isinstance(pdu, Sm)]
        session.respond_many([codec.response(p.command_id, 0, p.sequence_number, b"42") for p in sms])

    def writable(self, transport, writable):
        self.writes.append(writable)

    def closed(self, transport, reason, unanswered):
        self.ends.append((reason, unanswered))

    def failed(self, transport, error):
        self.errors.append(error)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.002)


class Server:
    """listen() on a free port with one handler for all connections."""

    def __init__(self, handler, **changes):
        self.handler, self.changes = handler, changes

    async def __aenter__(self):
        self.server = await listen("127.0.0.1", 0, self.make)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def make(self):
        return SmppTransport(new(Side.SMSC, **self.changes), self.handler)

    async def __aexit__(self, *_):
        self.server.close()
        for transport in self.handler.transports:
            transport.close()
        await asyncio.sleep(0.01)


async def bound(port, handler, **changes):
    """Our ESME, bound to the server on that port."""
    session = new(Side.ESME, **changes)
    transport = await connect("127.0.0.1", port, session, handler)
    session.bind(C.BIND_TRANSCEIVER, BIND_BODY, 0.0)
    transport.flush()
    await until(lambda: session.state is BindState.BOUND_TRX)
    return transport


def test_both_sides_of_ours_talk(run):
    async def main():
        there, here = Recorder(), Recorder()
        async with Server(there) as server:
            transport = await bound(server.port, here, window=500)
            assert there.transports[0].peer.startswith("127.0.0.1:")
            transport.session.send(C.SUBMIT_SM, [SM] * 500, list(range(500)), 0.0)
            transport.flush()
            await until(lambda: len(here.answers) == 500)
            assert [context for context, _, _ in here.answers] == list(range(500))
            transport.session.unbind(0.0)
            transport.flush()
            await until(lambda: here.ends and there.ends)
        assert here.ends == [(Closing.UNBOUND, [])]
        assert there.ends == [(Closing.PEER_UNBOUND, [])]
        assert not here.errors + there.errors

    run(main())


def test_a_batch_is_one_write(run):
    class Wire(asyncio.Transport):
        def __init__(self):
            super().__init__()
            self.written = []

        def write(self, data):
            self.written.append(data)

        def set_write_buffer_limits(self, high=None, low=None):
            self.limit = high

        def is_closing(self):
            return False

        def get_extra_info(self, name, default=None):
            return None

    async def main():
        wire, handler = Wire(), Recorder()
        transport = SmppTransport(new(Side.SMSC), handler)
        transport.connection_made(wire)
        assert wire.limit == BUFFER_MAX
        transport.data_received(codec.frame(C.BIND_TRANSCEIVER, 1, BIND_BODY))
        transport.data_received(b"".join(codec.frame(C.SUBMIT_SM, n, SM) for n in range(2, 102)))
        assert [len(codec.decode(data)[0]) for data in wire.written] == [1, 100]

    run(main())


def test_enquire_link_is_answered_before_the_handler_runs(run):
    async def main():
        seen = []

        class Slow(Recorder):
            def received(self, transport, received):
                seen.append(written[-1:])
                super().received(transport, received)

        written = []
        async with Server(Slow()) as server:
            transport = await bound(server.port, Recorder())
            there = server.handler.transports[0]
            write = there._transport.write

            class Spy:
                def __getattr__(self, name):
                    return getattr(wire, name)

                def write(self, data):
                    written.append(data)
                    write(data)

            wire = there._transport
            there._transport = Spy()
            link = codec.header(16, C.ENQUIRE_LINK, 0, 9)
            transport._transport.write(codec.frame(C.SUBMIT_SM, 8, SM) + link)
            await until(lambda: len(written) == 2)
        assert seen[-1] == [codec.header(16, C.ENQUIRE_LINK_RESP, 0, 9)]

    run(main())


def test_a_handlers_exception_ends_its_own_connection_only(run):
    class Fragile(Recorder):
        def received(self, transport, received):
            super().received(transport, received)
            if any(isinstance(pdu, Sm) and pdu.priority_flag == 3 for pdu in received.requests):
                raise RuntimeError("boom")

    async def main():
        there, bad, good = Fragile(), Recorder(), Recorder()
        async with Server(there) as server:
            first = await bound(server.port, bad)
            second = await bound(server.port, good)
            urgent = codec.sm_body(b"\1\0011\0", b"\1\0012\0", b"hi", priority_flag=3)
            first.session.send(C.SUBMIT_SM, [urgent], ["lost?"], 0.0)
            first.flush()
            await until(lambda: bad.ends)
            second.session.send(C.SUBMIT_SM, [SM], ["fine"], 0.0)
            second.flush()
            await until(lambda: good.answers)
            assert [str(error) for error in there.errors] == ["boom"]
            assert there.ends == [(Closing.FAULT, [])]
            assert there.transports[0].session.closed_detail == "RuntimeError: boom"
            second.close()

    run(main())


def test_exceptions_from_connected_and_closed_are_reported_too(run):
    class Broken(Recorder):
        def connected(self, transport):
            raise ValueError("at the door")

        def closed(self, transport, reason, unanswered):
            super().closed(transport, reason, unanswered)
            raise ValueError("on the way out")

    async def main():
        there, here = Broken(), Recorder()
        async with Server(there) as server:
            await connect("127.0.0.1", server.port, new(Side.ESME), here)
            await until(lambda: here.ends)
        assert {str(error) for error in there.errors} == {"at the door", "on the way out"}
        assert there.ends == [(Closing.FAULT, [])]
        assert here.ends == [(Closing.LOST, [])]

    run(main())


def test_a_peer_that_vanishes_leaves_its_contexts(run):
    async def main():
        there, here = Recorder(), Recorder()
        async with Server(there) as server:
            transport = await bound(server.port, here)
            peer = there.transports[0]
            peer.session.send(C.DELIVER_SM, [SM] * 2, ["a", "b"], 0.0)
            transport._transport.abort()
            await until(lambda: there.ends and here.ends)
        assert there.ends == [(Closing.LOST, ["a", "b"])]
        assert len(here.ends) == 1

    run(main())


async def stuffed(server):
    """A raw client that binds and never reads, against a peer that sends till its buffer is over the limit."""
    loop = asyncio.get_running_loop()
    client = socket.create_connection(("127.0.0.1", server.port))
    client.setblocking(False)
    await loop.sock_sendall(client, codec.frame(C.BIND_TRANSCEIVER, 1, BIND_BODY))
    await until(lambda: server.handler.requests)
    there = server.handler.transports[0]
    bodies = [SM] * 50_000
    while there.writable:
        there.session.window.pending.clear()
        there.session.send(C.DELIVER_SM, bodies, bodies, loop.time())
        there.flush()
        await asyncio.sleep(0)
    return client, there


def test_a_peer_that_does_not_read_is_not_read_from_until_it_does(run):
    async def main():
        async with Server(Recorder(), window=50_000) as server:
            client, there = await stuffed(server)
            assert server.handler.writes == [False]
            before = len(server.handler.requests)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, codec.frame(C.SUBMIT_SM, 2, SM))
            await asyncio.sleep(0.05)
            assert len(server.handler.requests) == before
            while not there.writable:
                assert await loop.sock_recv(client, 1 << 20)
                await asyncio.sleep(0)  # sock_recv does not yield while there is something to read
            await until(lambda: len(server.handler.requests) == before + 1)
            assert server.handler.writes == [False, True]
            client.close()

    run(main())


def test_a_peer_that_never_reads_is_let_go(run):
    async def main():
        async with Server(Recorder(), window=50_000) as server:
            client, there = await stuffed(server)
            blocked = there._blocked_at
            there.tick(blocked + 59.0)
            assert server.handler.ends == []
            there.tick(blocked + 60.0)
            ((reason, unanswered),) = server.handler.ends
            assert reason == Closing.STUCK
            assert len(unanswered) == 50_000
            client.close()

    run(main())


def test_the_owners_brake(run):
    async def main():
        there, here = Recorder(), Recorder()
        async with Server(there) as server:
            transport = await bound(server.port, here)
            peer = there.transports[0]
            peer.hold_reading(True)
            transport.session.send(C.SUBMIT_SM, [SM], ["a"], 0.0)
            transport.flush()
            await asyncio.sleep(0.05)
            assert here.answers == []
            peer.hold_reading(False)
            await until(lambda: here.answers)
            transport.close()

    run(main())


def test_tick_runs_the_sessions_timers_and_ends_the_connection(run):
    async def main():
        there, here = Recorder(), Recorder()
        async with Server(there) as server:
            transport = await bound(server.port, here)
            there.transports[0].hold_reading(True)
            now = asyncio.get_running_loop().time()
            transport.session.send(C.SUBMIT_SM, [SM], ["a"], now)
            assert transport.tick(now + 31) == []  # sends enquire_link, which nobody answers
            assert transport.tick(now + 60) == [("a", "no response within 60 s")]
            assert here.ends == []
            transport.tick(now + 91)
            assert here.ends == [(Closing.DEAD, [])]
            await until(lambda: transport._transport is None)

    run(main())


def test_the_socket_keeps_alive_and_does_not_delay(run):
    async def main():
        async with Server(Recorder()) as server:
            transport = await bound(server.port, Recorder())
            sock = transport._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            transport.close()

    run(main())


def test_nobody_listens(run, free_port):
    async def main():
        with pytest.raises(OSError):
            await connect("127.0.0.1", free_port, new(Side.ESME), Recorder())

    run(main())


def test_a_tls_handshake_that_never_begins_is_ended(run, monkeypatch):
    monkeypatch.setattr("drivers.smpp.transport.HANDSHAKE", 0.2)

    async def main():
        def make():
            return SmppTransport(new(Side.SMSC), Recorder())

        server = await listen("127.0.0.1", 0, make, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        server.close()

    run(main())


def test_broken_framing_is_told_before_the_connection_goes(run):
    async def main():
        async with Server(Recorder()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(bytes(16))
            assert await reader.read() == bytes.fromhex("00000010800000000000000200000000")
            writer.close()
            await until(lambda: server.handler.ends)
        assert server.handler.ends == [(Closing.FRAMING, [])]

    run(main())
