"""Which endings say that nobody has a number: the same for carriers and modems, in receipts and refusals."""

from types import SimpleNamespace

import pytest
from modem_lab import FREE

from drivers.bearer import MessageState
from drivers.modem.answers import Stored
from drivers.modem.books import Books
from drivers.modem.mailbox import Mailbox
from drivers.modem.numbering import numbering_of
from drivers.smpp.dialect import STANDARD
from drivers.sms.tpdu import StatusReport, encode_status_report, with_smsc
from gateway.lifecycle import State
from gateway.unknown_numbers import is_unknown_number, says_unknown

CARRIER = SimpleNamespace(dialect=STANDARD, from_own_number=False)
MODEM = SimpleNamespace(from_own_number=True)
OTHER = SimpleNamespace(from_own_number=False)
MOMENT = 1_790_000_000.0


@pytest.mark.parametrize(
    ("bearer", "state", "error", "sent", "unknown"),
    [
        (CARRIER, State.UNDELIVERABLE, "3/1", 1, True),
        (CARRIER, State.UNDELIVERABLE, "012", 1, False),
        (CARRIER, State.REJECTED, "11", 0, True),  # ESME_RINVDSTADR
        (CARRIER, State.UNDELIVERABLE, "11", 1, False),  # the same digits in a receipt are the carrier's own
        (CARRIER, State.DELIVERED, "3/1", 1, False),
        (CARRIER, State.UNKNOWN, "3/1", 1, False),
        (CARRIER, State.ENROUTE, "3/1", 1, False),
        (CARRIER, State.REJECTED, "0401", 0, False),
        (CARRIER, State.UNDELIVERABLE, "", 1, False),
        (None, State.REJECTED, "11", 0, True),
        (None, State.UNDELIVERABLE, "3/1", 1, False),
        (OTHER, State.UNDELIVERABLE, "3/1", 1, False),
        (MODEM, State.REJECTED, "1", 0, True),
        (MODEM, State.REJECTED, "28", 0, False),  # the SIM itself is not known: its number is, perhaps
        (MODEM, State.REJECTED, "30", 0, True),
        (MODEM, State.REJECTED, "27", 0, False),  # out of service for now
        (MODEM, State.UNDELIVERABLE, "30", 0, False),  # +CME ERROR: no network service, tries are spent
        (MODEM, State.UNDELIVERABLE, "11", 0, False),  # +CME ERROR: the SIM asks for its PIN
        (MODEM, State.REJECTED, "41", 0, False),  # +CMS ERROR: temporary failure
        (MODEM, State.UNDELIVERABLE, "41", 1, True),
        (MODEM, State.UNDELIVERABLE, "43", 1, True),
        (MODEM, State.UNDELIVERABLE, "42", 1, False),  # the handset itself refused
        (MODEM, State.EXPIRED, "46", 1, False),
        (MODEM, State.UNDELIVERABLE, "30", 1, False),
        (MODEM, State.UNDELIVERABLE, "yz", 1, False),
        (CARRIER, State.UNDELIVERABLE, "41", 1, False),
    ],
)
def test_endings(bearer, state, error, sent, unknown):
    assert is_unknown_number(bearer, state, error, sent) is unknown


def test_a_bearer_that_has_gone_says_nothing():
    assert not says_unknown(None, State.UNDELIVERABLE, "3/1", sent=True)


@pytest.mark.parametrize(
    ("status", "unknown"), [(0x41, True), (0x43, True), (0x42, False), (0x45, False), (0x46, False)]
)
def test_the_modems_own_status_reports(status, unknown):
    """As the driver writes TP-ST into its receipt."""

    async def keep(key, value):
        raise AssertionError("a mailbox writes nothing")

    imsi, number = "208011234567890", "+33612345678"
    box = Mailbox(lambda: MOMENT, lambda *_: None)
    books = Books("8933", imsi, FREE, keep)
    box.use(books, "+33700000001", numbering_of(imsi))
    books.references.submitted(imsi, number, 9, MOMENT)
    octets = (
        with_smsc("", encode_status_report(StatusReport(9, number, MOMENT, MOMENT + 5, status))).hex().upper()
    )
    (brought,) = box.take("SR", [Stored(1, len(octets) // 2 - 1, octets)])
    assert brought.event.final
    state = {MessageState.UNDELIVERABLE: State.UNDELIVERABLE, MessageState.EXPIRED: State.EXPIRED}[
        brought.event.state
    ]
    assert is_unknown_number(MODEM, state, brought.event.code, 1) is unknown
