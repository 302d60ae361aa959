"""What MQTT may ask: commands of operators and texts of machines. Both are off unless [mqtt] names them.

Takes what the watcher's connection hears, in bounded queues: who asks faster than we work is told `busy`. A
command is one of the operators' own acts, with its line in the audit log. A text is answered once it is on disk,
with its id and status; its words are in no reply and no log. What the broker kept (retained) is never obeyed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from gateway import answers
from gateway.answers import Answer
from gateway.config.policy import MqttSettings
from gateway.control.acts import ACTS
from gateway.control.parts import Gateway, Refusal, View
from gateway.control.words import moment
from gateway.listeners.texts import Refused, object_of, read
from gateway.model import Message
from gateway.stores.store import StoreError
from gateway.topics import Arrived, Reply, Tree, encode

__all__ = ["MqttListener", "command_of", "outcome"]

log = structlog.get_logger("gateway.mqtt")

LARGEST = 32 * 1024
"""Octets of a payload."""
ROOM = 1000
AT_ONCE = 100
"""Texts that are submitted in one go."""

Post = Callable[[Reply], None]

_FLOW = ("ids", "route", "kind", "account", "tag", "reason")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "link.enable": ("name", "reason"),
    "link.disable": ("name", "reason", "confirm"),
    "link.reset": ("name", "reason"),
    "queue.hold": _FLOW,
    "queue.release": _FLOW,
    "reload": (),
    "drain": ("off", "confirm"),
}
_DANGEROUS = frozenset({"link.disable", "drain"})
"""They stop the traffic: the gateway's name must be written out, so that a wildcard tool cannot do it."""

_WORDS = {
    answers.MESSAGE_LENGTH: "bad_text", answers.SYSTEM_ERROR: "try_again", answers.BAD_SOURCE: "bad_sender",
    answers.BAD_DESTINATION: "bad_recipient", answers.QUEUE_FULL: "queue_full", answers.BAD_SERVICE_TYPE: "bad_kind",
    answers.BAD_SCHEDULE: "bad_send_at", answers.BAD_VALIDITY: "bad_validity", answers.THROTTLED: "throttled",
    answers.OPTED_OUT: "opted_out", answers.WOULD_EXPIRE: "would_expire", answers.FREQUENCY_CAP: "frequency_cap",
    answers.QUOTA_SPENT: "quota_spent", answers.MENTION_MISSING: "mention_missing", answers.NO_CONSENT: "no_consent",
    answers.NO_ROUTE: "no_route", answers.REFERENCE_REUSED: "reference_reused", answers.SUPPRESSED: "suppressed",
}  # fmt: skip


