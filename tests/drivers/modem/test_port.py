"""An open port over real ptys and real TCP connections, with asyncio's own loop and with uvloop."""

import asyncio
import errno
import os
import pty
import socket
import struct
import termios
import time

import pytest
from serial_ends import LOOPS, Ends, refused, run_tidily, until

from drivers.modem import port as ports
from drivers.modem.port import BUFFER_MAX, open_port


@pytest.fixture(params=LOOPS)
def run(request):
    return lambda main: run_tidily(main, request.param)


@pytest.fixture
def modem():
    ends = Ends()
    yield ends
    if ends.far >= 0:
        os.close(ends.far)


def test_octets_both_ways(run, modem):
    async def main():
        port = await modem.open()
        assert (port.name, port.closed) == (modem.path, False)
        port.write(b"AT\r")
        got = bytearray()
        await until(lambda: got.extend(modem.read()) or got == b"AT\r")
        modem.say(b"\r\nOK\r\n\x00\xff")
        await until(lambda: modem.heard == b"\r\nOK\r\n\x00\xff")
        port.close()

    run(main())


def test_nothing_yet_is_not_the_end(run, modem):
    """VMIN 1: without it an idle port reads b"", as one that has hung up does."""

    async def main():
        port = await modem.open()
        assert termios.tcgetattr(port._fd)[6][termios.VMIN] in (1, b"\x01")
        for count in range(1, 50):
            modem.say(b"x")
            await until(lambda: len(modem.heard) == count)  # noqa: B023
        assert not modem.losses
        assert not port.closed
        port.close()

    run(main())


def test_hang_up_is_told_once_and_the_loop_does_not_spin(run, modem):
    async def main():
        port = await modem.open()
        modem.unplug()
        await until(lambda: modem.losses)
        assert port.closed
        before = time.thread_time()
        await asyncio.sleep(0.2)
        assert time.thread_time() - before < 0.1, "a callback fires for ever"
        assert modem.losses == ["the far end hung up"]
        port.write(b"AT\r")
        port.close()
        await asyncio.sleep(0)
        assert len(modem.losses) == 1

    run(main())


def test_what_was_said_before_the_hang_up_is_heard_and_then_the_loss(run, modem):
    """uvloop calls once for both, so the one call must read to the end. Linux drops a pty's last octets: a socket."""

    async def main():
        near, far = socket.socketpair()
        near.setblocking(False)
        port = ports.Port("pair", near.detach(), modem.heard.extend, modem.lost)
        far.sendall(b"+CMTI" * 20_000)
        far.close()
        await until(lambda: modem.losses)
        assert len(modem.heard) == 100_000
        assert port.closed

    run(main())


def test_a_reset_connection_is_read_to_its_end(run, modem):
    """uvloop calls once after an error, with more waiting than one turn of the loop reads."""

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = await modem.open(f"socket://127.0.0.1:{server.getsockname()[1]}")
            far, _ = server.accept()
        with far:
            far.sendall(b"x" * 100_000)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await until(lambda: modem.losses)
        assert modem.losses == [os.strerror(errno.ECONNRESET)]
        assert len(modem.heard) == 100_000
        assert port.closed

    run(main())


def test_no_callback_after_close(run, modem):
    async def main():
        port = await modem.open()
        modem.say(b"late")
        port.close()
        port.close()
        assert port.closed
        again = await modem.open()
        os.close(modem.far)
        modem.far = -1
        again.write(b"x")  # meets EIO: the loss is noted, and told in the next turn…
        assert again.closed
        again.close()  # …which this forbids
        await asyncio.sleep(0.05)
        assert (bytes(modem.heard), modem.losses) == (b"", [])

    run(main())


def test_a_write_that_fails_tells_later_not_at_once(run, modem):
    async def main():
        port = await modem.open()
        modem.unplug()
        port.write(b"AT\r")
        assert port.closed
        assert not modem.losses
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert modem.losses == [os.strerror(errno.EIO)]

    run(main())


