"""The operators' socket: one request a connection, JSON lines, answered by gateway.control.

    {"verb": "trace", "args": {"id": "7130…"}}  ->  {"data": …}  {"progress": …}  …  {"end": true}
                                                or  {"error": "text", "code": 1}

Mode 0660: whoever may open it is an operator; who he is (SO_PEERCRED) goes to the audit log. A client that is
slow, silent or gone costs a bounded buffer and its own connection: reading verbs end with it, acts are finished.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from gateway.control import finding, live, roads, stories, views, waiting
from gateway.control.acts import ACTS, orphans
from gateway.control.consents import CONSENT_ACTS, consents
from gateway.control.copying import Copier
from gateway.control.explain import explain
from gateway.control.optouts import OPTOUT_ACTS, optouts
from gateway.control.parts import Args, Gateway, Refusal, Tell
from gateway.control.privacy import PRIVACY_ACTS
from gateway.control.report import report
from gateway.control.suppressed import SUPPRESSED_ACTS, suppressed
from gateway.control.words import Asked

__all__ = ["ControlListener"]

log = structlog.get_logger("listener.control")

LINE_MAX = 64 * 1024
REQUEST_TIMEOUT = 5.0
SLOW = 15.0
"""Seconds that a client may leave what was written to it unread."""
MOST = 64
"""Connections at once: operators and their scripts, not applications."""

Read = Callable[[Args, Tell], Awaitable[Any]]


class ControlListener:
    """A Listener (gateway.listeners.listener) on config.control_socket."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.path = Path(gateway.config.control_socket)
        self._server: asyncio.AbstractServer | None = None
        self._reading: set[asyncio.Task[Any]] = set()
        self._acting: set[asyncio.Task[Any]] = set()
        self._open = 0
        self._inode = 0
        self._held = gateway.held
        self._acts = {
            **ACTS, **OPTOUT_ACTS, **SUPPRESSED_ACTS, **CONSENT_ACTS, **PRIVACY_ACTS, "backup": Copier().backup,
        }  # fmt: skip
        self._reads: dict[str, Read] = {
            "status": self._status,
            "links": lambda _args, _tell: self._now(roads.links(gateway, gateway.rates)),
            "queue": self._queue,
            "accounts": lambda _args, _tell: self._now(views.accounts(gateway, gateway.rates)),
            "find": lambda args, tell: finding.find(gateway, args, tell),
            "trace": lambda args, _tell: stories.trace(gateway, args),
            "explain": lambda args, _tell: self._now(explain(gateway, args)),
            "report": lambda args, tell: report(gateway, args, tell),
            "tail": lambda args, tell: live.tail(gateway, args, tell),
            "orphans": lambda args, _tell: orphans(gateway, args),
            "optouts": lambda args, _tell: optouts(gateway, args),
            "suppressed": lambda args, _tell: suppressed(gateway, args),
            "consents": lambda args, _tell: consents(gateway, args),
        }

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────
    async def start(self) -> None:
        """Listen. Raises OSError: another daemon listens there, or the path cannot be had."""
        sock = _listening(self.path)
        self._inode = self.path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._connection, sock=sock, limit=LINE_MAX)
        log.info("listener.open", socket=str(self.path))

    async def drain(self, seconds: float) -> None:
        """No new operator; acts under way are finished."""
        if self._server is not None:
            self._server.close()
        if self._acting:
            await asyncio.wait(self._acting, timeout=seconds)

    async def stop(self) -> None:
        await self.drain(1.0)
        tasks = [*self._reading, *self._acting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._server = None
        try:
            if self._inode and self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            pass  # somebody has tidied up: that is what we wanted
        self._inode = 0

    # ── one connection ───────────────────────────────────────────────────────────────────────────────────
    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        task = asyncio.current_task()
        assert task is not None
        self._reading.add(task)
        try:
            await self._serve(reader, _Caller(writer))
        except (ConnectionError, TimeoutError):
            pass  # it went away or does not read: nothing is left to tell it
        except asyncio.CancelledError:
            pass  # we stop: the loop's own callback would report it as a failure
        finally:
            self._open -= 1
            self._reading.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, caller: _Caller) -> None:
        try:
            await caller.tell({"data": await self._answer(reader, caller)})
            await caller.tell({"end": True})
        except Refusal as error:
            await caller.tell({"error": str(error), "code": error.code})
        except ValueError as error:
            await caller.tell({"error": str(error), "code": 1})
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:  # a fault of ours is told and logged; the socket serves on
            log.exception("control.failed")
            await caller.tell({"error": f"{type(error).__name__}: {error}", "code": 1})

    async def _answer(self, reader: asyncio.StreamReader, caller: _Caller) -> Any:
        if self._open > MOST:
            raise Refusal(f"{MOST} operators are connected already")
        verb, args = await _request(reader)
        if verb in self._acts:
            return await self._act(verb, args, caller)
        if verb in self._reads:
            return await _while_there(reader, self._reads[verb](args, caller.tell))
        raise Refusal(f"no verb {verb!r} in this version", 2)

    async def _act(self, verb: str, args: Args, caller: _Caller) -> Any:
        """To its end, whether or not somebody still listens: half an act would be nobody's."""
        who = await caller.who()
        act = asyncio.ensure_future(self._acts[verb](self._gateway, args, who, caller.murmur))
        self._acting.add(act)
        act.add_done_callback(self._acting.discard)
        return await asyncio.shield(act)

    # ── what is read ─────────────────────────────────────────────────────────────────────────────────────
    async def _now(self, answer: Any) -> Any:
        return answer

    async def _status(self, _args: Args, _tell: Tell) -> Any:
        held = await self._held.count(self._gateway)
        return await views.status(self._gateway, self._gateway.rates, held)

    async def _queue(self, args: Args, _tell: Tell) -> Any:
        by = Asked(args).text("by") or "kind"
        if by not in waiting.BY:
            raise Refusal(f"--by {by}: use {', '.join(waiting.BY)}", 2)
        held = await self._held.count(self._gateway, fresh=True)
        return waiting.queue(self._gateway, held, by)


