"""The grammar of a command line, V.250 §5.2 to 5.4, and the ways in which a command can end.

`AT+CMEE=1;+CREG=2` is two commands, `ATE0V1` too; quotes hide semicolons. A handler takes a Command and
returns the lines of its answer; it ends otherwise by raising CmeError, CmsError or Failed.
"""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["CmeError", "CmsError", "Command", "CommandError", "Failed", "Form", "commands_of", "quoted"]

_EXTENDED = re.compile(r'\s*([+^$#*%][A-Z0-9]+)(=\?|\?|=)?((?:"[^"]*"?|[^";])*)', re.IGNORECASE)
_BASIC = re.compile(r'\s*(&?[A-Z]|S\d+=)((?:"[^"]*"?|[^";&A-Z+^$])*)', re.IGNORECASE)
_DIAL = re.compile(r"\s*D([^;]*)", re.IGNORECASE)
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')

# The words of +CMEE=2: TS 27.007 §9.2
_CME_WORDS = {3: "operation not allowed", 4: "operation not supported", 10: "SIM not inserted"}
_CME_WORDS |= {11: "SIM PIN required", 12: "SIM PUK required", 13: "SIM failure", 14: "SIM busy"}
_CME_WORDS |= {16: "incorrect password", 21: "invalid index", 30: "no network service"}


class Form(Enum):
    """How a command was written."""

    RUN = ""
    READ = "?"
    SET = "="
    TEST = "=?"


class CommandError(Exception):
    """A command ends with something else than OK."""

    def shown(self, cmee: int) -> str:  # noqa: ARG002 - CmeError needs it
        return "ERROR"


class Failed(CommandError):
    """Plain ERROR, or the final result given as text."""

    def __init__(self, text: str = "ERROR") -> None:
        super().__init__(text)

    def shown(self, cmee: int) -> str:  # noqa: ARG002 - a text is a text
        return str(self)


class CmeError(CommandError):
    """+CME ERROR: TS 27.007 §9.2. ERROR alone until the client asks for codes with +CMEE."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def shown(self, cmee: int) -> str:
        if not cmee:
            return "ERROR"
        return f"+CME ERROR: {_CME_WORDS.get(self.code, self.code) if cmee == 2 else self.code}"


class CmsError(CommandError):
    """+CMS ERROR: TS 27.005 §3.2.5, numeric whatever +CMEE says."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def shown(self, cmee: int) -> str:  # noqa: ARG002 - always a number
        return f"+CMS ERROR: {self.code}"


class Command:
    """name in capitals; argument: what stands behind = or behind a letter, as written."""

    __slots__ = ("argument", "form", "name")

    def __init__(self, name: str, form: Form, argument: str) -> None:
        self.name = name
        self.form = form
        self.argument = argument

    @property
    def values(self) -> list[str]:
        """The arguments between commas, without quotes; a missing one is ""."""
        if not self.argument:
            return []
        return [value.strip().strip('"') for value in _COMMA.split(self.argument)]

    def number(self, place: int = 0, default: int | None = None) -> int:
        """The argument at a place as a number; the default where there is none. Raises CmeError 50."""
        values = self.values
        text = values[place] if place < len(values) else ""
        if not text and default is not None:
            return default
        if not text.isdecimal():
            raise CmeError(50)
        return int(text)


def commands_of(line: str) -> list[Command] | None:
    """The commands of a line that begins with AT; [] for AT alone, None for what is no command."""
    rest = line[2:].strip()
    found: list[Command] = []
    while rest:
        if match := _EXTENDED.match(rest):
            found.append(Command(match[1].upper(), Form(match[2] or ""), match[3].strip()))
        elif match := _DIAL.match(rest):
            found.append(Command("D", Form.RUN, match[1]))
        elif match := _BASIC.match(rest):
            found.append(Command(match[1].upper(), Form.RUN, match[2].strip()))
        else:
            return None
        rest = rest[match.end() :].lstrip("; ")
    return found


def quoted(*values: object) -> str:
    """Values as an answer writes them: text in quotes, numbers bare, "" as nothing."""
    return ",".join(f'"{value}"' if isinstance(value, str) and value else str(value) for value in values)
