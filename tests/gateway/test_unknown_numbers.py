"""Which endings say that nobody has a number: the same for carriers and modems, in receipts and refusals."""

from types import SimpleNamespace

import pytest

from drivers.smpp.dialect import STANDARD
from gateway.lifecycle import State
from gateway.unknown_numbers import is_unknown_number, says_unknown

CARRIER = SimpleNamespace(dialect=STANDARD, from_own_number=False)
MODEM = SimpleNamespace(from_own_number=True)
OTHER = SimpleNamespace(from_own_number=False)


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
        (MODEM, State.REJECTED, "28", 0, True),
        (MODEM, State.REJECTED, "30", 0, True),
        (MODEM, State.REJECTED, "27", 0, False),  # out of service for now
        (MODEM, State.UNDELIVERABLE, "0x41", 1, True),
        (MODEM, State.UNDELIVERABLE, "0X43", 1, True),
        (MODEM, State.UNDELIVERABLE, "0x42", 1, False),  # the handset itself refused
        (MODEM, State.EXPIRED, "0x46", 1, False),
        (MODEM, State.UNDELIVERABLE, "0xyz", 1, False),
        (CARRIER, State.UNDELIVERABLE, "0x41", 1, False),
    ],
)
def test_endings(bearer, state, error, sent, unknown):
    assert is_unknown_number(bearer, state, error, sent) is unknown


def test_a_bearer_that_has_gone_says_nothing():
    assert not says_unknown(None, "3/1")
