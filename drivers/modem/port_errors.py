"""Why a port could not be opened: a dotted reason for programs, and a sentence with the remedy for people.

    PortError
      port.missing      nothing there: unplugged, still enumerating, a wrong path
      port.busy         another program, or another bearer of this gateway, has it
      port.denied       the user may not open it
      port.not_serial   a file, a folder, a disk: no serial device
      port.baud         the device does not do this speed
      port.unreachable  socket://: no such host, nobody listens, no answer
      port.stuck        opening did not end in time, or the device takes no octets
      port.not_found    no modem with this IMEI on any USB port (drivers.modem.discovery)
      port.failed       anything else that the system said
    port.lost           not an error of opening: what Port.lost tells of a port that was open

Owns the mapping from errno and the search of /proc for the program that holds a device. Opens nothing.
"""

from __future__ import annotations

import errno
import os
import stat
import termios
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PortError", "explain", "holders"]

MISSING = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ENOTDIR, errno.ELOOP, errno.EIO})
BUSY = frozenset({errno.EAGAIN, errno.EBUSY})
NOT_SERIAL = frozenset({errno.ENOTTY, errno.EISDIR})

_STAY_AWAY: Mapping[str, str] = {
    "ModemManager": "hardware/udev/70-chappe-modems.rules keeps it away from known modems; or disable it",
    "gammu-smsd": "systemctl disable --now gammu-smsd",
    "smsd": "systemctl disable --now smstools",
    "brltty": "it takes serial adapters for braille displays: apt remove brltty",
    "agetty": "a login runs there: systemctl mask --now serial-getty@NAME.service",
}

OURSELVES = "this gateway"


class PortError(Exception):
    """A port that cannot be had now. reason: see above; detail: what is wrong and what to do, one sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def explain(path: str, baud: int, error: BaseException) -> PortError:
    """What an exception of opening `path` means. Reads the file system for the remedy: call it in a thread."""
    code = _errno(error)
    if code in MISSING:
        return PortError("port.missing", _missing(path, code))
    if code in BUSY:
        return PortError("port.busy", busy_detail(path, holders(path, with_us=True)))
    if code in (errno.EACCES, errno.EPERM):
        return PortError("port.denied", _denied(path, code))
    if code in NOT_SERIAL:
        return PortError("port.not_serial", f"{path} is no serial device: give the AT port's link")
    if isinstance(error, ValueError) or code == errno.EINVAL:
        return PortError("port.baud", f"{path} does not do {baud} baud: 115200 is usual, USB ignores it")
    return PortError("port.failed", f"{path}: {os.strerror(code) if code else error}")


def busy_detail(path: str, programs: list[str]) -> str:
    """Who has the device, as far as this user may see; and what to do about it."""
    if OURSELVES in programs:
        return f"{path} is open in this gateway itself: by another bearer, or by an opening that is ending"
    if not programs:
        return f"{path} is taken by a program that this user may not see: `fuser -v {path}` as root names it; stop it"
    names = [program.split(" ", 1)[0] for program in programs]
    remedies = [_STAY_AWAY[name] for name in names if name in _STAY_AWAY]
    return f"{path} is taken by {', '.join(programs)}: {remedies[0] if remedies else 'stop it'}"


def holders(path: str, proc: str = "/proc", with_us: bool = False) -> list[str]:
    """The other programs that have this character device open, as "name (process 123)".

    with_us: this process too, as OURSELVES. Only what this user may see: a daemon without privileges sees its
    own processes and no others.
    """
    try:
        wanted = Path(path).stat()
    except OSError:
        return []
    if not stat.S_ISCHR(wanted.st_mode):
        return []
    mine = str(os.getpid())
    others = [entry for entry in Path(proc).iterdir() if entry.name.isdigit() and entry.name != mine]
    found = sorted((entry for entry in others if _has_open(entry, wanted)), key=lambda one: int(one.name))
    us = [OURSELVES] if with_us and _has_open(Path(proc, mine), wanted) else []
    return us + [f"{_program(entry)} (process {entry.name})" for entry in found]


def _has_open(process: Path, wanted: os.stat_result) -> bool:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:  # another user's, or it has just ended
        return False
    for descriptor in descriptors:
        try:
            opened = descriptor.stat()
        except OSError:  # closed meanwhile
            continue
        if stat.S_ISCHR(opened.st_mode) and opened.st_rdev == wanted.st_rdev:
            return True
    return False


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"


def _errno(error: BaseException | None) -> int:
    """The number behind pyserial's exception, which keeps it in errno, or has it in its cause's arguments."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        if isinstance(error, termios.error) and error.args:
            return int(error.args[0])
        error = error.__cause__ or error.__context__
    return 0


def _missing(path: str, code: int) -> str:
    if code == errno.EIO:
        return f"{path} exists, but no device answers behind it: its far end is gone, or no UART is there"
    place = Path(path)
    if place.is_symlink():
        return f"{path} points to {place.readlink()}, which is gone: is the modem plugged in and switched on?"
    folder = place.parent
    if not folder.is_dir():
        return f"{path}: no folder {folder}: no modem is plugged in, or udev's rules are not installed"
    names = sorted(entry.name for entry in folder.iterdir())
    if folder == Path("/dev"):
        names = [name for name in names if name.startswith(("ttyUSB", "ttyACM"))]
    there = f"has {', '.join(names[:8])}" if names else "has no modem's port"
    return f"{path} does not exist: plug the modem in, or mend the path ({folder} {there})"


def _denied(path: str, code: int) -> str:
    if code == errno.EPERM:
        return f"{path}: forbidden by the service's device policy: systemd/chappe.service.d/hardware.conf opens it"
    try:
        found = Path(path).stat()
    except OSError:
        return f"{path}: a folder on the way may not be entered by user {os.geteuid()}"
    group = _group(found.st_gid)
    mode = stat.filemode(found.st_mode)
    return (
        f"{path} is {mode} of group {group}, and user {_user(os.geteuid())} is not in it: "
        f"add SupplementaryGroups={group} to the service, or `usermod -aG {group} {_user(os.geteuid())}`, and restart"
    )


def _group(number: int) -> str:
    import grp  # noqa: PLC0415 - reads a file of the system; only an error needs it

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _user(number: int) -> str:
    import pwd  # noqa: PLC0415 - as above

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
