"""The switch of a hub's port, in a tree like /sys: which file, off and on again, and who may not."""

import asyncio
import errno
from pathlib import Path

import pytest

from drivers.modem.usb_power import UsbPowerError, UsbSwitch, find_switch


@pytest.fixture
def tree(tmp_path):
    """A stick 1-1.2 on port 2 of hub 1-1, as Linux 6 shows it: (root, its tty, its folder, the port's folder)."""
    hub = tmp_path / "devices/pci0000:00/usb1/1-1"
    port, device = hub / "1-1:1.0/1-1-port2", hub / "1-1.2"
    entry = device / "1-1.2:1.4/ttyUSB2/tty/ttyUSB2"
    for folder in (port, entry, tmp_path / "class/tty", tmp_path / "dev"):
        folder.mkdir(parents=True)
    for file, value in {
        port / "disable": "0",
        device / "authorized": "1",
        device / "idVendor": "12d1",
        device / "1-1.2:1.4/bInterfaceNumber": "04",
        tmp_path / "dev/ttyUSB2": "",
    }.items():
        file.write_text(value)
    (device / "port").symlink_to("../1-1:1.0/1-1-port2")
    (entry / "device").symlink_to("../..")
    (tmp_path / "class/tty/ttyUSB2").symlink_to(entry)
    link = tmp_path / "dev/modem"
    link.symlink_to("ttyUSB2")
    return tmp_path, link, device, port


class Watch:
    """Stands for the time without power; keeps what the file said then."""

    def __init__(self, file, error=None):
        self.file, self.error, self.seen = file, error, []

    async def sleep(self, seconds):
        self.seen.append((seconds, self.file.read_text()))
        if self.error is not None:
            raise self.error


def test_the_hub_port_first_found_through_a_link(tree):
    root, link, _, port = tree
    switch = find_switch(str(link), str(root))
    assert (switch.file, switch.cuts_power, switch.permitted) == ((port / "disable").resolve(), True, True)
    watch = Watch(port / "disable")
    asyncio.run(switch.cycle(2.5, watch.sleep))
    assert watch.seen == [(2.5, "1")]
    assert (port / "disable").read_text() == "0"


def test_an_older_kernel_has_authorized_only(tree):
    root, link, device, port = tree
    (port / "disable").unlink()
    switch = find_switch(str(link), str(root))
    assert not switch.cuts_power
    watch = Watch(device / "authorized")
    asyncio.run(switch.cycle(sleep=watch.sleep))
    assert [value for _, value in watch.seen] == ["0"]
    assert (device / "authorized").read_text() == "1"


def test_power_comes_back_when_the_task_is_cancelled(tree):
    root, link, _, port = tree
    switch = find_switch(str(link), str(root))

    async def main():
        task = asyncio.ensure_future(switch.cycle(60))
        while (port / "disable").read_text() != "1":
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert (port / "disable").read_text() == "0"


def test_no_switch(tree):
    root, link, device, port = tree
    (port / "disable").unlink()
    (device / "authorized").unlink()
    with pytest.raises(UsbPowerError, match=r"1-1\.2"):
        find_switch(str(link), str(root))
    with pytest.raises(UsbPowerError, match="on no USB port"):
        find_switch("/dev/ttyS0", str(root))


def test_the_hub_was_unplugged(tree):
    root, link, _, port = tree
    switch = find_switch(str(link), str(root))
    (port / "disable").unlink()
    port.rmdir()
    with pytest.raises(UsbPowerError, match="was unplugged"):
        asyncio.run(switch.cycle(0))


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EACCES, "udev rule"),
        (errno.EPERM, "udev rule"),
        (errno.EROFS, "ReadWritePaths"),
        (errno.EBUSY, "busy"),
    ],
)
def test_who_may_not_switch_reads_why(monkeypatch, code, remedy):
    def refuse(self, value, encoding):
        raise OSError(code, "Device or resource busy")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(UsbPowerError, match=remedy):
        asyncio.run(UsbSwitch(Path("/sys/disable")).cycle(0))
