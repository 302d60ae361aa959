"""Plays conversations over a port: one command at a time, each with its time-out, URCs heard at any moment.

Owns the port and its dialogue while it is open. Promises: a port that goes ends the conversation at once
(PortLost); what was written before CTRL-Z is told by `handed_over`. Never judges what is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import structlog

from drivers.bearer import StateStore
from drivers.modem.at import ESC, Answer, Command, Dialogue, Event, Late, Prompt, Urc
from drivers.modem.script import Escape, Keep, Pause, Recall, Reckon, Script, Step, Trouble, Write

__all__ = ["Line", "Opener", "PortLike", "PortLost"]

Result = TypeVar("Result")
LATE = 120.0
"""Seconds after which nothing more is expected for a command that was given up."""


class PortLike(Protocol):
    """What drivers.modem.port.Port is, and a simulated modem in memory can be."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


Opener = Callable[[str, int, Callable[[bytes], None], Callable[[str], None], str], Awaitable[PortLike]]
"""open(path, baud, received, lost, owner), as drivers.modem.port.open_port. Raises PortError."""


class PortLost(Exception):
    """The device went away: unplugged, restarted, or its far end hung up."""


class Line:
    """See the module. heard: gets each Urc and Late in the callback that brought it. pair: seconds that the
    second line of a +CMT: is waited for. handed_over: CTRL-Z was written for the submit under way.
    """

    def __init__(
        self,
        heard: Callable[[Urc | Late], None],
        gone: Callable[[], None],
        state: StateStore,
        clock: Callable[[], float],
        pair: float,
        bearer: str,
    ) -> None:
        self.handed_over = False
        self.lost = ""
        self.dialogue = Dialogue()
        self._heard = heard
        self._gone = gone
        self._state = state
        self._clock = clock
        self._pair = pair
        self._port: PortLike | None = None
        self._waiting: asyncio.Future[Answer | Prompt] | None = None
        self._over = asyncio.Event()  # the port is lost, or somebody is in a hurry
        self._half: asyncio.TimerHandle | None = None
        self._gave_up = 0.0
        self._log = structlog.get_logger("driver.modem").bind(bearer=bearer)

    @property
    def open(self) -> bool:
        return self._port is not None and not self.lost

    async def connect(self, opener: Opener, path: str, baud: int, owner: str) -> None:
        """Open the port anew, with a new dialogue. Raises PortError."""
        self.close()
        self.dialogue = Dialogue()
        self.lost = ""
        self._over.clear()
        self._port = await opener(path, baud, self._received, self._lost, owner)

    def close(self) -> None:
        """Let the port go, if there is one."""
        if self._half is not None:
            self._half.cancel()
            self._half = None
        if self._port is not None:
            self._port.close()
            self._port = None
        self.handed_over = False

    # ── conversations ────────────────────────────────────────────────────────────────────────────────────
    async def play(self, script: Script[Result]) -> Result:
        """What the conversation returns. Raises what it raises, and PortLost."""
        outcome: object = None
        try:
            while True:
                step: Step = script.send(outcome)
                outcome = await self._take(step)
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            script.close()

    def hurry(self) -> None:
        """What is waited for will not come: the modem has just restarted."""
        self._expire()

    def break_off(self, detail: str) -> None:
        """The conversation ends now, as if the port were gone."""
        if self._port is not None and not self.lost:
            self._lost(detail)

    async def _take(self, step: Step) -> object:
        if self.lost or self._port is None:
            raise PortLost(self.lost or "the port is closed")
        if isinstance(step, Command):
            return await self._ask(step)
        if isinstance(step, Write):
            self.handed_over = True
            self._port.write(self.dialogue.write(step.payload))
            answer = await self._answer(step.seconds)
            self.handed_over = False
            return answer
        if isinstance(step, Pause):
            await self._pause(step.seconds)
        elif isinstance(step, Escape):
            self._port.write(ESC)
        elif isinstance(step, Keep):
            await self.keep(step.key, step.value)
        elif isinstance(step, Recall):
            return await self.recall(step.key)
        elif isinstance(step, Reckon):
            return await asyncio.to_thread(step.work)
        return None

    async def _ask(self, command: Command) -> Answer | Prompt:
        assert self._port is not None
        if self._gave_up and self._clock() - self._gave_up > LATE:
            self.dialogue.forget()
            self._gave_up = 0.0
        self._port.write(self.dialogue.send(command))
        answer = await self._answer(command.seconds)
        if isinstance(answer, Answer):
            self._log.debug("at", sent=command.shown, result=answer.shown, lines=len(answer.lines))
        return answer

    async def _answer(self, seconds: float) -> Answer | Prompt:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_later(seconds, self._expire)
        try:
            return await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _expire(self) -> None:
        if self._waiting is not None and not self._waiting.done() and self.dialogue.command is not None:
            self._gave_up = self._clock()
            self._waiting.set_result(self.dialogue.expire())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return
        raise PortLost(self.lost)

    # ── the store ────────────────────────────────────────────────────────────────────────────────────────
    async def keep(self, key: str, value: str) -> None:
        """Durable when it returns. Raises Trouble."""
        try:
            await self._state.put(key, value)
        except Exception as error:  # stores have errors of their own: what is not durable counts as not done
            raise Trouble(
                "store.failed", f"the gateway's store does not take what must be kept: {error}"
            ) from error

    async def recall(self, key: str) -> str:
        """What was kept, or "". Raises Trouble."""
        try:
            return await self._state.get(key) or ""
        except Exception as error:  # as above: without its record a PIN must not be tried
            raise Trouble(
                "store.failed", f"the gateway's store does not give what was kept: {error}"
            ) from error

    # ── what the port says ───────────────────────────────────────────────────────────────────────────────
    def _received(self, data: bytes) -> None:
        for event in self.dialogue.receive(data):
            self._hand_on(event)
        if self.dialogue.half and self._half is None:
            self._half = asyncio.get_running_loop().call_later(self._pair, self._flush)

    def _flush(self) -> None:
        self._half = None
        for event in self.dialogue.flush_urc():
            self._hand_on(event)

    def _hand_on(self, event: Event) -> None:
        if isinstance(event, Urc | Late):
            self._heard(event)
        elif self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(event)

    def _lost(self, detail: str) -> None:
        self.lost = detail or "the device is gone"
        self._over.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(PortLost(self.lost))
        self._gone()