def test_closing_from_inside_received_ends_the_reading(run, modem):
    async def main():
        heard = []

        def received(data):
            heard.append(data)
            port.close()

        port = await open_port(modem.path, 9600, received, modem.lost)
        modem.say(b"a" * 3000)
        await until(lambda: heard)
        await asyncio.sleep(0.05)
        assert len(heard) == 1
        assert not modem.losses

    run(main())


def test_a_device_that_takes_nothing_never_blocks_and_is_given_up(run, modem):
    async def main():
        port = await modem.open()
        started = time.monotonic()
        port.write(b"a" * BUFFER_MAX)
        assert not port.closed
        port.write(b"b" * BUFFER_MAX)
        assert time.monotonic() - started < 1
        assert port.closed
        await until(lambda: modem.losses)
        assert "takes no octets" in modem.losses[0]

    run(main())


def test_what_waits_leaves_in_order_when_the_device_takes_again(run, modem):
    async def main():
        port = await modem.open()
        sent = bytes(range(256)) * 200
        for start in range(0, len(sent), 5000):
            port.write(sent[start : start + 5000])
        got = bytearray()
        await until(lambda: got.extend(modem.read()) or len(got) == len(sent))
        assert got == sent
        before = time.thread_time()
        await asyncio.sleep(0.2)
        assert time.thread_time() - before < 0.1, "the loop is told for ever that it may write"
        port.write(b"end")  # straight again, the buffer being empty
        await until(lambda: got.extend(modem.read()) or got.endswith(b"end"))
        port.close()

    run(main())


def test_unplugged_and_back_under_another_number(run, tmp_path):
    modem = Ends(tmp_path / "modem-link")

    async def main():
        port = await modem.open()
        first = modem.path
        keeper, near = pty.openpty()  # takes the number that would be given again
        modem.unplug()
        await until(lambda: modem.losses)
        reason, detail = await refused(modem.open())
        assert reason == "port.missing"
        assert "does not exist" in detail
        modem.link.symlink_to("/dev/pts/gone")
        reason, detail = await refused(modem.open())
        assert reason == "port.missing"
        assert "points to /dev/pts/gone" in detail
        modem.link.unlink()
        held = os.open(first, os.O_RDWR | os.O_NOCTTY) if os.path.exists(first) else -1
        modem.plug()
        again = await modem.open()
        modem.say(b"RDY")
        await until(lambda: modem.heard == b"RDY")
        assert port.closed
        again.close()
        modem.unplug()
        for descriptor in (keeper, near, held):
            if descriptor >= 0:
                os.close(descriptor)

    run(main())


def test_a_socket_both_ways_and_its_end(run, modem):
    async def main():
        ends = []
        server = await asyncio.start_server(
            lambda reader, writer: ends.append((reader, writer)), "127.0.0.1", 0
        )
        port = await modem.open(f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await until(lambda: ends)
        reader, writer = ends[0]
        port.write(b"AT\r")
        assert await reader.readexactly(3) == b"AT\r"
        writer.write(b"OK\r\n")
        await until(lambda: modem.heard == b"OK\r\n")
        writer.close()
        await until(lambda: modem.losses)
        assert port.closed
        server.close()
        await writer.wait_closed()

    run(main())


def test_a_socket_peer_that_reads_nothing(run, modem):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = await modem.open(f"socket://127.0.0.1:{server.getsockname()[1]}")
            accepted, _ = server.accept()
            with accepted:
                for _ in range(2000):
                    port.write(b"a" * 10_000)
                    if port.closed:
                        break
                await until(lambda: modem.losses)
        assert "takes no octets" in modem.losses[0]

    run(main())


def test_several_ports_do_not_disturb_each_other(run):
    modems = [Ends() for _ in range(4)]

    async def main():
        opened = [await modem.open() for modem in modems]
        modems[1].unplug()
        opened[2].write(b"x" * BUFFER_MAX * 2)
        modems[0].say(b"+CMTI")
        modems[3].say(b"+CDSI")
        await until(lambda: modems[0].heard and modems[3].heard and modems[1].losses and modems[2].losses)
        assert [port.closed for port in opened] == [False, True, True, False]
        for port in opened:
            port.close()
        for modem in (modems[0], modems[2], modems[3]):
            os.close(modem.far)

    run(main())
