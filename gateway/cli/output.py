"""How the operators' commands speak: tables, colour on a terminal, JSON when asked, exit codes, and one decorator.

Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not running, 78 bad configuration. Colour follows NO_COLOR.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway import control_client
from gateway.control_client import ControlError

__all__ = [
    "Daemon",
    "ago",
    "connects",
    "duration",
    "harmless",
    "octets",
    "paint",
    "reads",
    "say",
    "table",
]

Command = TypeVar("Command", bound=Callable[..., Any])

_COLOURS = {
    "good": "32",
    "bad": "31",
    "warn": "33",
    "dim": "2",
    "bold": "1",
}
_TONES = {
    "up": "good", "ready": "good", "delivered": "good", "bound": "good",
    "down": "bad", "refusing": "bad", "undeliverable": "bad", "rejected": "bad", "expired": "bad", "absent": "bad",
    "disabled": "warn", "paused": "warn", "full": "warn", "held": "warn", "drained": "warn", "degraded": "warn",
    "stopping": "warn", "unknown": "warn", "draining": "warn",
}  # fmt: skip


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────
def duration(seconds: float | None) -> str:
    """In two units at most: 40 ms, 1.4 s, 12 s, 5 min, 2 h 10, 3 d 4 h; "-" for None."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02}"
    return f"{hours // 24} d {hours % 24} h"


def ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{duration(seconds)} ago"


def octets(count: int) -> str:
    """As disks are sold: 12 MB."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


def coloured() -> bool:
    """Whether colour is wanted: a terminal, and nobody said no (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, tone: str = "") -> str:
    """The text in the colour of its tone, or of what the word itself means."""
    code = _COLOURS.get(tone or _TONES.get(text, ""))
    return f"\x1b[{code}m{text}\x1b[0m" if code and coloured() else text


def harmless(value: Any) -> Any:
    """The same plain data without what a terminal would obey: texts, tags and references are written by strangers."""
    if isinstance(value, str):
        return value if value.isprintable() else _CONTROLS.sub(lambda found: repr(found.group())[1:-1], value)
    if isinstance(value, dict):
        return {name: harmless(inner) for name, inner in value.items()}
    return [harmless(inner) for inner in value] if isinstance(value, list) else value


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""All but tab and newline; and what turns the direction of writing."""


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Columns as wide as they need; numbers to the right; the last column as long as it is."""
    texts = [
        ["-" if cell is None or cell == "" else " ".join(str(cell).split("\n")) for cell in row]
        for row in rows
    ]
    widths = [max(len(row[n]) for row in [list(headers), *texts]) for n in range(len(headers))]
    right = [
        bool(rows) and all(isinstance(row[n], int | float) or row[n] is None for row in rows)
        for n in range(len(headers))
    ]

    def line(cells: Sequence[str], tone: str = "") -> str:
        out = []
        for n, cell in enumerate(cells):
            room = " " * (widths[n] - len(cell))
            out.append(room + paint(cell, tone) if right[n] else paint(cell, tone) + room)
        return "  ".join(out).rstrip()

    return [line(list(headers), "dim"), *(line(row) for row in texts)]


def say(lines: Sequence[str]) -> None:
    click.echo("\n".join(lines))


# ── asking the daemon ────────────────────────────────────────────────────────────────────────────────────────
class Daemon:
    """The running gateway, as a command speaks to it. Faults are ControlErrors, which `connects` tells of."""

    def __init__(self, path: Path, as_json: bool) -> None:
        self.path = path
        self.as_json = as_json

    def ask(self, verb: str, **args: Any) -> Any:
        """The answer; progress goes to a terminal's stderr."""
        shown = _Progress()
        try:
            return control_client.call(self.path, verb, _given(args), shown.tell)
        finally:
            shown.clear()

    def stream(self, verb: str, timeout: float | None = None, **args: Any) -> Iterator[dict[str, Any]]:
        return control_client.stream(self.path, verb, _given(args), timeout)

    def show(self, answer: Any, render: Callable[[Any], Sequence[str]]) -> None:
        """As JSON when --json was given, else as people read."""
        click.echo(self.written(answer, render))

    def written(self, answer: Any, render: Callable[[Any], Sequence[str]]) -> str:
        """What show() says."""
        if self.as_json:
            return json.dumps(answer, ensure_ascii=False, indent=2)
        return "\n".join(render(harmless(answer)))


class _Progress:
    """One line on stderr that is written over; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = False

    def tell(self, progress: Any) -> None:
        if sys.stderr.isatty():
            words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in progress.items())
            sys.stderr.write(f"\r\x1b[K{words}")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _given(args: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in args.items() if value is not False and value not in (None, "", (), [])
    }


def connects(command: Command) -> Command:
    """A verb that speaks to the daemon: --config, --socket; the function gets `daemon` first."""

    @click.option("--config", envvar="CHAPPE_CONFIG", metavar="FILE", help="The daemon's configuration file.")
    @click.option("--socket", envvar="CHAPPE_SOCKET", metavar="PATH", help="Its control socket instead.")
    @functools.wraps(command)
    def asked(config: str | None, socket: str | None, as_json: bool = False, **options: Any) -> None:
        try:
            command(Daemon(control_client.socket_path(config, socket), as_json), **options)
        except ControlError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.code)

    return asked  # type: ignore[return-value]  # click makes a Command of it


def reads(command: Command) -> Command:
    """As connects, with --json."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(connects(command))
