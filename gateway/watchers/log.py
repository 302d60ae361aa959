"""Logging: structlog set up once; dotted event names with fields, numbers masked at the one place where lines are made.

Console on a terminal, JSON elsewhere; under systemd each line carries the priority prefix of sd-daemon(3), so
that journalctl -p works.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from drivers.sms.address import mask
from gateway.config.sections import LogSettings

__all__ = ["configure"]

_NUMBER = re.compile(r"\+[0-9]{7,15}")
_PRIORITY = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "critical": "<2>"}

Line = MutableMapping[str, Any]


def configure(settings: LogSettings, stream: TextIO = sys.stderr) -> None:
    """Set structlog up for the process; called once by whoever owns the terminal."""
    console = settings.format == "console" or (settings.format == "auto" and stream.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.mask_numbers:
        processors.append(_masked)
    if console:
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty()))
    else:
        processors += [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if "JOURNAL_STREAM" in os.environ:
            processors.append(_with_priority())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


def _masked(_logger: object, _name: str, line: Line) -> Line:
    """No telephone number leaves whole, whatever field it stands in."""
    for key, value in line.items():
        if isinstance(value, str) and "+" in value:
            line[key] = _NUMBER.sub(lambda found: mask(found.group()), value)
    return line


def _with_priority() -> Any:
    def prefix(_logger: object, name: str, line: str) -> str:
        return _PRIORITY.get(name, "<6>") + line

    return prefix