class MqttListener:
    """See the module. post: takes the replies. filters: what is to be subscribed to, () for nothing."""

    def __init__(self, gateway: Gateway, settings: MqttSettings, tree: Tree, post: Post) -> None:
        self._gateway = gateway
        self._settings = settings
        self._tree = tree
        self._post = post
        self._commands: asyncio.Queue[tuple[str, Arrived]] = asyncio.Queue(ROOM)
        self._texts: asyncio.Queue[tuple[str, Arrived]] = asyncio.Queue(ROOM)
        self._tasks: list[asyncio.Task[None]] = []
        families = (("cmd", settings.commands), ("submit", settings.submit))
        self.filters = tuple(f"{tree.prefix}/{family}/+" for family, allowed in families if allowed)

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._obey(), name="mqtt commands"),
            asyncio.create_task(self._submit_all(), name="mqtt texts"),
        ]

    async def drain(self, seconds: float) -> None:
        """Until what has come is answered; at most `seconds`."""
        both = [asyncio.ensure_future(queue.join()) for queue in (self._commands, self._texts)]
        await asyncio.wait(both, timeout=seconds)
        for each in both:
            each.cancel()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    # ── what comes ───────────────────────────────────────────────────────────────────────────────────────
    def take(self, arrived: Arrived) -> None:
        """Whatever it is: put in its line, refused, or ignored. Never waits, never raises."""
        verb, account = self._tree.below("cmd", arrived.topic), self._tree.below("submit", arrived.topic)
        if not verb and not account:
            return
        if arrived.retain:
            log.warning(
                "mqtt.retained_ignored", topic=arrived.topic, remedy="publish an empty retained payload there"
            )
            return
        family, queue = ("cmd", self._commands) if verb else ("submit", self._texts)
        allowed = self._settings.commands if verb else self._settings.submit
        if (verb or account) not in allowed:
            self._refuse(arrived, "not_allowed", f"mqtt.{'commands' if verb else 'submit'} does not name it")
        elif len(arrived.payload) > LARGEST:
            self._refuse(arrived, "too_large", f"{len(arrived.payload)} octets: at most {LARGEST}")
        else:
            try:
                queue.put_nowait((verb or account, arrived))
            except asyncio.QueueFull:
                self._refuse(arrived, "busy", f"{ROOM} wait in {family} already: ask again")

    def _refuse(self, arrived: Arrived, error: str, detail: str) -> None:
        log.warning("mqtt.refused", topic=arrived.topic, client=who_of(arrived), error=error, detail=detail)
        self._reply(arrived, {"status": "refused", "error": error, "detail": detail})

    def _reply(self, arrived: Arrived, view: View) -> None:
        """To where its sender wants it, if that is no topic of ours; else to …/reply."""
        wanted = arrived.answer_to if self._tree.may_answer(arrived.answer_to) else f"{arrived.topic}/reply"
        self._post(Reply(wanted, encode(view), arrived.correlation))

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────
    async def _obey(self) -> None:
        while True:
            verb, arrived = await self._commands.get()
            try:
                self._reply(arrived, {"verb": verb, **await self._done(verb, arrived)})
            finally:
                self._commands.task_done()

    async def _done(self, verb: str, arrived: Arrived) -> View:
        """One command to its end; whatever becomes of it is said."""
        try:
            act, args = command_of(verb, arrived.payload, self._gateway.config.gateway.name)
            result = await ACTS[act](self._gateway, args, who_of(arrived), _quietly)
        except Refused as refused:
            error = refused.text
        except (Refusal, ValueError, StoreError, OSError) as failed:
            error = str(failed).replace("--", "")  # a refusal names options as the command line has them
        except Exception as fault:  # a fault of ours is told and logged; the next command is obeyed
            log.exception("mqtt.command_failed", verb=verb)
            error = f"{type(fault).__name__}: {fault}"
        else:
            return {"status": "done", "result": result}
        log.warning(
            "mqtt.refused", topic=arrived.topic, client=who_of(arrived), error="refused", detail=error
        )
        return {"status": "refused", "error": "refused", "detail": error[:500]}

    # ── texts ────────────────────────────────────────────────────────────────────────────────────────────
    async def _submit_all(self) -> None:
        """What has come since the last time, in one batch for each account."""
        while True:
            batch = [await self._texts.get()]
            while len(batch) < AT_ONCE and not self._texts.empty():
                batch.append(self._texts.get_nowait())
            try:
                for name in dict.fromkeys(name for name, _ in batch):
                    await self._submit(name, [arrived for other, arrived in batch if other == name])
            except Exception:  # a fault of ours costs these replies; the next texts are taken
                log.exception("mqtt.submit_failed")
            finally:
                for _ in batch:
                    self._texts.task_done()

    async def _submit(self, name: str, batch: list[Arrived]) -> None:
        account = self._gateway.accounts.get(name)
        if account is None:
            for arrived in batch:
                self._refuse(arrived, "not_allowed", "no such account in [accounts] any more")
            return
        now = self._gateway.clock.wall_ms() / 1000
        messages: list[Message] = []
        asked: list[Arrived] = []
        for arrived in batch:
            try:
                messages.append(read(account, object_of(arrived.payload), now))
            except Refused as refused:
                self._refuse(arrived, _WORDS.get(refused.status, "bad_request"), refused.text)
            else:
                asked.append(arrived)
        if not messages:
            return
        submitted = self._gateway.intake.submit(account, messages)
        if submitted.durable is not None:
            await asyncio.wait([submitted.durable])  # the answers say how it went
        for arrived, message, answer in zip(asked, messages, submitted.answers, strict=True):
            if answer.status:
                log.warning(
                    "mqtt.refused", topic=arrived.topic, error=_word(answer.status), detail=answer.text
                )
            self._reply(arrived, outcome(message, answer))


async def _quietly(_line: View) -> None:
    """An act's progress has no reader here."""


def who_of(arrived: Arrived) -> str:
    """For the audit log. What a client says of itself is shown as such: the broker knows who it is, we don't."""
    said = "".join(c for c in arrived.who if c.isprintable())[:64]
    return f"mqtt, who says {said!r}" if said else "mqtt"


def command_of(verb: str, payload: bytes, node: str) -> tuple[str, View]:
    """(act, its arguments) of a command. Raises Refused: no JSON, an unknown key, a missing confirmation."""
    table = object_of(payload) if payload.strip() else {}
    known = _KEYS[verb]
    for key in table:
        if key not in known:
            raise Refused(0, f"unknown key {key[:40]!r}; known are {', '.join(known) or 'none'}")
    stops = verb in _DANGEROUS and table.get("off") is not True
    if stops and table.pop("confirm", None) != node:
        raise Refused(0, f'{verb} stops traffic: it needs "confirm": the gateway\'s name')
    table.pop("confirm", None)
    family, _, what = verb.partition(".")
    if family == "link" and not table.get("name"):
        raise Refused(0, f'{verb} needs "name": the bearer')
    if family == "link":
        return "link", {**table, "act": what}
    return what or family, table


def _word(status: int) -> str:
    return _WORDS.get(status, "refused")


def outcome(message: Message, answer: Answer) -> View:
    """The reply to a text: id and status; and the client's own reference, for those whom MQTT 3.1.1 gives no other."""
    view: View = {"reference": message.reference} if message.reference else {}
    if answer.status:
        return {**view, "status": "refused", "error": _word(answer.status), "code": f"{answer.status:#06x}"}
    view |= {"status": "accepted", "id": str(answer.message_id)}
    if answer.deferred:
        view["deferred_until"] = moment(answer.deferred)
    return view
