"""The simulated modem on a pty, on TCP and in memory: octets, time, and a port that goes and comes back."""

import asyncio
import os
import socket
import termios
import time

import pytest
import serial

from drivers.modem.port import open_port
from drivers.modem.port_errors import PortError
from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import Fault
from drivers.modem.sim_memory import MemoryModem
from drivers.modem.sim_modem import SimulatedModem
from drivers.modem.simulator import PtyModem, TcpModem

HANDSET = "+33612345678"


class Ear:
    """What a port tells its owner."""

    def __init__(self):
        self.octets = b""
        self.lost = []
        self._changed = asyncio.Event()

    def received(self, data):
        self.octets += data
        self._changed.set()

    def gone(self, detail):
        self.lost.append(detail)
        self._changed.set()

    async def until(self, holds):
        async with asyncio.timeout(5):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def hears(self, octets):
        await self.until(lambda: octets in self.octets)
        self.octets = b""


def modem(*script, **behaviour):
    return SimulatedModem(ModemBehaviour(**behaviour), script=script)


async def appears(path):
    async with asyncio.timeout(5):
        while not path.exists():
            await asyncio.sleep(0.01)


async def talk(port, ear, line):
    port.write(b"ATE0\r")
    await ear.hears(b"ATE0\r\r\nOK\r\n")
    port.write(b"AT+CNMI=2,1,0,2,0\r")
    await ear.hears(b"\r\nOK\r\n")
    line.mo(HANDSET, "STOP")
    await ear.hears(b'+CMTI: "SM",1\r\n')


@pytest.fixture
def run():
    """Runs a coroutine function under asyncio."""
    return lambda main: asyncio.run(main())


def test_our_driver_s_port_talks_with_it_on_a_pty(tmp_path, run):
    async def main():
        async with PtyModem(modem(), tmp_path / "modem") as line:
            ear = Ear()
            port = await open_port(line.place, 115_200, ear.received, ear.gone)
            await talk(port, ear, line)
            port.close()
        assert not line.link.is_symlink()

    run(main)


def test_a_pty_that_is_pulled_out_comes_back_under_the_same_link(tmp_path, run):
    async def main():
        async with PtyModem(modem(boot=0.1), tmp_path / "modem") as line:
            ear = Ear()
            port = await open_port(line.place, 115_200, ear.received, ear.gone)
            before = os.readlink(line.link)
            held = os.open(before, os.O_RDWR | os.O_NOCTTY)  # so that the number cannot be the same
            line.fault(Fault("unplug", seconds=0.2))
            await ear.until(lambda: ear.lost)
            assert port.closed
            with pytest.raises(PortError, match=r"port\.missing"):
                await open_port(line.place, 115_200, ear.received, ear.gone)
            await appears(line.link)
            assert os.readlink(line.link) != before
            os.close(held)
            port = await open_port(line.place, 115_200, ear.received, ear.gone)
            await ear.hears(b"\r\nRDY\r\n")
            port.close()

    run(main)


def test_a_file_in_the_links_place_is_left_alone(tmp_path, run):
    file = tmp_path / "modem"
    file.write_text("mine")

    async def main():
        with pytest.raises(FileExistsError, match="no link"):
            await PtyModem(modem(), file).start()

    run(main)
    assert file.read_text() == "mine"


def test_a_pty_echoes_nothing_by_itself_and_can_be_opened_again(tmp_path, run):
    def client(path):
        with serial.Serial(path, timeout=2) as port:
            termios.tcflush(port.fileno(), termios.TCIFLUSH)
            port.write(b"ATE0\r")
            said = port.read_until(b"OK\r\n")
            port.write(b"AT\r")
            return said, port.read_until(b"OK\r\n")

    async def main():
        async with PtyModem(modem(), tmp_path / "modem") as line:
            for first in (b"ATE0\r\r\nOK\r\n", b"\r\nOK\r\n"):  # the modem remembers, as it does in life
                said = await asyncio.to_thread(client, line.place)
                assert said == (first, b"\r\nOK\r\n")
                line.mo(HANDSET, "nobody reads this")

    run(main)


def test_a_client_that_never_reads_costs_no_memory_and_no_time(tmp_path, run):
    async def main():
        async with PtyModem(modem(), tmp_path / "modem") as line:
            for _ in range(5000):
                line.fault(Fault("urc", text="^RSSI: 18" * 10))
            assert len(line._unwritten) <= 1 << 16
            ear = Ear()
            port = await open_port(line.place, 115_200, ear.received, ear.gone)
            port.write(b"AT\r")
            await ear.hears(b"\r\nOK\r\n")
            port.close()

    started = time.monotonic()
    run(main)
    assert time.monotonic() - started < 5


def test_tcp(run):
    async def main():
        async with TcpModem(modem(boot=0.05)) as line:
            ear = Ear()
            port = await open_port(line.place, 115_200, ear.received, ear.gone)
            await talk(port, ear, line)
            line.fault(Fault("unplug", seconds=0.1))
            await ear.until(lambda: ear.lost)
            port.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((line.host, line.port), 1)

    run(main)


def test_on_tcp_the_newest_client_has_the_modem(run):
    async def main():
        async with TcpModem(modem()) as line:
            old, new = Ear(), Ear()
            first = await open_port(line.place, 115_200, old.received, old.gone)
            second = await open_port(line.place, 115_200, new.received, new.gone)
            await old.until(lambda: old.lost)
            await talk(second, new, line)
            first.close()
            second.close()

    run(main)


@pytest.mark.parametrize("pieces", [0, 1])
def test_memory(run, pieces):
    async def main():
        async with MemoryModem(modem(boot=0.05), pieces) as line:
            ear = Ear()
            port = await line.open("modem", 115_200, ear.received, ear.gone)
            await talk(port, ear, line)
            with pytest.raises(PortError, match=r"port\.busy"):
                await line.open("modem", 115_200, ear.received, ear.gone)
            line.fault(Fault("unplug", seconds=0.1))
            await ear.until(lambda: ear.lost)
            assert port.closed
            with pytest.raises(PortError, match=r"port\.missing"):
                await line.open("modem", 115_200, ear.received, ear.gone)
            async with asyncio.timeout(5):
                while not line.modem.present:
                    await asyncio.sleep(0.01)
            port = await line.open("modem", 115_200, ear.received, ear.gone)
            await ear.hears(b"RDY")
            port.write(b"AT\r")
            port.close()
            await asyncio.sleep(0.01)
            assert ear.octets.count(b"OK") == 0

    run(main)


def test_the_reset_line_and_the_power(run):
    async def main():
        async with MemoryModem(modem(boot=0.05)) as line:
            ear = Ear()
            await line.open("modem", 115_200, ear.received, ear.gone)
            line.reset()
            await ear.hears(b"RDY")
            line.power(on=False)
            await ear.until(lambda: ear.lost)
            line.power(on=True)
            await line.open("modem", 115_200, ear.received, ear.gone)
            await ear.hears(b"RDY")

    run(main)
