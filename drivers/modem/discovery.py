"""Where a modem is: the AT ports of the USB devices that a profile knows, and who answers there.

A tty's number changes with each re-enumeration and many sticks have no serial number, so the path says where a
modem is plugged and its IMEI who it is. Reads /sys and looks at paths; opens no device: the caller's `ask` does.
Never talks to a USB device that no profile knows (it may be anybody's), to a port with another role than AT, or
to one that another bearer has claimed. Polls twice a second while it looks: no inotify, no udev library.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.modem.claims import CLAIMS, Claims
from drivers.modem.port_errors import PortError
from drivers.modem.profile import Profile, Usb, for_usb

__all__ = [
    "Ask",
    "Candidate",
    "by_device",
    "candidates",
    "find",
    "same_imei",
    "usb_id",
    "usb_interface",
    "wait_for_return",
]

Ask = Callable[[str], Awaitable[str | None]]
"""ask(path): open it, read the IMEI, close it; None when nothing answers. A PortError is taken as None."""

WITHIN = 60.0
"""Seconds that a modem may take to come back: gammu issues 266, 525 and 687 tell of 30 and more."""

POLL = 0.5
ASK_AGAIN = 5.0  # seconds until a device that said nothing is asked again: it may still be starting

_ROLES = (
    "at",
    "at-second",
    "modem",
)  # best first; "modem" is the data port, which takes AT while no call is up


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tty that may be a modem's AT port.

    path: "/dev/ttyUSB2". usb_id: "1e0e:9001". interface: "02". role: of _ROLES. profile: its file's name.
    device: the USB device as the kernel names it, "1-1.2". appearance: changes each time it is plugged in.
    """

    path: str
    usb_id: str
    interface: str
    role: str
    profile: str
    device: str
    appearance: str = ""


def candidates(
    profile_of: Callable[[str], Profile | None] = for_usb, sys_root: str = "/sys", dev_root: str = "/dev"
) -> list[Candidate]:
    """The AT ports plugged in now, by USB device and best role first. profile_of("1e0e:9001"): see for_usb()."""
    found = []
    for tty in _usb_ttys(Path(sys_root)):
        made_by = f"{_attribute(tty.device, 'idVendor')}:{_attribute(tty.device, 'idProduct')}"
        profile = profile_of(made_by)
        role = _role(profile.usb if profile else (), made_by, tty.interface)
        if profile and role in _ROLES:
            interface = _attribute(tty.interface, "bInterfaceNumber")
            appearance = f"{_attribute(tty.device, 'busnum')}-{_attribute(tty.device, 'devnum')}"
            path = f"{dev_root}/{tty.name}"
            device = tty.device.name
            found.append(Candidate(path, made_by, interface, role, profile.name, device, appearance))
    return sorted(found, key=lambda one: (one.device, _ROLES.index(one.role), one.interface))


def by_device(found: Iterable[Candidate], claimed: frozenset[str] = frozenset()) -> list[list[Candidate]]:
    """The candidates of each USB device, best first. A device with a claimed port is left out whole: its
    ports lead to one modem, and two dialogues with one SIM disturb each other.
    """
    devices: dict[str, list[Candidate]] = {}
    for one in found:
        devices.setdefault(one.device, []).append(one)
    return [
        ports for ports in devices.values() if not any(os.path.realpath(p.path) in claimed for p in ports)
    ]


def same_imei(one: str, other: str) -> bool:
    """Whether two are one modem: 14 digits count. The 15th is a check digit that some firmware gives as 0, and
    an IMEISV (3GPP 23.003 §6.2.2) has two digits of software version in its place.
    """
    return len(one) >= 14 and one[:14] == other[:14]


async def find(
    imei: str,
    ask: Ask,
    look: Callable[[], Sequence[Candidate]] | None = None,
    owner: str = "",
    within: float = WITHIN,
    claims: Claims = CLAIMS,
) -> str:
    """The path where the modem with this IMEI answers now; raises PortError port.not_found after `within` s.

    look(): the candidates() now. A device is asked once each time it appears, a silent one every 5 s.
    owner: the bearer that looks. Raises ProfileError too, when a profile's file is wrong.
    """
    if look is None:
        look = functools.partial(candidates, functools.cache(for_usb))
    loop = asyncio.get_running_loop()
    give_up = loop.time() + within
    heard: dict[str, str] = {}  # appearance of a device: what it answered
    ask_at: dict[str, float] = {}
    while True:
        found = look()
        for ports in by_device(found, claims.devices(besides=owner)):
            key = f"{ports[0].device} {ports[0].appearance}"
            if loop.time() < ask_at.get(key, 0.0):
                continue
            path, heard[key] = await _ask_device(ports, ask, owner, claims)
            if same_imei(heard[key], imei):
                return path
            ask_at[key] = float("inf") if heard[key].isdigit() else loop.time() + ASK_AGAIN
        if loop.time() >= give_up:
            raise PortError("port.not_found", _not_found(imei, found, heard))
        await asyncio.sleep(POLL)


