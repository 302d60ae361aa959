"""What comes over the line to a simulated modem, octet by octet: command lines, message bodies, escapes; echo.

Clients write in fragments of one octet, put a NUL before the CR, ESC before the first AT, and the body apart
from its CTRL-Z: all that is assembled here, and nothing is understood. V.250 §5.2 for the command line.
"""

from __future__ import annotations

__all__ = ["Body", "Cancelled", "Line", "Terminal"]

_CR, _LF, _CTRL_Z, _ESC, _BS = 0x0D, 0x0A, 0x1A, 0x1B, 0x08
_MOST = 8192  # a line that never ends is cut: V.250 §5.2.1 leaves the length to the modem


class Line:
    """A command line, from its AT on."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Body:
    """What was typed at the prompt, ended with CTRL-Z."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Cancelled:
    """The prompt was left with ESC."""

    __slots__ = ()


class Terminal:
    """prompting: what comes is a body. echo: whether it is written back, into `echoed`."""

    def __init__(self) -> None:
        self.echo = True
        self.prompting = False
        self.echoed = bytearray()
        self._waiting = bytearray()
        self._typed = bytearray()

    def feed(self, data: bytes) -> None:
        self._waiting += data

    def clear(self) -> None:
        """Forget what was typed: a modem that starts anew never read it."""
        self._waiting.clear()
        self._typed.clear()
        self.prompting = False

    def take(self) -> Line | Body | Cancelled | None:
        """The next whole thing out of what was fed; None until more comes."""
        for position, octet in enumerate(self._waiting, 1):
            if self.echo and octet not in (_LF, 0, _ESC, _CTRL_Z):
                self.echoed.append(octet)
            taken = self._body(octet) if self.prompting else self._line(octet)
            if taken is not None:
                del self._waiting[:position]
                return taken
        self._waiting.clear()
        return None

    def _line(self, octet: int) -> Line | None:
        if octet == _CR:
            text = self._typed.decode("latin-1")
            self._typed.clear()
            start = text.upper().find("AT")
            return Line(text[start:]) if start >= 0 else None
        if octet == _BS:
            del self._typed[-1:]
        elif octet == _ESC:  # at no prompt it means nothing, but what stood before it was no command
            self._typed.clear()
        elif octet not in (_LF, 0, _CTRL_Z) and len(self._typed) < _MOST:
            self._typed.append(octet)
        return None

    def _body(self, octet: int) -> Body | Cancelled | None:
        if octet == _ESC:
            self._typed.clear()
            self.prompting = False
            return Cancelled()
        if octet == _CTRL_Z:
            text = self._typed.decode("latin-1")
            self._typed.clear()
            self.prompting = False
            return Body(text)
        if octet == _BS:
            del self._typed[-1:]
        elif octet and len(self._typed) < _MOST:
            self._typed.append(octet)
        return None
