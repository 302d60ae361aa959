"""An MQTT broker as a scripted actor: what is retained, subscribed and willed, and its moods.

What the gateway sends travels (session.py) and is taken when it gets here, which its acknowledgement may not outlive.
A broker that hangs takes it all later, in order; one that falls over tells no will. Others publish here too (remote.py).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from simulation.books import Books
from simulation.clockwork import World
from simulation.process import Process
from simulation.session import INSTANT, Session

from gateway.topics import LOST, Arrived
from gateway.watchers.mqtt_broker import BrokerError

__all__ = ["COMMANDS", "PREFIX", "ROOT", "SUBMIT", "Broker"]

ROOT = "storm"
PREFIX = f"{ROOT}/default/storm/"
KEEPALIVE = 15.0
HOSTILE = "hostile/"
"""Where it hangs up on whoever publishes."""
SUBMIT = ("bank", "shop")
COMMANDS = ("drain", "link.disable", "link.enable", "link.reset", "queue.hold", "queue.release", "reload")
"""All of them, or all but the first."""
ASKED = (f"{PREFIX}cmd/", f"{PREFIX}submit/")


class Broker:
    """See the module. retained: topic -> payload; events: how many came that were not retained.

    modern: it knows MQTT 5. untold: a will was not, when it fell over or was restored. ends: when the gateway's sessions ended. heard: is told what others than us would get.
    """

    def __init__(self, world: World, books: Books, draw: random.Random) -> None:
        self.world = world
        self.books = books
        self.random = draw
        self.modern = draw.random() < 0.75
        self.moods: dict[str, int] = {}
        self.retained: dict[str, bytes] = {}
        self.saved: dict[str, bytes] = {}
        self.events = 0
        self.ends: list[float] = []
        self.unwell_at = -1.0
        self.untold = False
        self.heard: Callable[[str, bytes, bytes | None], object] = lambda *_: None
        self.current: Session | None = None
        self._stuck: list[tuple[Session | None, Callable[[], object]]] = []

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────
    def mood(self, name: str, lasts: float) -> None:
        self.unwell_at = self.world.now
        if name in ("gone", "cuts", "forgets", "remembers"):
            polite = self.random.random() < 0.5  # it was stopped, or it fell over
            self._cut(
                BrokerError("lost", "the broker closed the connection"), willed=polite or name == "cuts"
            )
            self._stuck.clear()
            self.untold = True
        if name == "forgets":
            self.retained.clear()
        if name == "remembers":  # restored from a copy, of when there was another bearer, and an alarm
            self.retained = dict(self.saved)
            self.retained[f"{PREFIX}bearer/former/state"] = self.retained[f"{PREFIX}alarm/former"] = (
                b'{"v":1}'
            )
        self.saved = dict(self.retained)
        if lasts:
            self.moods[name] = self.moods.get(name, 0) + 1
            self.world.after(lasts, self._over, name)
        if name == "hangs" and self.current is not None:
            self.world.after(KEEPALIVE * (1 + self.random.random()), self.current.unheard)

    def _over(self, name: str) -> None:
        self.unwell_at = self.world.now
        left = self.moods.get(name, 0) - 1
        if left > 0:
            self.moods[name] = left
            return
        self.moods.pop(name, None)
        if name == "hangs":
            self._awake()

    def _awake(self) -> None:
        """What was sent meanwhile is read now, of each connection in its order."""
        stuck, self._stuck = self._stuck, []
        for session, packet in stuck:
            if session is None or not session.severed:
                packet()

    def calm(self) -> None:
        self.moods.clear()
        self._awake()

    def well_since(self, then: float) -> bool:
        return not self.moods and self.unwell_at < then and not any(end >= then for end in self.ends[-3:])

    def _cut(self, error: BrokerError, willed: bool = True) -> None:
        session, self.current = self.current, None
        if session is None:
            return
        self.ends.append(self.world.now)
        session.severed = True
        if willed:
            self.retained[session.will] = LOST
        session.end(error)

    def delay(self) -> float:
        slow = 3 * self.random.random() if "slow" in self.moods else 0.0
        return INSTANT + 0.01 * self.random.random() + slow

    # ── what the gateway sends ───────────────────────────────────────────────────────────────────────────
    def session(self, settings: Any, identifier: str, will: str, protocol: str = "5") -> Session:
        """Stands where Connection(…) does."""
        return Session(self, will, "5" if self.modern else "3.1.1")

    def comes(self, session: Session | None, packet: Callable[[], object]) -> None:
        """Octets are here; whoever sent them may be gone."""
        if session is not None and session.severed:
            return
        if "gone" in self.moods:
            return
        if "hangs" in self.moods:
            self._stuck.append((session, packet))
        else:
            packet()

    def connect(self, session: Session, answer: Callable[[object], object]) -> None:
        if "refuses" in self.moods:
            answer(BrokerError("password", "the broker refuses user name or password"))
            return
        self._cut(BrokerError("taken", "another client has connected under this name"))
        self.current = session
        self.untold = False
        self.books.tell("broker", "connected")
        answer(None)

    def leaves(self, session: Session, polite: bool) -> None:
        """DISCONNECT, or the end of its octets, which is when the will is told."""
        if self.current is not session:
            return
        if polite:
            self.current = None
            self.ends.append(self.world.now)
        else:
            self._cut(BrokerError("lost", "the connection was reset"))

    def taken(self, session: Session, arrived: Arrived, answer: Callable[[object], object]) -> None:
        """PUBLISH: in force from here on, whatever becomes of its acknowledgement."""
        if self.current is not session:
            return
        topic = arrived.topic
        if topic.startswith(HOSTILE) or ("loses_acks" in self.moods and self.random.random() < 0.2):
            if not topic.startswith(HOSTILE):
                self._take(arrived)
            self.books.happened["broker.hung up on a publication"] += 1
            self._cut(BrokerError("lost", "the broker closed the connection"))
            return
        self._take(arrived)
        answer(None)

    def _take(self, arrived: Arrived) -> None:
        topic, payload = arrived.topic, arrived.payload
        if b"3361234" in payload:
            self.books.violation("privacy", f"{topic} tells a number: {payload!r}")
        if topic.startswith(ASKED) and not topic.endswith("/reply"):
            self.books.violation("mqtt", f"the gateway itself publishes at {topic}: {payload!r}")
        if not arrived.retain:
            self.events += 1
            self.heard(topic, payload, arrived.correlation)
        elif payload:
            self.retained[topic] = payload
        else:
            self.retained.pop(topic, None)
        self.books.tell("broker", "got", topic, payload[:60] if topic.endswith(("/reply", "status")) else "")
        if not self.modern:  # which knows no noLocal
            self._route(arrived, None)

    def died(self, power: bool) -> None:
        """The gateway's kernel ends its connections; or nobody does, and the broker finds out."""
        session = self.current
        if session is None:
            return
        if power:
            session.severed = True
            self.world.after(1.5 * KEEPALIVE, self.comes, None, lambda: self.leaves(session, polite=False))
        else:
            session.send(lambda: self.leaves(session, polite=False))

    # ── what others send ─────────────────────────────────────────────────────────────────────────────────
    def publish(self, arrived: Arrived, request: Any) -> None:
        """From another client. With MQTT 3.1.1 what is retained looks like anything else to who is there."""
        self.comes(None, lambda: self._published(arrived, request))

    def _published(self, arrived: Arrived, request: Any) -> None:
        if arrived.retain:
            self.retained[arrived.topic] = arrived.payload
        self._route(arrived, request)

    def _route(self, arrived: Arrived, request: Any) -> None:
        session = self.current
        if session is not None and session.wants(arrived.topic):
            session.give(self.shown(arrived, arrived.retain and self.modern), request)

    def shown(self, arrived: Arrived, retain: bool) -> Arrived:
        if not self.modern:
            return Arrived(arrived.topic, arrived.payload, retain)
        return Arrived(
            arrived.topic, arrived.payload, retain, arrived.answer_to, arrived.correlation, arrived.who
        )

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────────────
    def judge_absence(self, since: float) -> None:
        """While there is no gateway, `status` says so, as soon as its last octets are here."""
        payload = self.retained.get(f"{PREFIX}status")
        travels = 1 + 3 * ("slow" in self.moods or self.unwell_at > since - 60)
        if payload is None or self.untold or "hangs" in self.moods or self.world.now < since + travels:
            return
        state = json.loads(payload)["state"]
        if self.current is None and state in ("ready", "draining"):
            self.books.violation("mqtt", f"status says {state} while no gateway runs")

    def judge(self, process: Process | None) -> None:
        """When all is calm, what is retained is how it stands."""
        app = process.app if process is not None and process.ready else None
        if app is None or app.config.mqtt is None:
            return
        shown = {
            topic[len(PREFIX) :]: json.loads(payload)
            for topic, payload in self.retained.items()
            if topic.startswith(PREFIX) and not topic.startswith(ASKED)
        }
        due = {"status", "info", *(f"alarm/{alarm.id}" for alarm in app.alarms)}
        due |= {f"account/{account.name}/state" for account in app.accounts}
        due |= {f"bearer/{name}/state" for name in app.dispatcher.roads}
        due |= {
            f"modem/{name}/state"
            for name, road in app.dispatcher.roads.items()
            if road.bearer.from_own_number
        }
        wrong = self.books.violation
        if shown.keys() != due:
            wrong(
                "mqtt",
                f"retained and not true: {sorted(shown.keys() - due)}; missing: {sorted(due - shown.keys())}",
            )
        if shown.get("status", {}).get("state") != "ready":
            wrong("mqtt", f"status says {shown.get('status')} when all is calm")
        for account in app.accounts:
            said = shown.get(f"account/{account.name}/state", {})
            if said.get("binds") != account.bound:
                wrong("mqtt", f"account {account.name} has {account.bound} binds, the broker knows {said}")
