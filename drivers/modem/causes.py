"""What a modem's error numbers and a report's TP-ST mean for the message and for the SIM.

+CMS ERROR: below 128 the network's causes (3GPP TS 24.011 annex E), to 255 those of the service centre and the
handset (TS 23.040 §9.2.3.22), from 300 the modem's (TS 27.005 §3.2.5). +CME ERROR: TS 27.007 §9.2. A number
that is vague, after the text was handed over, is a doubt and never a retry: it may have been sent.
"""

from __future__ import annotations

from typing import Final

from drivers.bearer import MessageState, Remedy

__all__ = ["BARRED", "BUSY", "FATAL", "MODEM", "NETWORK", "SIM", "SMSC", "STORAGE_FULL"]
__all__ += ["FailureStreak", "Verdict", "cme", "cms", "error", "state_of"]

BARRED: Final = "barred"
"""The plan or the operator says no: perhaps to this number, perhaps to this SIM. Three in a row tell."""
BUSY: Final = "busy"
"""The SIM or the radio is occupied for some seconds."""
MODEM: Final = "modem"
"""The modem itself fails: the recovery ladder."""
NETWORK: Final = "network"
"""No service, or none at the moment: wait."""
SIM: Final = "sim"
"""Missing, locked or broken: take the modem out and call somebody."""
SMSC: Final = "smsc"
"""No service centre's address is set (+CSCA)."""
STORAGE_FULL: Final = "storage_full"
"""Read and delete what is stored, then go on."""

FATAL: Final = frozenset({SIM, SMSC})
"""No retry helps: an operator must come."""


class Verdict:
    """What to do after an error. remedy: None for a doubtful outcome. sick: what ails, "" for nothing, see above.

    text: in words, with the number, for people.
    """

    __slots__ = ("remedy", "sick", "text")

    def __init__(self, remedy: Remedy | None, sick: str, text: str) -> None:
        self.remedy = remedy
        self.sick = sick
        self.text = text

    def __repr__(self) -> str:
        return f"Verdict({self.remedy}, {self.sick!r}, {self.text!r})"


_RETRY, _SLOW, _NEXT, _GIVE_UP = Remedy.RETRY, Remedy.SLOW_DOWN, Remedy.NEXT_ROUTE, Remedy.GIVE_UP

_CMS: dict[int, tuple[Remedy, str, str]] = {
    # The network's own: it has looked at the message and said no.
    1: (_GIVE_UP, "", "unassigned number"),
    8: (_NEXT, BARRED, "operator determined barring"),
    10: (_NEXT, BARRED, "call barred"),
    17: (_RETRY, NETWORK, "network failure"),
    21: (_NEXT, BARRED, "short message transfer rejected"),
    22: (_RETRY, STORAGE_FULL, "memory capacity exceeded"),
    27: (_NEXT, "", "destination out of service"),
    28: (_NEXT, BARRED, "unidentified subscriber"),
    29: (_NEXT, "", "facility rejected"),
    30: (_GIVE_UP, "", "unknown subscriber"),
    38: (_RETRY, NETWORK, "network out of order"),
    41: (_RETRY, NETWORK, "temporary failure"),
    42: (_RETRY, NETWORK, "congestion"),
    47: (_RETRY, NETWORK, "resources unavailable"),
    50: (_NEXT, BARRED, "requested facility not subscribed"),
    69: (_NEXT, "", "requested facility not implemented"),
    81: (_NEXT, "", "invalid short message transfer reference value"),
    95: (_NEXT, "", "semantically incorrect message"),
    96: (_NEXT, "", "invalid mandatory information"),
    97: (_NEXT, "", "message type unknown"),
    98: (_NEXT, "", "message not compatible with the protocol state"),
    99: (_NEXT, "", "information element unknown"),
    111: (_RETRY, NETWORK, "protocol error"),
    # The service centre's and the handset's: TP-FCS.
    128: (_NEXT, "", "telematic interworking not supported"),
    143: (_NEXT, "", "protocol identifier refused"),
    144: (_NEXT, "", "data coding scheme not supported"),
    145: (_NEXT, "", "message class not supported"),
    159: (_NEXT, "", "data coding scheme refused"),
    160: (_RETRY, "", "command cannot be carried out"),
    161: (_NEXT, "", "command not supported"),
    175: (_NEXT, "", "command refused"),
    176: (_NEXT, "", "TPDU not supported"),
    192: (_SLOW, NETWORK, "service centre busy"),
    193: (_NEXT, BARRED, "no subscription at the service centre"),
    194: (_RETRY, NETWORK, "service centre failure"),
    195: (_GIVE_UP, "", "invalid address"),
    196: (_NEXT, BARRED, "destination barred"),
    198: (_NEXT, "", "validity format not supported"),
    199: (_NEXT, "", "validity not supported"),
    208: (_RETRY, STORAGE_FULL, "SIM storage full"),
    211: (_RETRY, STORAGE_FULL, "memory capacity exceeded"),
    212: (_RETRY, BUSY, "SIM toolkit busy"),
    # The modem's own.
    301: (_RETRY, BUSY, "the modem keeps its SMS service for itself"),
    302: (_RETRY, BUSY, "operation not allowed now"),
    303: (_NEXT, "", "operation not supported"),
    304: (_NEXT, "", "invalid PDU"),
    305: (_NEXT, "", "invalid text mode parameter"),
    310: (_RETRY, SIM, "no SIM"),
    311: (_RETRY, SIM, "SIM asks for its PIN"),
    312: (_RETRY, SIM, "modem asks for the PIN of its SIM lock"),
    313: (_RETRY, SIM, "SIM failure"),
    314: (_RETRY, BUSY, "SIM busy"),
    315: (_RETRY, SIM, "wrong SIM"),
    316: (_RETRY, SIM, "SIM asks for its PUK"),
    317: (_RETRY, SIM, "SIM asks for its PIN2"),
    318: (_RETRY, SIM, "SIM asks for its PUK2"),
    320: (_RETRY, MODEM, "memory failure"),
    321: (_RETRY, "", "invalid memory index"),
    322: (_RETRY, STORAGE_FULL, "memory full"),
    330: (_RETRY, SMSC, "no service centre is set"),
    331: (_RETRY, NETWORK, "no network service"),
    332: (_RETRY, NETWORK, "network timeout"),
}
_CMS_VAGUE = {
    127: "interworking, unspecified",
    197: "rejected as a duplicate: an earlier try was taken",
    255: "unspecified cause",
    300: "modem failure",
    500: "unknown error",
}

