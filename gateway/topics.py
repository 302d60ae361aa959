"""What MQTT's two halves share, the watcher that publishes and the listener that is asked: topics and payloads. Pure.

The tree of {root}/{site}/{name}/…; what arrives; what is answered. A payload is JSON with "v": 1 in which every
telephone number is masked: encode() is the only way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gateway.masking import masked

__all__ = ["LOST", "Arrived", "Reply", "Tree", "encode"]

DEEPEST = 50
"""Slashes of a topic that somebody may choose for a reply; mosquitto takes 199, others fewer."""
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
_OWN = re.compile(r"(bearer|modem|account)/[^/]+/state|alarm/[^/]+")


def encode(payload: Mapping[str, Any]) -> bytes:
    """A payload as it is published."""
    whole = masked({"v": 1, **payload})
    try:
        text = _written(whole)
    except ValueError:  # a driver's NaN, for which JSON has no word
        text = _written(json.loads(json.dumps(whole), parse_constant=lambda _: None))
    return text.encode("utf-8", "replace")


def _written(payload: Any) -> str:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


LOST = encode({"state": "lost"})
"""The last will: all that the broker knows once it hears nothing more from us."""


class Arrived:
    """A message from the broker. answer_to, correlation: where and with what MQTT 5 wants the reply, else "" and None.

    who: what its user property "user" says, which nobody has proven; retain: it was kept by the broker.
    """

    __slots__ = ("answer_to", "correlation", "payload", "retain", "topic", "who")

    def __init__(
        self, topic: str, payload: bytes, retain: bool = False, answer_to: str = "",
        correlation: bytes | None = None, who: str = "",
    ) -> None:  # fmt: skip
        self.topic = topic
        self.payload = payload
        self.retain = retain
        self.answer_to = answer_to
        self.correlation = correlation
        self.who = who


class Reply:
    """What somebody who asked is to hear. Never retained. tries: how often its publication was begun."""

    __slots__ = ("correlation", "payload", "topic", "tries")

    def __init__(self, topic: str, payload: bytes, correlation: bytes | None = None) -> None:
        self.topic = topic
        self.payload = payload
        self.correlation = correlation
        self.tries = 0


class Tree:
    """The topics of one gateway. tree("bearer", "orange", "state") is …/bearer/orange/state."""

    __slots__ = ("_root", "prefix")

    def __init__(self, root: str, site: str, name: str) -> None:
        self._root = root
        self.prefix = f"{root}/{site}/{name}"

    def __call__(self, *levels: str) -> str:
        return "/".join((self.prefix, *(_UNFIT.sub("-", level) or "-" for level in levels)))

    def below(self, family: str, topic: str) -> str:
        """X of …/family/X, "" for any other topic, and for one that goes deeper."""
        start = f"{self.prefix}/{family}/"
        rest = topic[len(start) :] if topic.startswith(start) else ""
        return "" if "/" in rest else rest

    @property
    def kept(self) -> tuple[str, ...]:
        """Filters of the retained topics that come and go; status and info are always there."""
        families = ("bearer/+/state", "modem/+/state", "account/+/state", "alarm/+")
        return tuple(f"{self.prefix}/{family}" for family in families)

    def keeps(self, topic: str) -> bool:
        """Whether a topic is one of those."""
        start = f"{self.prefix}/"
        return topic.startswith(start) and _OWN.fullmatch(topic, len(start)) is not None

    def may_answer(self, topic: str) -> bool:
        """Whether a reply may go where its sender wants it: with our rights, nobody writes commands or states."""
        if not topic or len(topic) > 512 or topic.startswith("$") or any(c in topic for c in "+#"):
            return False
        if (
            topic.count("/") > DEEPEST or not topic.isprintable()
        ):  # brokers hang up on whoever publishes there
            return False
        ours = topic == self._root or topic.startswith(f"{self._root}/")
        return not ours or topic.endswith("/reply")
