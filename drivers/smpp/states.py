"""The bind states of an SMPP session, and what each lets through: tables, so that they can be read and drawn.

SMPP 3.4 table 2-1 (§2.3) is WELCOME. Also what a session hands to its user: Received.
"""

from __future__ import annotations

from enum import Enum, StrEnum

from drivers.smpp.pdu import Command, Pdu, Response

__all__ = [
    "BINDS",
    "BIND_RESPONSES",
    "BOUND",
    "NEVER_ANSWERED",
    "NOT_BOUND",
    "SENDERS",
    "STATE_AFTER",
    "WELCOME",
    "BindState",
    "Closing",
    "Received",
    "Side",
]


class Side(Enum):
    """Which end we are: the application's, or the message centre's."""

    ESME = "esme"
    SMSC = "smsc"


class BindState(Enum):
    """UNBOUND: one side has said unbind, answers are still awaited. CLOSED: nothing more happens."""

    OPEN = "open"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBOUND = "unbound"
    CLOSED = "closed"


class Closing(StrEnum):
    """Session.closed: why it ended, in one word for machines; closed_detail has it for people."""

    UNBOUND = "unbound"
    PEER_UNBOUND = "peer_unbound"
    BIND_REFUSED = "bind_refused"
    BIND_TIMEOUT = "bind_timeout"
    NOT_BOUND = "not_bound"
    FRAMING = "framing"
    PARTIAL = "partial"
    DEAD = "link_dead"
    LOST = "connection_lost"
    STUCK = "peer_not_reading"
    LOCAL = "local"
    FAULT = "handler_failed"


Answer = tuple[object, int, Response | None]
"""context, command_status, and the response; None in its place for a generic_nack (status then never 0)."""

NOTES_MAX = 32


class Received:
    """What one receive() brought.

    requests: to be answered by the user, one respond() each (accept_bind or refuse_bind for a Bind, nothing
    for alert_notification and outbind). answers: to our requests. late: answers to requests whose timer had
    run out. notes: (event, detail) worth a line in the log, at most 32. bind_answered: see bind_status.
    """

    __slots__ = ("answers", "bind_answered", "late", "notes", "requests")

    def __init__(self) -> None:
        self.requests: list[Pdu] = []
        self.answers: list[Answer] = []
        self.late: list[Answer] = []
        self.notes: list[tuple[str, str]] = []
        self.bind_answered = False

    def __bool__(self) -> bool:
        return bool(self.requests or self.answers or self.late or self.notes or self.bind_answered)

    def note(self, event: str, detail: str) -> None:
        """A peer that sends rubbish by the thousand must not fill the log by the thousand."""
        if len(self.notes) < NOTES_MAX:
            self.notes.append((event, detail))


STATE_AFTER: dict[int, BindState] = {
    Command.BIND_TRANSMITTER: BindState.BOUND_TX,
    Command.BIND_RECEIVER: BindState.BOUND_RX,
    Command.BIND_TRANSCEIVER: BindState.BOUND_TRX,
}
BINDS = frozenset(STATE_AFTER)
BIND_RESPONSES = frozenset(
    {Command.BIND_TRANSMITTER_RESP, Command.BIND_RECEIVER_RESP, Command.BIND_TRANSCEIVER_RESP}
)
BOUND = frozenset(STATE_AFTER.values())

NEVER_ANSWERED = frozenset({Command.ALERT_NOTIFICATION, Command.OUTBIND})
"""Requests without a response PDU (§4.1.7, §4.12)."""

_FROM_ESME: frozenset[int] = frozenset(
    {
        Command.SUBMIT_SM,
        Command.SUBMIT_MULTI,
        Command.DATA_SM,
        Command.QUERY_SM,
        Command.CANCEL_SM,
        Command.REPLACE_SM,
    }
)
_FROM_SMSC: frozenset[int] = frozenset({Command.DELIVER_SM, Command.DATA_SM, Command.ALERT_NOTIFICATION})

NOT_BOUND: frozenset[int] = frozenset()

WELCOME: dict[tuple[Side, BindState], frozenset[int]] = {
    (Side.SMSC, BindState.OPEN): NOT_BOUND,
    (Side.SMSC, BindState.BOUND_TX): _FROM_ESME,
    (Side.SMSC, BindState.BOUND_TRX): _FROM_ESME,
    (Side.ESME, BindState.OPEN): frozenset({Command.OUTBIND}),
    (Side.ESME, BindState.BOUND_RX): _FROM_SMSC,
    (Side.ESME, BindState.BOUND_TRX): _FROM_SMSC,
}
"""What our side takes from the other in each state; binds, unbind and enquire_link are handled apart."""

SENDERS = frozenset(
    {
        (Side.ESME, BindState.BOUND_TX),
        (Side.ESME, BindState.BOUND_TRX),
        (Side.SMSC, BindState.BOUND_RX),
        (Side.SMSC, BindState.BOUND_TRX),
    }
)
"""Who may send messages in which state: requests through Session.send()."""
