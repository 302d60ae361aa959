"""Logging: structlog set up once; dotted event names with fields, numbers masked at the one place where lines are made.

Console on a terminal, JSON elsewhere; under systemd each line carries the priority prefix of sd-daemon(3), so
that journalctl -p works.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from gateway.config.sections import LogSettings
from gateway.masking import masked
from gateway.watchers.repeats import Repeats

__all__ = ["configure"]

_IDS = frozenset({"timestamp", "id", "carrier_id"})
"""Fields that hold long numbers which are no telephone's."""
_PRIORITY = {
    "debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "exception": "<3>", "critical": "<2>",
}  # fmt: skip

_traces = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

Line = MutableMapping[str, Any]


def configure(settings: LogSettings, stream: TextIO = sys.stderr) -> None:
    """Set structlog up for the process; called once by whoever owns the terminal."""
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        Repeats(time.monotonic),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Without the frames' variables: a message, its number and its text stand in nearly all of them.
    processors.append(structlog.processors.format_exc_info if console else _traces)
    if settings.mask_numbers:
        processors.append(_masked)
    if console:
        plain = structlog.dev.plain_traceback
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain))
    else:
        processors.append(structlog.processors.JSONRenderer())
        if "JOURNAL_STREAM" in os.environ:
            processors.append(_with_priority)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


def _masked(_logger: object, _name: str, line: Line) -> Line:
    """No telephone number leaves whole, whatever field it stands in, however deep."""
    for key, value in line.items():
        if key not in _IDS:
            line[key] = masked(value)
    return line


def _with_priority(_logger: object, name: str, line: str) -> str:
    return _PRIORITY.get(name, "<6>") + line