async def wait_for_return(path: str, within: float = WITHIN, leaving: float = 0.0) -> None:
    """Wait until path leads to a device; raises PortError port.missing after `within` seconds.

    leaving: seconds to wait first for it to vanish or be replaced, as after AT+CFUN=1,1, whose old device stays
    for a while. Not leaving at all is no error: a modem on a UART never does. Close the port before.
    """
    loop = asyncio.get_running_loop()
    started, before = loop.time(), _identity(path)
    while True:
        waited, now = loop.time() - started, _identity(path)
        if now is not None and (now != before or waited >= leaving):
            return
        if now is None and waited >= within:
            detail = f"{path} did not come back in {within:g} s: is the modem plugged in and switched on?"
            raise PortError("port.missing", detail)
        if now is None:
            before = None  # it has left: whatever comes is its return, even with the same numbers
        await asyncio.sleep(POLL)


async def _ask_device(ports: list[Candidate], ask: Ask, owner: str, claims: Claims) -> tuple[str, str]:
    """(path, IMEI) of the first port that answers, else ("", what went wrong)."""
    said = "no answer"
    for port in ports:
        with claims.held(owner, port.path):
            try:
                imei = await ask(port.path)
            except PortError as error:
                said = error.reason
                continue
        if imei:
            return port.path, imei
    return "", said


def _not_found(imei: str, found: Sequence[Candidate], heard: Mapping[str, str]) -> str:
    if not found:
        return (
            f"no USB modem that a profile knows is plugged in, so none with IMEI {imei}: "
            "for another one give its link in /dev/serial/by-path as port"
        )
    answers = []
    for ports in by_device(found):
        one = ports[0]
        said = heard.get(f"{one.device} {one.appearance}", "another bearer has it")
        answers.append(f"{one.profile} on USB {one.device} ({one.path}): {said}")
    return f"no modem with IMEI {imei}: {'; '.join(answers)}. Is the IMEI right (AT+CGSN), the modem on?"


def usb_interface(tty: Path) -> Path | None:
    """The folder of the USB interface that /sys/class/tty/NAME belongs to, inside its device's; None without USB.

    ttyUSB2 hangs one folder below its interface, ttyACM0 on the interface itself.
    """
    folder = (tty / "device").resolve()
    for interface in (folder, folder.parent):
        if (interface / "bInterfaceNumber").exists() and (interface.parent / "idVendor").exists():
            return interface
    return None


def usb_id(tty: str, sys_root: str = "/sys") -> str:
    """The "vvvv:pppp" of the USB device that a path leads to, "" for none."""
    interface = usb_interface(Path(sys_root, "class/tty", Path(tty).resolve().name))
    if interface is None:
        return ""
    return f"{_attribute(interface.parent, 'idVendor')}:{_attribute(interface.parent, 'idProduct')}"


@dataclass(frozen=True, slots=True)
class _Tty:
    """A tty's name, and the folders of its USB interface and USB device."""

    name: str
    interface: Path
    device: Path


def _usb_ttys(sys_root: Path) -> Iterator[_Tty]:
    try:
        ttys = sorted((sys_root / "class/tty").iterdir())
    except FileNotFoundError:
        return
    for tty in ttys:
        interface = usb_interface(tty)
        if interface is not None:
            yield _Tty(tty.name, interface, interface.parent)


def _role(known: Iterable[Usb], usb_id: str, interface: Path) -> str:
    """What the interface is for, or ""."""
    usb = next((usb for usb in known if usb.id == usb_id), Usb(usb_id))
    if usb.protocols and _attribute(interface, "bInterfaceClass") == "ff":
        return usb.protocols.get(_attribute(interface, "bInterfaceProtocol"), "")
    return usb.ports.get(_attribute(interface, "bInterfaceNumber"), "")


def _attribute(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="ascii").strip().lower()
    except OSError:  # unplugged while we looked, or an attribute that this device has not
        return ""


def _identity(path: str) -> tuple[int, int, int] | None:
    """What stands behind a path: another one after a re-enumeration, even under the old name."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_rdev
