"""A modem's device on the event loop: a serial port, a pty, or "socket://host:port" (a serial server).

Owns one descriptor: pyserial opens and configures a device, in a thread of its own, since open(2), close(2) and
name resolution may wait for a sick modem or network; then the loop reads and writes. A far end that hangs up is
noticed at the first end of file or error, and told once. Never waits, never calls back from inside write() or
close(), and never after close(). What the octets mean is the caller's.

socket:// is a plain socket and not pyserial's, whose close() sleeps 0.3 s, forgets the socket when shutdown()
fails, and whose open() throws away what the modem has said already.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import stat
import struct
import termios
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import serial

from drivers.modem.claims import CLAIMS
from drivers.modem.port_errors import PortError, busy_detail, explain, holders

__all__ = ["BUFFER_MAX", "Port", "PortError", "open_port"]

BUFFER_MAX = 1 << 16
"""Octets written and not taken by the device: far more than any dialogue has on its way."""

OPEN_TIMEOUT = 10.0
"""Seconds that opening may take: a USB device that does not answer control transfers takes 5 for each."""

_CHUNK = 4096
_READS = 16  # in one turn of the loop: a device that never stops must not starve the others
_PTY_MAJORS = range(136, 144)  # Linux: Unix98 pty slaves
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))

_closings: dict[str, threading.Thread] = {}  # devices whose close(2) still waits for the last octets to leave


class Port:
    """An open device. name: the path it was opened by; closed: true from close() or the loss on, for ever."""

    def __init__(
        self,
        name: str,
        descriptor: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        owner: str = "",
    ) -> None:
        self.name = name
        self.closed = False
        self._fd = descriptor
        self._received = received
        self._lost = lost
        self._owner = owner
        self._device = os.path.realpath(name)
        self._waiting = bytearray()
        self._news: asyncio.Handle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)
        CLAIMS.claim(owner, self._device)

    def write(self, data: bytes) -> None:
        """Send data, later if the device takes none now; nothing once closed. Beyond BUFFER_MAX it is lost."""
        if self.closed:
            return
        if not self._waiting:
            data = data[self._send(data) :]
            if data and not self.closed:
                self._loop.add_writer(self._fd, self._writable)
        if data and not self.closed:
            self._waiting += data
            if len(self._waiting) > BUFFER_MAX:
                self._fail(f"the device takes no octets: {len(self._waiting)} are waiting")

    def close(self) -> None:
        """Let the device go; no callback comes any more. What the device has not taken is not sent. Repeatable."""
        if self._news is not None:
            self._news.cancel()
        self._drop()

    def _readable(self) -> None:
        """Read all there is: after a hang-up uvloop calls once and never again, so the end must be met now."""
        for _ in range(_READS):
            if self.closed:
                return
            try:
                data = os.read(self._fd, _CHUNK)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(_words(error))
                return
            if not data:
                self._fail("the far end hung up")
                return
            self._received(data)
        self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        if self.closed:  # its number may be another descriptor's by now
            return
        del self._waiting[: self._send(self._waiting)]
        if not self._waiting and not self.closed:
            self._loop.remove_writer(self._fd)

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._fail(_words(error))
            return 0

    def _fail(self, detail: str) -> None:
        """Closed from now on; lost() is called in the next turn, so that no caller of write() is re-entered."""
        if self.closed:
            return
        self._drop()
        self._news = self._loop.call_soon(self._lost, detail)

    def _drop(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._waiting.clear()
        CLAIMS.release(self._owner, self._device)
        _close(self._fd, self._device)


async def open_port(
    path: str,
    baud: int,
    received: Callable[[bytes], None],
    lost: Callable[[str], None],
    owner: str = "",
    timeout: float = OPEN_TIMEOUT,  # noqa: ASYNC109 - the thread must know it too
) -> Port:
    """Open path for the bearer `owner`, alone: 8N1, raw, DTR and RTS up, no flow control.

    received(data): one to 4096 octets. lost(detail): the device is gone, in words; at most once.
    Both are called by the loop. Raises PortError, within `timeout` seconds.
    """
    other = CLAIMS.owner(path)
    if other and other != owner:
        raise PortError("port.busy", f"{path} is used by bearer {other}: give each modem a port of its own")

    def work() -> int:
        return _connect(path, timeout) if "://" in path else _open_device(path, baud)

    with CLAIMS.held(owner, path):
        descriptor = await _from_thread(work, path, timeout)
        return Port(path, descriptor, received, lost, owner)


async def _from_thread(
    work: Callable[[], int],
    path: str,
    timeout: float,  # noqa: ASYNC109 - as above
) -> int:
    """What work() returns, from a thread that ends with it; a descriptor that comes too late is closed.

    No executor: one device that hangs would keep a worker from all the others, and the daemon from ending.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[int] = loop.create_future()

    def settle(descriptor: int, error: PortError | None) -> None:
        if answer.done():
            _close(descriptor, path)
        elif error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(descriptor)

    def run() -> None:
        descriptor, error = -1, None
        try:
            descriptor = work()
        except PortError as problem:
            error = problem
        try:
            loop.call_soon_threadsafe(settle, descriptor, error)
        except RuntimeError:  # the loop has ended meanwhile
            _close(descriptor, path)

    threading.Thread(target=run, name=f"opening {path}", daemon=True).start()
    try:
        async with asyncio.timeout(timeout):
            return await answer
    except (TimeoutError, asyncio.CancelledError) as given_up:
        if not answer.cancel() and not answer.cancelled() and answer.exception() is None:
            _close(answer.result(), path)  # it came in the very turn of the loop in which we gave up
        if isinstance(given_up, TimeoutError):
            detail = f"{path} did not open in {timeout:g} s: switch its modem off and on"
            raise PortError("port.stuck", detail) from None
        raise


