"""The power of the hub port that a modem hangs on, switched through sysfs: a hard reset without a reset line.

Owns two files of the kernel: the hub port's `disable` (Linux 6.0), which takes the port's power away where the hub
can switch it, and makes the device start anew on the bus where it cannot; on older kernels the device's
`authorized`, which only does the latter. Many hubs say that they switch and do not: uhubctl's list tells.
Promises: what was switched off is switched on again, cancelled or not; nothing blocks the loop.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.modem.discovery import usb_interface

__all__ = ["UsbPowerError", "UsbSwitch", "find_switch"]

OFF = 3.0
"""Seconds without power: the capacitors of a stick keep it alive for the first."""


class UsbPowerError(Exception):
    """The port cannot be switched: why, and what to do."""


@dataclass(frozen=True, slots=True)
class UsbSwitch:
    """file: the hub port's `disable`, which stays while the device is away, or the device's own `authorized`."""

    file: Path

    @property
    def cuts_power(self) -> bool:
        """Whether the kernel may take the power away; whether the hub then does, only a voltmeter tells."""
        return self.file.name == "disable"

    @property
    def permitted(self) -> bool:
        """Whether cycle() may write."""
        return os.access(self.file, os.W_OK)

    async def cycle(
        self, off: float = OFF, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Off for `off` seconds, and on. Close the port before. Raises UsbPowerError."""
        on_value, off_value = ("0", "1") if self.cuts_power else ("1", "0")
        try:
            await asyncio.to_thread(self._write, off_value)
            await sleep(off)
        finally:
            await asyncio.to_thread(self._write, on_value)

    def _write(self, value: str) -> None:
        try:
            self.file.write_text(value, encoding="ascii")
        except OSError as error:
            raise UsbPowerError(_remedy(self.file, error)) from error


def find_switch(tty: str, sys_root: str = "/sys") -> UsbSwitch:
    """The switch of the port that the device behind this path hangs on. Raises UsbPowerError.

    Call it while the modem is there: one that hangs may have left the bus, and its path with it.
    """
    name = Path(tty).resolve().name
    interface = usb_interface(Path(sys_root, "class/tty", name))
    if interface is None:
        raise UsbPowerError(
            f"{tty} is on no USB port that could be switched: wire its reset line or its supply"
        )
    for file in (interface.parent / "port" / "disable", interface.parent / "authorized"):
        if file.exists():
            return UsbSwitch(file.resolve())
    raise UsbPowerError(f"{tty}: this kernel lets nobody switch USB port {interface.parent.name}")


def _remedy(file: Path, error: OSError) -> str:
    if error.errno == errno.EROFS:
        return f"{file}: /sys is read-only for the service: give it ReadWritePaths=/sys/devices"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{file} may be written by root only: a udev rule can give it to the service's group"
    if error.errno in (errno.ENOENT, errno.ENODEV):
        return f"{file} is gone: the hub, or the device, was unplugged"
    return f"{file}: {error.strerror}"
