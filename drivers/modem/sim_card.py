"""The SIM of a simulated modem: its PIN with three tries, its PUK with ten, and what it remembers of both.

Counters live in the card, as in life: no reset of the modem gives a try back. `tries` records every attempt,
which is how a test knows that a driver made no second one.
"""

from __future__ import annotations

__all__ = ["PIN_TRIES", "PUK_TRIES", "SimCard"]

PIN_TRIES, PUK_TRIES = 3, 10


class SimCard:
    """pin "" means a card without a lock. tries: (what was tried, whether it was right), in order."""

    def __init__(self, pin: str, puk: str) -> None:
        self.pin = pin
        self.puk = puk
        self.tries: list[tuple[str, bool]] = []
        self.pin_left = PIN_TRIES
        self.puk_left = PUK_TRIES
        self.unlocked = not pin

    @property
    def wants(self) -> str:
        """As +CPIN? says it; "" for a card blocked for good."""
        if not self.puk_left:
            return ""
        if not self.pin_left:
            return "SIM PUK"
        return "READY" if self.unlocked else "SIM PIN"

    def power_up(self) -> None:
        """The lock closes again; what was counted stays counted."""
        self.unlocked = not self.pin

    def enter_pin(self, pin: str) -> bool:
        right = pin == self.pin
        self.tries.append((pin, right))
        self.pin_left = PIN_TRIES if right else max(self.pin_left - 1, 0)
        self.unlocked = right
        return right

    def enter_puk(self, puk: str, new_pin: str) -> bool:
        right = puk == self.puk
        self.tries.append((puk, right))
        if right:
            self.pin, self.pin_left, self.puk_left, self.unlocked = new_pin, PIN_TRIES, PUK_TRIES, True
        else:
            self.puk_left = max(self.puk_left - 1, 0)
        return right