def _open_device(path: str, baud: int) -> int:
    """A configured descriptor of a serial device or a pty, locked. Blocks; raises PortError."""
    closing = _closings.get(os.path.realpath(path))
    if closing is not None:
        closing.join()
    try:
        # inter_byte_timeout=0 makes VMIN 1. With pyserial's usual 0, read(2) returns b"" for "nothing yet" as
        # well as for "hung up"; with 1 the former is EAGAIN. pyserial forgives ENOTTY for DTR and RTS on a pty.
        line = serial.Serial(path, baud, timeout=0, exclusive=True, inter_byte_timeout=0)
        with line:
            descriptor = os.dup(line.fileno())  # keeps the lock; the pipes that pyserial opened beside it go
    except (OSError, ValueError, termios.error) as error:
        raise explain(path, baud, error) from error
    try:
        _keep_others_out(path, descriptor)
    except PortError:
        os.close(descriptor)
        raise
    return descriptor


def _keep_others_out(path: str, descriptor: int) -> None:
    """flock() stops only those who ask for it: forbid later opens, and find who was here before.

    Not on a pty: its maker may hold both ends, and TIOCEXCL would stay with it when this process is killed.
    """
    if os.major(os.fstat(descriptor).st_rdev) in _PTY_MAJORS:
        return
    fcntl.ioctl(descriptor, termios.TIOCEXCL)
    programs = holders(path)
    if programs:
        raise PortError("port.busy", busy_detail(path, programs))


def _connect(path: str, seconds: float) -> int:
    """A connected descriptor. Blocks; raises PortError."""
    host, port = _address(path)
    try:
        with socket.create_connection((host, port), timeout=seconds) as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for name, value in _KEEPALIVE:
                if hasattr(socket, name):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            return sock.detach()
    except OSError as error:
        detail = f"{path}: {_words(error)}: is the serial server on, and its address right?"
        raise PortError("port.unreachable", detail) from error


def _address(path: str) -> tuple[str, int]:
    try:
        parts = urlsplit(path)
        if parts.scheme == "socket" and parts.hostname and parts.port:
            return parts.hostname, parts.port
    except ValueError:  # a port that is no number up to 65535
        pass
    raise PortError("port.unreachable", f"{path} is no address: write socket://host:port")


def _close(descriptor: int, path: str) -> None:
    """close(2), in a thread where it would wait: up to 30 s for octets that a sick modem does not take."""
    if descriptor < 0:
        return
    if not _unsent(descriptor):
        os.close(descriptor)
        return
    device = os.path.realpath(path)

    def run() -> None:
        os.close(descriptor)
        _closings.pop(device, None)

    _closings[device] = threading.Thread(target=run, name=f"closing {path}", daemon=True)
    _closings[device].start()


def _unsent(descriptor: int) -> int:
    """Octets that a device's driver still has to send; 0 for a socket, whose close() never waits for them."""
    if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
        return 0
    try:
        counted = fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4)
    except OSError:  # gone: nothing to wait for
        return 0
    return int(struct.unpack("i", counted)[0])


def _words(error: OSError) -> str:
    """In the system's words. gaierror and timeouts have numbers of their own, or none."""
    number = error.errno or 0
    return os.strerror(number) if number in errno.errorcode else str(error)
