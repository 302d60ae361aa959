"""The far end of a serial port: a pty's master, raw as a modem's driver leaves it, and what the port told."""

import asyncio
import os
import pty
import threading
import time
import tty

import pytest
import uvloop

from drivers.modem.claims import CLAIMS
from drivers.modem.port import PortError, open_port

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run_tidily(main, loop):
    """Runs one coroutine to its end, at most 10 s; it may leave no descriptor, no thread and no claim behind."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(asyncio.sleep(0))  # the first loop of a process opens what it keeps for all later ones
    descriptors, threads = open_descriptors(), threading.active_count()
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        answer = runner.run(asyncio.wait_for(main, 10))
    wait_until(lambda: threading.active_count() <= threads)
    assert open_descriptors() <= descriptors  # the test may have closed some of its own
    assert CLAIMS.devices() == frozenset()
    return answer


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def wait_until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


class Ends:
    """What a port told, and the far end of its pty: made raw, as a modem's driver is."""

    def __init__(self, link=None):
        self.link = link
        self.heard, self.losses = bytearray(), []
        self.plug()

    def plug(self):
        self.far, near = pty.openpty()
        tty.setraw(near)
        os.set_blocking(self.far, False)
        self.path = os.ttyname(near)
        os.close(near)
        if self.link is not None:
            self.link.symlink_to(self.path)

    def unplug(self):
        os.close(self.far)
        self.far = -1
        if self.link is not None:
            self.link.unlink()

    def say(self, octets):
        os.write(self.far, octets)

    def read(self):
        try:
            return os.read(self.far, 4096)
        except BlockingIOError:
            return b""

    async def open(self, path=None, **options):
        return await open_port(
            str(path or self.link or self.path), 115_200, self.heard.extend, self.lost, **options
        )

    def lost(self, detail):
        self.losses.append(detail)


async def refused(coroutine):
    with pytest.raises(PortError) as caught:
        await coroutine
    return caught.value.reason, caught.value.detail