_CME: dict[int, tuple[str, str]] = {
    3: (BUSY, "operation not allowed now"),
    10: (SIM, "no SIM"),
    11: (SIM, "SIM asks for its PIN"),
    12: (SIM, "SIM asks for its PUK"),
    13: (SIM, "SIM failure"),
    14: (BUSY, "SIM busy"),
    15: (SIM, "wrong SIM"),
    16: (SIM, "wrong password"),
    17: (SIM, "SIM asks for its PIN2"),
    18: (SIM, "SIM asks for its PUK2"),
    20: (STORAGE_FULL, "memory full"),
    23: (MODEM, "memory failure"),
    30: (NETWORK, "no network service"),
    31: (NETWORK, "network timeout"),
    32: (NETWORK, "emergency calls only"),
    40: (SIM, "modem asks for the code of its network lock"),
    262: (SIM, "SIM blocked"),
    515: (BUSY, "the modem is starting"),
}


def cms(code: int, prompted: bool) -> Verdict:
    """After +CMS ERROR: code. prompted: the modem had asked for the text, which was then handed to it."""
    known = _CMS.get(code)
    if known is not None:
        remedy, sick, words = known
        return Verdict(remedy, sick, f"+CMS ERROR {code}: {words}")
    words = _CMS_VAGUE.get(code, "a number of its maker's" if code >= 512 else "an unknown number")
    return _vague(f"+CMS ERROR {code}: {words}", prompted)


def cme(code: int, prompted: bool) -> Verdict:
    """After +CME ERROR: code, which is about the modem and its SIM, not about the message."""
    sick, words = _CME.get(code, ("", "an unknown number"))
    if not sick:
        return _vague(f"+CME ERROR {code}: {words}", prompted)
    return Verdict(_RETRY, sick, f"+CME ERROR {code}: {words}")


def error(prompted: bool) -> Verdict:
    """After a plain ERROR, as modems without +CMEE=1 say it."""
    return _vague("ERROR, without a number", prompted)


def _vague(text: str, prompted: bool) -> Verdict:
    if prompted:
        return Verdict(None, "", f"{text}, after the text was handed over: it may have been sent")
    return Verdict(_RETRY, "", f"{text}, before the text was handed over: it was not sent")


# ── TP-ST, TS 23.040 §9.2.3.15 ───────────────────────────────────────────────────────────────────────────────
_STATES = {
    0x00: MessageState.DELIVERED,
    0x02: MessageState.DELETED,  # replaced by a later one
    0x46: MessageState.EXPIRED,
    0x47: MessageState.DELETED,  # by the sender
    0x48: MessageState.DELETED,  # by the service centre's operator
    0x49: MessageState.UNKNOWN,  # the service centre knows of no such message
}


def state_of(status: int) -> tuple[MessageState, bool]:
    """(state, whether it is the last word) of a TP-ST.

    Forwarded (0x01) and what a service centre calls complete in its own words are UNKNOWN and final: nobody
    has said that a handset has it. A reserved value is read by its class, bits 6 and 5; from 0x80, where there
    is none, as «service rejected», which the clause asks for.
    """
    known = _STATES.get(status)
    if known is not None:
        return known, True
    if status < 0x20:
        return MessageState.UNKNOWN, True
    if status < 0x40:
        return MessageState.ENROUTE, False
    return MessageState.UNDELIVERABLE, True


class FailureStreak:
    """Failures in a row, which say that the SIM is at fault and not its messages.

    Refusals of the BARRED kind count by recipient: one person may be barred, three in a row are the SIM.
    Doubts and modem failures count by try.
    """

    __slots__ = ("_barred", "_failed", "limit")

    def __init__(self, limit: int = 3) -> None:
        self.limit = limit
        self._barred: set[str] = set()
        self._failed = 0

    def sent(self) -> None:
        """The network took one: all is well."""
        self._barred.clear()
        self._failed = 0

    def failed(self, verdict: Verdict, recipient: str) -> str:
        """What the streak has come to: "barred", "failing", or "" below its limit. It lasts until sent()."""
        if verdict.sick == BARRED:
            self._barred.add(recipient)
            return BARRED if len(self._barred) >= self.limit else ""
        ours = verdict.sick in ("", MODEM, NETWORK) and verdict.remedy is Remedy.RETRY
        if ours or verdict.remedy is None:
            self._failed += 1
            return "failing" if self._failed >= self.limit else ""
        return ""
