"""The words a Settings class is written in: durations, sizes, limits, secrets, files.

A driver declares `Settings` as a frozen dataclass whose fields are plain types or the names below; the
gateway reads `[bearers.NAME.link]` into it (gateway.settings.read). It stands at the bottom so that drivers
and gateway share it. Each name is `Annotated[type, Mark]`: to the driver a Duration is a float of seconds, to
the reader it is "30s". This module imports no pydantic: marks speak its protocol and it calls them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

__all__ = [
    "Between",
    "Duration",
    "File",
    "InputFile",
    "LongerThanZero",
    "Mark",
    "Matches",
    "NotEmpty",
    "Positive",
    "Secret",
    "SecretFile",
    "SecretMark",
    "Size",
    "SmppPassword",
    "StateFile",
    "UpTo",
]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kMGT]i?)?B")
_BYTES = {None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BYTES |= {"ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Mark:
    """What a field's value must be, and how it is written back. `whole`: read() alone judges."""

    whole = False

    def read(self, value: Any) -> Any:
        """The value to keep; raises ValueError("must be …"), to which the reader adds what it is."""
        return value

    def show(self, value: Any) -> Any:
        """The value as TOML writes it."""
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema  # noqa: PLC0415 - only a configuration that is read needs it

        if self.whole:
            return core_schema.no_info_plain_validator_function(self.read)
        return core_schema.no_info_after_validator_function(self.read, handler(source))


class Between(Mark):
    """A number from low to high, both included."""

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def read(self, value: Any) -> Any:
        if not self.low <= value <= self.high:
            raise ValueError(f"must be {self.low} to {self.high}")
        return value


class _AboveZero(Mark):
    """Greater than zero, and finite: TOML can write inf and nan."""

    def read(self, value: Any) -> Any:
        if not 0 < value < float("inf"):
            raise ValueError("must be greater than 0")
        return value


class UpTo(Mark):
    """A text of at most `limit` octets of printable ASCII: what a C-Octet String of SMPP 3.4 §3.1 carries."""

    def __init__(self, limit: int, least: int = 0) -> None:
        self.limit = limit
        self.least = least

    def read(self, value: str) -> str:
        if not (value.isascii() and (value.isprintable() or not value)):
            raise ValueError("must be printable ASCII")
        if not self.least <= len(value) <= self.limit:
            raise ValueError(f"must be {self.least} to {self.limit} characters")
        return value


class _Password(UpTo):
    """password of the bind PDUs: 9 octets with its NUL, SMPP 3.4 §4.1.1."""

    def read(self, value: str) -> str:
        try:
            return super().read(value)
        except ValueError:
            raise ValueError("must be 1 to 8 printable ASCII characters: SMPP 3.4 allows no more") from None


class Matches(Mark):
    """A text that the whole pattern matches; `words` say what that means."""

    def __init__(self, pattern: str, words: str) -> None:
        self.pattern = re.compile(pattern)
        self.words = words

    def read(self, value: str) -> str:
        if not self.pattern.fullmatch(value):
            raise ValueError(f"must be {self.words}")
        return value


class NotEmpty(Mark):
    """A text or list with something in it, nothing twice."""

    def read(self, value: Any) -> Any:
        if not value:
            raise ValueError("must not be empty")
        if not isinstance(value, str) and len(set(value)) < len(value):
            raise ValueError("must name each one once")
        return value


class _Duration(Mark):
    """A time: "30s", "5m", "1h30m", "7d", "0"; a bare number is seconds."""

    whole = True

    def __init__(self, zero: bool) -> None:
        self.zero = zero

    def read(self, value: Any) -> float:
        seconds = self._seconds(value)
        if not 0 <= seconds < float("inf"):
            raise ValueError('must be a time like "30s", "5m", "48h", "7d" or "0"')
        if seconds == 0 and not self.zero:
            raise ValueError("must be longer than 0")
        return seconds

    def _seconds(self, value: Any) -> float:
        """Seconds, or -1 for what is no duration."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if value == "0":
            return 0.0
        if not isinstance(value, str) or _DURATION.sub("", value) or not value:
            return -1.0
        return sum(float(count) * _SECONDS[unit] for count, unit in _DURATION.findall(value))

    def show(self, value: float) -> str:
        if value == 0:
            return "0"
        for unit in ("d", "h", "m", "s"):
            if value % _SECONDS[unit] == 0:
                return f"{value / _SECONDS[unit]:.0f}{unit}"
        return f"{value:.10g}s"


class _Size(Mark):
    """A size: "1GB", "512MiB", "0B"; a bare whole number is octets."""

    whole = True

    def read(self, value: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('must be a size like "1GB" or "512MiB"')
        return round(float(match[1]) * _BYTES[match[2]])

    def show(self, value: int) -> str | int:
        for unit in ("T", "G", "M", "k"):
            if value and value % _BYTES[unit] == 0:
                return f"{value // _BYTES[unit]}{unit}B"
        return value


class SecretMark(Mark):
    """A text that is never shown, nor repeated in an error."""

    def show(self, value: str) -> str:
        return "***" if value else ""


class File(Mark):
    """A path. role: "input" is read, "secret" is read and must be private, "state" is written by the daemon.

    The gateway makes it absolute. A secret file called X_file also fills the field X, where there is one.
    """

    whole = True

    def __init__(self, role: str) -> None:
        self.role = role

    def read(self, value: Any) -> Path:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("must be a path")
        return Path(value)

    def show(self, value: Path) -> str:
        return str(value)


Duration = Annotated[float, _Duration(zero=True)]
LongerThanZero = Annotated[float, _Duration(zero=False)]
Size = Annotated[int, _Size()]
Positive = Annotated[float, _AboveZero()]
Secret = Annotated[str, SecretMark()]
SmppPassword = Annotated[str, SecretMark(), _Password(8, 1)]
InputFile = Annotated[Path, File("input")]
SecretFile = Annotated[Path, File("secret")]
StateFile = Annotated[Path, File("state")]
