"""The other end of the control socket: blocking, the standard library only, quick to import.

    call(path, "status")                         -> what the daemon answered
    for line in stream(path, "tail", {...}): …   -> each line as it comes, until either side ends

Where the socket is follows the same rules as gateway.config, read with tomllib alone: a shell's completion and
`chappe status` must not wait for pydantic.
"""

from __future__ import annotations

import json
import os
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["ControlError", "NotRunning", "call", "socket_path", "stream"]

TIMEOUT = 60.0
"""Seconds of silence in a request that ends by itself; a working daemon tells its progress more often."""

Line = dict[str, Any]


class ControlError(Exception):
    """The daemon refused, or could not be asked. code: what the command exits with."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class NotRunning(ControlError):
    """Nobody answers on the socket."""

    def __init__(self, text: str) -> None:
        super().__init__(text, 3)


# ── where ────────────────────────────────────────────────────────────────────────────────────────────────────
def socket_path(config: str | None, given: str | None = None, env: Mapping[str, str] | None = None) -> Path:
    """The socket: as given, else $CHAPPE_SOCKET, else by the configuration file. Raises ControlError (2, 78)."""
    env = os.environ if env is None else env
    named = given or env.get("CHAPPE_SOCKET")
    if named:
        return Path(named)
    path = _config_path(config, env)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "name it with --config or CHAPPE_CONFIG, or the socket with --socket"
        raise ControlError(f"{path}: no such configuration file; {hint}", 78 if config else 2) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ControlError(f"{path}: {error}", 78) from error
    return _by_config(path, tables, env)


def _config_path(config: str | None, env: Mapping[str, str]) -> Path:
    if config or env.get("CHAPPE_CONFIG"):
        return Path(config or env["CHAPPE_CONFIG"])
    return Path(env.get("CONFIGURATION_DIRECTORY", "").split(":")[0]) / "gateway.toml"


def _by_config(path: Path, tables: Mapping[str, Any], env: Mapping[str, str]) -> Path:
    """As Folders.of does. A service's runtime directory is in no operator's environment: it is looked at, too."""
    folder = path.absolute().parent
    state_dir = _text(tables, "gateway", "state_dir")
    state = folder / state_dir if state_dir else _variable(env, "STATE_DIRECTORY") or folder / "var"
    name = _text(tables, "control", "socket") or "control.sock"
    found = (_variable(env, "RUNTIME_DIRECTORY") or state) / name
    elsewhere = Path("/run/chappe") / name
    return found if found.exists() or not elsewhere.exists() else elsewhere


def _text(tables: Mapping[str, Any], table: str, key: str) -> str:
    inner = tables.get(table)
    value = inner.get(key) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else ""


def _variable(env: Mapping[str, str], name: str) -> Path | None:
    first = env.get(name, "").split(":")[0]
    return Path(first).absolute() if first else None


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────
def stream(
    path: Path, verb: str, args: Mapping[str, Any] | None = None, timeout: float | None = None
) -> Iterator[Line]:
    """Each line of the answer but the last. Raises NotRunning, ControlError; closes when the caller stops."""
    with _connected(path) as sock:
        request = json.dumps({"verb": verb, "args": dict(args or {})}, ensure_ascii=False)
        sock.settimeout(timeout)
        try:
            sock.sendall(request.encode("utf-8", "replace") + b"\n")
            with sock.makefile("rb") as lines:
                for raw in lines:
                    line = json.loads(raw)
                    if "error" in line:
                        raise ControlError(line["error"], line.get("code", 1))
                    if "end" in line:
                        return
                    yield line
        except TimeoutError:
            raise ControlError(f"the daemon on {path} said nothing for {timeout:g} s") from None
        except ConnectionError as error:
            raise ControlError(f"the daemon closed the connection: {error}") from error
    raise ControlError("the daemon closed the connection before the end of its answer")


def call(
    path: Path,
    verb: str,
    args: Mapping[str, Any] | None = None,
    progress: Callable[[Any], None] | None = None,
    timeout: float = TIMEOUT,
) -> Any:
    """The answer of a verb that ends by itself; progress is told what comes before it."""
    answer: Any = None
    for line in stream(path, verb, args, timeout):
        if "progress" in line and progress is not None:
            progress(line["progress"])
        answer = line.get("data", answer)
    return answer


def _connected(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(5.0)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise _unreachable(path, error) from error
    return sock


def _unreachable(path: Path, error: OSError) -> ControlError:
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NotRunning(
            f"no daemon answers on {path}: start it with `chappe run`, or name its socket with --socket"
        )
    if isinstance(error, PermissionError):
        return ControlError(
            f"{path}: permission denied: operators are in the socket's group, see `ls -l {path}`"
        )
    return ControlError(f"{path}: {error}")
