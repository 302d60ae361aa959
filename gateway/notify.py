"""sd_notify(3): readiness, status and watchdog for systemd, without a library; nothing where there is no systemd."""

from __future__ import annotations

import os
import socket
import time

__all__ = ["notify", "reloading", "watchdog_interval"]


def notify(*lines: str) -> bool:
    """Send states such as READY=1 to $NOTIFY_SOCKET; False where there is none, or it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
    return True


def reloading() -> bool:
    """Say that the configuration is read again; READY=1 must follow, whatever came of it.

    Type=notify-reload tells this reload from an earlier one by the time, so both go in one datagram.
    """
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_interval() -> float:
    """Seconds between WATCHDOG=1, half of what systemd allows; 0 when it does not watch."""
    try:
        usec = int(os.environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return 0.0
    pid = os.environ.get("WATCHDOG_PID")
    if pid is not None and pid != str(os.getpid()):
        return 0.0
    return usec / 2_000_000
