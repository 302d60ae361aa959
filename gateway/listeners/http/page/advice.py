"""What each alarm means and what helps, in a few steps: what the page shows behind "What to do". Pure data.

docs/alarms/ says the same at length. An id's first words find it: bearer.orange is `bearer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["ADVICE", "Advice", "advice_for"]


class Advice(NamedTuple):
    """title: the alarm in words. means: what is so, and what goes on. steps: in the order in which they help."""

    title: str
    means: str
    steps: tuple[str, ...]


ADVICE: Mapping[str, Advice] = {
    "bearer": Advice(
        "A bearer is down or takes nothing",
        "Nothing leaves by it. Its messages wait on disk, or take the next tier of their route when there is one: "
        "nothing is lost, and marketing waits for the carrier.",
        (
            "Read its cause and remedy under Bearers.",
            "Reset it: it closes and opens its link at once. A refused bind or a parked modem tries again then.",
            "If the carrier does not answer, call the carrier with the time at which it began.",
            "If it is open and takes nothing well, disable it: the next tier of its routes takes its place.",
        ),
    ),
    "fallback": Advice(
        "A route uses a lower tier",
        "The better bearer has been away or sick for longer than fallback_after. The lower tier carries the kinds that "
        "it may; the others wait.",
        (
            "Look at the better bearer's cause: that is the fault.",
            "If the lower tier is a modem, watch its quota: SIMs are slow and limited.",
            "Nothing else: the route returns by itself once the better bearer has been back for a while.",
        ),
    ),
    "disk": Advice(
        "The disk is nearly full",
        "New messages are refused, so that what is here can still be written. Sending and receipts go on.",
        (
            "Free space on the disk that the alarm names: old logs and backups first.",
            "Or give the state folder a larger disk.",
            "Nothing else: messages are taken again within a second.",
        ),
    ),
    "store": Advice(
        "The store cannot be written",
        "New messages are refused and nothing more is sent; what has been taken is safe.",
        (
            "Look at the disk: is it full, read-only, or failing? The kernel's log tells (dmesg).",
            "Put that right. The gateway tries again by itself and needs no restart.",
            "If the file itself is damaged: stop, `chappe restore` the last backup, start.",
        ),
    ),
    "outbox": Advice(
        "An application does not fetch its receipts",
        "Its receipts and replies wait. What is older than store.retention.outbox is dropped, and half of that time "
        "is over.",
        (
            "See under Accounts whether it is bound: it must bind as receiver or transceiver.",
            "Call those who run it.",
            "If it is bound and does not answer deliver_sm, its own log says why.",
        ),
    ),
    "webhook": Advice(
        "A webhook takes nothing",
        "Receipts and replies of that account wait, and are posted again, later and later.",
        (
            "Call those who run the application: the alarm says what its server answered.",
            "If the address has changed, set accounts.NAME.webhook and reload.",
        ),
    ),
    "mqtt": Advice(
        "The MQTT broker cannot be reached",
        "Messages flow; nobody sees them on MQTT.",
        (
            "Is the broker up, and does [mqtt] url name it?",
            "Refused: check username and password_file. Certificate: check ca_file and the broker's dates.",
        ),
    ),
    "mqtt.taken": Advice(
        "Another MQTT client uses our name",
        "Two gateways of one site and one name throw each other out of the broker.",
        (
            "Look for a second daemon with the same [gateway] site and name: stop it, or name it differently.",
        ),
    ),
    "mqtt.forbidden": Advice(
        "The MQTT broker forbids us a topic",
        "What is published there is seen by nobody.",
        ("Let the broker's access list allow the topics that the alarm names.",),
    ),
    "leds": Advice(
        "The status lights do not work",
        "Messages flow; the lights say nothing.",
        ("Check [leds] chip and lines, and that the user chappe may use the chip (group gpio).",),
    ),
}  # fmt: skip
UNKNOWN = Advice(
    "An alarm",
    "Its text says what is wrong.",
    ("`chappe status` and the log say more.",),
)


def advice_for(alarm_id: str) -> Advice:
    """By the id's first two words, or its first."""
    first, _, rest = alarm_id.partition(".")
    return ADVICE.get(f"{first}.{rest.partition('.')[0]}", ADVICE.get(first, UNKNOWN))
