"""Incoming messages: which have been seen before, and which are no replies.

A message is read, stored by the gateway, and only then deleted from the modem: one that comes again after a
crash or a delete that failed is known by SIM, sender, time stamp and octets. What machines send to a SIM
(flash texts, SIM updates, MMS notices, voice mail) is told apart, so that nobody takes it for a person's answer.
"""

from __future__ import annotations

import json
from hashlib import blake2b

from drivers.sms.alphabet import Alphabet, alphabet_of, message_class
from drivers.sms.tpdu import Deliver
from drivers.sms.udh import parse_udh
from drivers.sms.user_data import data_coding_of

__all__ = ["Inbox", "digest", "not_a_reply"]

_VERSION = 1

_TYPE_0, _RETURN_CALL, _SIM_DATA = 0x40, 0x5F, 0x7F  # TP-PID, TS 23.040 §9.2.3.9
_SIM_PIDS = frozenset(
    {0x7C, 0x7D, 0x7E, _SIM_DATA}
)  # ANSI-136 R-DATA, ME de-personalisation, ME and SIM download
_WAITING_IE, _ENHANCED_WAITING_IE = 0x01, 0x23  # §9.2.3.24.2 and .13
_SIM_IES = range(0x70, 0x80)  # toolkit security headers, TS 31.115
_WAP_PUSH, _WAP_PUSH_SECURE = 2948, 2949
_MMS = (
    b"application/vnd.wap.mms-message",
    b"\xbe\xaf",
)  # its name, or its short code before X-Wap-Application-Id


def digest(imsi: str, tpdu: bytes, deliver: Deliver) -> str:
    """The name of a message: the same whenever the same one is read. tpdu: without the SMSC.

    TP-MMS is left out: it says whether others wait, and changes when a service centre repeats itself.
    """
    same = bytes([tpdu[0] | 0x04]) + tpdu[1:]
    whole = f"{imsi} {deliver.source} {deliver.sent_at} ".encode() + same
    return blake2b(whole, digest_size=12).hexdigest()


class Inbox:
    """The digests of messages that the gateway has stored. capacity: kept at most, the oldest go first.

    seen(), then emit, then stored() and dump() made durable, then delete. A crash in between shows a message
    twice at worst (before dump() is durable), and never loses one.
    """

    def __init__(self, capacity: int = 1000) -> None:
        self.capacity = capacity
        self._stored: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._stored)

    def seen(self, name: str) -> bool:
        """Whether the gateway has it already: delete it from the modem, give it to nobody."""
        return name in self._stored

    def stored(self, name: str) -> None:
        """The gateway has it durably."""
        self._stored.pop(name, None)  # so that the newest stands last
        self._stored[name] = None
        while len(self._stored) > self.capacity:
            del self._stored[next(iter(self._stored))]

    def dump(self) -> str:
        """JSON text for load()."""
        return json.dumps({"version": _VERSION, "stored": list(self._stored)}, separators=(",", ":"))

    def load(self, text: str) -> None:
        """Take in what dump() gave. Raises ValueError for any other text: without it, some may be seen twice."""
        try:
            state = json.loads(text)
            version, names = state["version"], [str(name) for name in state["stored"]]
        except (KeyError, TypeError, ValueError) as cause:
            raise ValueError(
                f"the stored list of messages seen cannot be read ({cause}): delete it"
            ) from cause
        if version != _VERSION:
            raise ValueError(
                f"the stored list of messages seen is of version {version}, not {_VERSION}: delete it"
            )
        for name in names:
            self.stored(name)


def not_a_reply(deliver: Deliver) -> str:
    """Why this is no person's answer, as a dotted word and what it means in words; "" when it may be one."""
    header = parse_udh(deliver.udh)
    elements = {identifier for identifier, _ in header.elements} if header else set()
    ports = header.ports if header else None
    coding = data_coding_of(deliver.data_coding)
    binary = alphabet_of(coding) is Alphabet.OCTETS
    if deliver.protocol_id == _TYPE_0:
        return "silent: type 0, which asks a handset to answer and to show nothing"
    if deliver.protocol_id in _SIM_PIDS or any(each in _SIM_IES for each in elements):
        return "sim_update: data for the SIM or the modem"
    if binary and message_class(coding) == 2:
        return "sim_update: octets of class 2, for the SIM"
    if 0xC0 <= deliver.data_coding < 0xF0 or {_WAITING_IE, _ENHANCED_WAITING_IE} & elements:
        return "voicemail: tells that messages wait elsewhere"
    if deliver.protocol_id == _RETURN_CALL:
        return "voicemail: asks to call back"
    if ports is not None and ports[0] in (_WAP_PUSH, _WAP_PUSH_SECURE):
        mms = any(mark in deliver.payload for mark in _MMS)
        return (
            "mms: an MMS waits, which this modem does not fetch" if mms else "wap_push: a link or a setting"
        )
    if ports is not None:
        return f"ports: for the program behind port {ports[0]}"
    if message_class(coding) == 0:
        return "flash: class 0, shown at once and kept by no handset; operators send it"
    if binary:
        return "binary: octets, not a text"
    return ""
