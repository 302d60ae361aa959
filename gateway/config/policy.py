"""The tables about rules and about who watches: [rules], [mqtt], [alertmanager], [leds].

Only data and its limits. What this version reads but does not serve yet is named in load_config's warnings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from drivers.settings import Between, InputFile, LongerThanZero, Matches, NotEmpty, SecretFile

__all__ = [
    "AlertmanagerSettings",
    "FrequencyCap",
    "FrequencySettings",
    "HoursSettings",
    "LedsSettings",
    "MqttSettings",
    "RulesSettings",
    "StopSettings",
    "SuppressSettings",
]

RuleName = Literal["sender", "content", "stop", "suppress", "consent", "hours", "frequency", "quota"]
Command = Literal[
    "link.enable", "link.disable", "link.reset", "queue.hold", "queue.release", "reload", "drain"
]
Recipient = Annotated[str, Matches(r"\+[0-9]{7,15}", 'an international number: "+33600000001"')]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursSettings:
    """[rules.hours]: which windows of the country's file apply to marketing."""

    profile: Annotated[str, Matches(r"[a-z0-9-]+", 'a profile like "fr-seeds", or "none"')] = "fr-seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyCap:
    """At most so many messages to one number per so many seconds."""

    messages: Annotated[int, Between(1, 1_000_000)] = 4
    per: LongerThanZero = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencySettings:
    """[rules.frequency]."""

    marketing: FrequencyCap = FrequencyCap()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSettings:
    """[rules.stop]: how a STOP is confirmed and how marketing must mention it."""

    confirm: bool = True
    mention: Literal["append", "require", "off"] = "require"
    review_days: Annotated[int, Between(0, 365)] = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressSettings:
    """[rules.suppress]: for how long, and after how many receipts in a row that call a number unknown."""

    days: Annotated[int, Between(0, 3650)] = 90
    after: Annotated[int, Between(1, 100)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSettings:
    """[rules]: which rules judge a message, in which order; () switches all off."""

    order: tuple[RuleName, ...] = ("sender", "content", "stop", "consent", "hours", "frequency", "quota")
    country: Annotated[str, Matches(r"[a-z]{2}", 'a country\'s two letters, like "fr"')] = "fr"
    hours: HoursSettings = HoursSettings()
    frequency: FrequencySettings = FrequencySettings()
    stop: StopSettings = StopSettings()
    suppress: SuppressSettings = SuppressSettings()

    @property
    def suppresses(self) -> bool:
        """Whether the rule "suppress" is in force: named, or behind "stop", both lists of who gets no marketing."""
        return "suppress" in self.order or "stop" in self.order

    @property
    def judging(self) -> tuple[str, ...]:
        """`order` with "suppress" in the place where it stands unnamed."""
        if "suppress" in self.order or "stop" not in self.order:
            return self.order
        behind = self.order.index("stop") + 1
        return (*self.order[:behind], "suppress", *self.order[behind:])


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings:
    """[mqtt]: the broker, and what may be asked over it."""

    url: Annotated[str, Matches(r"mqtts?://\S+", "an mqtt:// or mqtts:// address")] = "mqtt://127.0.0.1:1883"
    ca_file: InputFile | None = None
    certificate_file: InputFile | None = None
    key_file: SecretFile | None = None
    username: str = ""
    password_file: SecretFile | None = None
    version: Literal["auto", "5", "3.1.1"] = "auto"
    root: Annotated[str, Matches(r"[^/+#\0]+(/[^/+#\0]+)*", "a topic without + and #")] = "chappe/v1"
    interval: LongerThanZero = 10.0
    commands: tuple[Command, ...] = ()
    submit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerSettings:
    """[alertmanager]: the account that its alerts are sent as, and who gets them."""

    account: Annotated[str, NotEmpty()]
    groups: dict[str, tuple[Recipient, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedsSettings:
    """[leds]: status lights, GPIO lines by name or offset on `chip`."""

    chip: Annotated[str, NotEmpty()] = "/dev/gpiochip0"
    power: str | None = None
    carrier: str | None = None
    modem: str | None = None
    fault: str | None = None
