"""Mistakes to plant between the gateway and the process that writes its store."""

from __future__ import annotations

from typing import Any

from simulation.mistakes import mistake, wrap

from gateway.stores.apart import ProcessScribe
from gateway.stores.transactions import Transactions, Verdict

__all__: list[str] = []


@mistake("a clerk has died: what it had been sent is taken to be written")
def believes_the_dead() -> None:
    def make(lost: Any) -> Any:
        def trusting(self: Any) -> None:
            while self._asked:
                self._tell(Verdict())
            lost(self)

        return trusting

    wrap(ProcessScribe, "_lost", make)


@mistake("a clerk has died: what it had been sent is sent again, whether it stands or not")
def writes_twice() -> None:
    def make(begin: Any) -> Any:
        return lambda self, why, _last: begin(self, why, "")

    wrap(ProcessScribe, "_begin", make)


@mistake("a clerk has died: only the first of two that it had been sent is sent again", within=80)
def forgets_the_second() -> None:
    def make(begin: Any) -> Any:
        def shorter(self: Any, why: str, last: str) -> None:
            if not why:
                while len(self._asked) > 1:
                    asked = self._asked.pop()
                    self._loop.call_soon(asked.told, Verdict())
            begin(self, why, last)

        return shorter

    wrap(ProcessScribe, "_begin", make)


@mistake("what was sent behind a transaction that the disk refused is done all the same", within=120)
def goes_on_regardless() -> None:
    def make(carry_out: Any) -> Any:
        return lambda self, batch, probe, _follows, mark: carry_out(self, batch, probe, False, mark)

    wrap(Transactions, "carry_out", make)
