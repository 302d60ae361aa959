"""Opening a port: who has it already, what is no port, what comes too late; and that closing leaves nothing."""

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from serial_ends import LOOPS, Ends, open_descriptors, refused, run_tidily, until, wait_until

from drivers.modem import port as ports
from drivers.modem.port import PortError, open_port


@pytest.fixture(params=LOOPS)
def run(request):
    return lambda main: run_tidily(main, request.param)


@pytest.fixture
def modem():
    ends = Ends()
    yield ends
    if ends.far >= 0:
        os.close(ends.far)


LOCKER = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
if sys.argv[2] == "lock": fcntl.flock(fd, fcntl.LOCK_EX)
print("have it", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_program(path, how):
    """A program that has the device open, with a lock or, like gammu, without."""
    command = [sys.executable, "-c", LOCKER, path, how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"have it\n"
        yield program.pid
        program.stdin.close()


def test_a_device_that_another_program_has_locked(run, modem):
    with another_program(modem.path, "lock") as pid:
        reason, detail = run(refused(modem.open()))
    assert reason == "port.busy"
    assert f"(process {pid})" in detail
    assert detail.endswith("stop it")


def test_a_device_that_another_program_has_without_a_lock(run, modem, monkeypatch):
    """Not looked for on a pty, which its maker may hold: here the pty passes for a tty."""
    with another_program(modem.path, "open"):
        run(opened_and_closed(modem))
        monkeypatch.setattr(ports, "_PTY_MAJORS", ())
        reason, detail = run(refused(modem.open()))
    assert reason == "port.busy"
    assert "(process " in detail


async def opened_and_closed(modem):
    (await modem.open()).close()


def test_others_are_kept_out_of_a_tty_and_not_of_a_pty(run, modem, monkeypatch):
    def exclusive(port):
        TIOCGEXCL = 0x80045440  # not in Python's termios
        return int.from_bytes(fcntl.ioctl(port._fd, TIOCGEXCL, b"\0" * 4), sys.byteorder)

    async def main():
        port = await modem.open()
        assert exclusive(port) == 0
        port.close()
        monkeypatch.setattr(ports, "_PTY_MAJORS", ())
        port = await modem.open()
        assert exclusive(port) == 1
        port.close()

    run(main())


def test_the_lock_is_held_while_open_and_gone_with_the_port(run, modem):
    async def main():
        port = await modem.open()
        reason, detail = await refused(modem.open())
        assert (reason, "this gateway itself" in detail) == ("port.busy", True)
        port.close()
        (await modem.open()).close()

    run(main())


def test_two_bearers_of_one_gateway_on_one_device(run, modem, tmp_path):
    link = tmp_path / "by-path"
    link.symlink_to(modem.path)

    async def main():
        port = await modem.open(owner="sim1")
        reason, detail = await refused(modem.open(link, owner="sim2"))
        assert (reason, "bearer sim1" in detail) == ("port.busy", True)
        port.close()
        (await modem.open(link, owner="sim2")).close()

    run(main())


@pytest.mark.parametrize(
    ("path", "reason", "remedy"),
    [
        ("{tmp}/nothing", "port.missing", "has file"),
        ("{tmp}/no/nothing", "port.missing", "udev's rules"),
        ("{tmp}/file/nothing", "port.missing", "no folder"),
        ("/dev/ttyUSB99", "port.missing", "plug the modem in"),
        ("{tmp}/file", "port.not_serial", "AT port"),
        ("{tmp}", "port.not_serial", "AT port"),
        ("/dev/null", "port.not_serial", "AT port"),
        ("socket://127.0.0.1", "port.unreachable", "write socket://host:port"),
        ("socket://127.0.0.1:99999", "port.unreachable", "write socket://host:port"),
        ("rfc2217://127.0.0.1:7", "port.unreachable", "write socket://host:port"),
        ("socket://nobody.invalid:7", "port.unreachable", "address right?"),
    ],
)
def test_what_cannot_be_opened(run, tmp_path, path, reason, remedy):
    (tmp_path / "file").write_text("x")
    path = path.format(tmp=tmp_path)
    told, detail = run(refused(open_port(path, 9600, print, print)))
    assert (told, path in detail, remedy in detail) == (reason, True, True), detail


def test_a_socket_where_nobody_listens(run, modem, free_port):
    reason, detail = run(refused(modem.open(f"socket://127.0.0.1:{free_port}")))
    assert reason == "port.unreachable"
    assert os.strerror(errno.ECONNREFUSED) in detail


@pytest.fixture
def slow_open(monkeypatch):
    """Opening waits until the event is set; opened says that it then went on to its end."""
    go, opened, real = threading.Event(), threading.Event(), ports._open_device

    def slow(path, baud):
        go.wait(5)
        try:
            return real(path, baud)
        finally:
            opened.set()

    monkeypatch.setattr(ports, "_open_device", slow)
    yield go, opened
    go.set()


def test_an_open_that_takes_too_long_holds_neither_loop_nor_device(run, modem, slow_open):
    go, opened = slow_open

    async def main():
        opening = asyncio.ensure_future(refused(modem.open(timeout=0.1)))
        turns = 0
        while not opening.done():
            await asyncio.sleep(0.005)
            turns += 1
        assert turns > 5
        assert opening.result()[0] == "port.stuck"
        go.set()
        await until(opened.is_set)
        await until_it_opens(modem)

    run(main())


async def until_it_opens(modem):
    """The late descriptor, and its lock with it, goes as soon as the loop hears of it."""
    async with asyncio.timeout(5):
        while True:
            try:
                (await modem.open()).close()
            except PortError:
                await asyncio.sleep(0.001)
            else:
                return


def test_an_open_that_is_cancelled_lets_the_device_go(run, modem, slow_open):
    go, _ = slow_open

    async def main():
        opening = asyncio.ensure_future(modem.open(owner="sim1"))
        await asyncio.sleep(0.02)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        go.set()
        await until_it_opens(modem)

    run(main())


def test_an_open_that_is_cancelled_in_the_turn_in_which_it_ends(run, modem):
    async def main():
        loop = asyncio.get_running_loop()
        for turns in range(30):  # somewhere among them the answer is there and not yet taken
            opening = asyncio.ensure_future(modem.open())
            await asyncio.sleep(0)
            started = loop.time()
            while loop.time() - started < turns * 0.0001:
                await asyncio.sleep(0)
            opening.cancel()
            try:
                (await opening).close()
            except asyncio.CancelledError:
                pass
            except PortError as error:  # the one before it is not quite gone
                assert error.reason == "port.busy"
        await until_it_opens(modem)

    run(main())


def test_the_answer_that_nobody_took_is_closed(run, modem, monkeypatch):
    """As above, with the very turn met for sure: the waiter is cancelled by the thread that brings the answer."""
    real = ports._open_device

    async def main():
        loop = asyncio.get_running_loop()

        def cancels(path, baud):
            descriptor = real(path, baud)
            loop.call_soon_threadsafe(lambda: loop.call_soon(opening.cancel))
            return descriptor

        monkeypatch.setattr(ports, "_open_device", cancels)
        opening = asyncio.ensure_future(modem.open())
        with pytest.raises(asyncio.CancelledError):
            (await opening).close()
        monkeypatch.setattr(ports, "_open_device", real)
        await until_it_opens(modem)

    run(main())


def test_a_loop_that_ends_while_a_device_opens(modem, slow_open):
    go, opened = slow_open
    before = open_descriptors()

    async def main():
        opening = asyncio.ensure_future(modem.open())
        await asyncio.sleep(0.02)
        assert not opening.done()

    asyncio.run(main())
    go.set()
    assert opened.wait(5)
    wait_until(lambda: open_descriptors() == before)


def test_a_close_that_waits_holds_up_neither_the_loop_nor_the_next_open_for_ever(run, modem, monkeypatch):
    """close(2) of a tty whose modem takes no octets waits 30 s: the next open waits for it, in its thread."""
    go, real_close, closed = threading.Event(), os.close, []

    def slow_close(descriptor):
        if threading.current_thread() is not threading.main_thread() and not closed:
            go.wait(5)
            closed.append(descriptor)
        real_close(descriptor)

    async def main():
        port = await modem.open()
        monkeypatch.setattr(ports, "_unsent", lambda descriptor: 3)
        monkeypatch.setattr(ports.os, "close", slow_close)
        started = time.monotonic()
        port.close()
        assert time.monotonic() - started < 1
        monkeypatch.undo()
        opening = asyncio.ensure_future(modem.open())
        await asyncio.sleep(0.05)
        assert not opening.done()
        go.set()
        (await opening).close()
        assert len(closed) == 1

    run(main())
    assert not ports._closings


def test_two_hundred_openings_leave_nothing_behind(run, modem):
    async def main():
        before = open_descriptors()
        for _ in range(200):
            port = await modem.open()
            port.write(b"AT\r")
            port.close()
        assert open_descriptors() == before

    run(main())
