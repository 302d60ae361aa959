"""An operator as a random actor, by the control socket: reloads, holds, drains, switches links off, looks around."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulation.books import Ask
from simulation.network import Plug

from gateway.cli.messages import _traced

if TYPE_CHECKING:
    from simulation.storm import Storm

__all__ = ["Operator"]


class Operator:
    """See the module. Every act that takes something away is undone later; a restart of the gateway may do it first."""

    def __init__(self, storm: Storm, draw: random.Random) -> None:
        self.storm = storm
        self.random = draw
        self.held: list[dict[str, str]] = []
        self.asking = 0

    def ask(
        self, verb: str, args: dict[str, Any], then: Callable[[dict[str, Any]], object] = lambda _: None
    ) -> None:
        """One request; then() hears the last line of the answer that has one."""
        storm = self.storm
        storm.remote.standing.other(verb, args)
        received = bytearray()
        self.asking += 1

        def data(octets: bytes) -> None:
            received.extend(octets)

        def end() -> None:
            self.asking -= 1
            lines = [json.loads(line) for line in bytes(received).splitlines()]
            answer = next((line for line in lines if "data" in line or "error" in line), {})
            storm.books.tell("operator", f"{verb} {args}: {str(answer)[:100]}")
            then(answer)

        def opened(plug: Plug | None) -> None:
            if plug is None or not plug.open:
                self.asking -= 1
                then({})
                return
            plug.on_data, plug.on_end = data, end
            plug.send(json.dumps({"verb": verb, "args": args}).encode() + b"\n")

        storm.network.connect_in("control", opened)

    def reload(self, level: float) -> None:
        """Other rates and windows."""
        storm = self.storm
        name, rate, _ = self.written(level)
        self.ask("reload", {}, lambda _: storm.books.rates[name].append((storm.world.now, rate)))

    def written(self, level: float) -> tuple[str, float, float]:
        """Into the file: (bearer, its rate, when)."""
        storm = self.storm
        name = self.random.choice(sorted(storm.carriers))
        rate = self.random.choice((2, 5, 10, 20, 50))
        table = storm.table["bearers"][name]
        table["rate"] = rate
        if level > 0.7:  # bound anew
            table["link"]["window"] = self.random.choice((1, 5, 20))
        storm.write_configuration()
        storm.books.rates[name].append((storm.world.now, rate))
        return name, rate, storm.world.now

    def undo(self, verb: str, args: dict[str, Any]) -> None:
        """What was asked for by MQTT, and not answered."""
        family, _, act = verb.partition(".")
        if verb == "queue.release":
            self.release({key: str(value) for key, value in args.items()})
        else:
            self._until_heard(family, {**args, **({"act": act} if act else {})})

    def hold(self, lasts: float, level: float) -> None:
        flow = {"account": self.random.choice(("shop", "bank"))} if level < 0.5 else {"kind": "transactional"}
        self.held.append(flow)
        now = self.storm.world.now
        self.storm.books.holds.append((now, now + lasts + 60))
        self.ask("hold", dict(flow))
        self.storm.world.after(lasts, self.release, flow)

    def release(self, flow: dict[str, str]) -> None:
        """Until somebody hears it."""
        if flow not in self.held:
            return

        def heard(answer: dict[str, Any]) -> None:
            if answer:
                while flow in self.held:
                    self.held.remove(flow)
            else:
                self.storm.world.after(5.0, self.release, flow)

        self.ask("release", dict(flow), heard)

    def drain(self, lasts: float) -> None:
        now = self.storm.world.now
        self.storm.books.holds.append((now, now + lasts + 60))
        self.ask("drain", {})
        self.storm.world.after(lasts, self._until_heard, "drain", {"off": True})

    def link(self, name: str, lasts: float, level: float) -> None:
        if level < 0.4:
            self.ask("link", {"name": name, "act": "reset"})
            return
        self.ask("link", {"name": name, "act": "disable"})
        self.storm.world.after(lasts, self._until_heard, "link", {"name": name, "act": "enable"})

    def look(self, level: float) -> None:
        verb = ("status", "links", "queue", "accounts", "orphans")[int(level * 5)]
        self.ask(verb, {})

    def trace(self, ask: Ask) -> None:
        """Into the story: what the gateway itself knows of a message."""

        def told(answer: dict[str, Any]) -> None:
            lines = _traced(answer["data"]) if "data" in answer else [str(answer)]
            for line in lines:
                self.storm.books.tell("trace", f"{ask.token} | {line}")

        self.ask("trace", {"id": ask.ids[0], "text": True}, told)

    def _until_heard(self, verb: str, args: dict[str, Any]) -> None:
        def heard(answer: dict[str, Any]) -> None:
            if not answer:
                self.storm.world.after(5.0, self._until_heard, verb, args)

        self.ask(verb, dict(args), heard)