class _Caller:
    """Who is at the other end, and the way back to him."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=256 * 1024)

    async def tell(self, line: dict[str, Any]) -> None:
        """One line. Raises ConnectionError when he is gone, TimeoutError when he does not read."""
        self._writer.write(json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")
        async with asyncio.timeout(SLOW):
            await self._writer.drain()

    async def murmur(self, line: dict[str, Any]) -> None:
        """The same for acts, which go on when nobody listens; a copy (chunk) has no sense without a reader."""
        if "chunk" in line:
            await self.tell(line)
        elif not self._writer.is_closing() and self._writer.transport.get_write_buffer_size() < LINE_MAX:
            self._writer.write(json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")

    async def who(self) -> str:
        """As "root (uid 0, pid 4711)": from the kernel, not from what he says."""
        sock = self._writer.get_extra_info("socket")
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", credentials)
        try:
            name = (await asyncio.to_thread(pwd.getpwuid, uid)).pw_name
        except KeyError:
            name = "nobody by name"
        return f"{name} (uid {uid}, pid {pid})"


async def _request(reader: asyncio.StreamReader) -> tuple[str, Args]:
    """The one line; Refusal when it is none."""
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT):
            line = await reader.readuntil(b"\n")
    except TimeoutError as error:
        raise Refusal(f"no request came within {REQUEST_TIMEOUT:g} s", 2) from error
    except asyncio.LimitOverrunError as error:
        raise Refusal(f"a request is one line of at most {LINE_MAX} octets", 2) from error
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise ConnectionResetError("it said nothing") from error
        raise Refusal("a request ends with a newline", 2) from error
    try:
        request = json.loads(line)
    except ValueError as error:
        raise Refusal(f"a request is a line of JSON: {error}", 2) from error
    args = request.get("args", {}) if isinstance(request, dict) else None
    if not isinstance(args, dict) or not isinstance(request.get("verb"), str):
        raise Refusal('a request is {"verb": "…", "args": {…}}', 2)
    return request["verb"], args


async def _while_there(reader: asyncio.StreamReader, work: Awaitable[Any]) -> Any:
    """The work's result; cancelled when the client closes (one that shuts only its writing side is gone, too)."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_drained(reader))
    try:
        await asyncio.wait([working, gone], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ConnectionResetError("the operator went away")
    finally:
        gone.cancel()
        working.cancel()
        await asyncio.gather(gone, working, return_exceptions=True)


async def _drained(reader: asyncio.StreamReader) -> None:
    """Done when the client closes; what it still says is thrown away."""
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass  # closed is closed


def _listening(path: Path) -> socket.socket:
    """A socket bound to the path, for its owner and group. Raises OSError with the reason."""
    if len(os.fsencode(path)) > 107:
        raise OSError(
            errno.ENAMETOOLONG, f"{path}: a socket's path has at most 107 octets: set control.socket"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)  # from its first moment, nobody else may connect
    try:
        sock.bind(str(path))
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    sock.setblocking(False)
    return sock


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, f"{path} is there and is no socket: set control.socket elsewhere")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise OSError(errno.EADDRINUSE, f"{path} cannot be had: {error}") from error
    raise OSError(errno.EADDRINUSE, f"another gateway answers on {path}: stop it first")
