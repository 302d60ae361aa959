"""The numbers that applications are answered, and the three characters of `err:`."""

import pytest

from drivers.smpp.pdu import CommandStatus
from gateway import answers
from gateway.lifecycle import State

STANDARD = {
    "OK": "ESME_ROK",
    "MESSAGE_LENGTH": "ESME_RINVMSGLEN",
    "SYSTEM_ERROR": "ESME_RSYSERR",
    "BAD_SOURCE": "ESME_RINVSRCADR",
    "BAD_DESTINATION": "ESME_RINVDSTADR",
    "QUEUE_FULL": "ESME_RMSGQFUL",
    "BAD_SERVICE_TYPE": "ESME_RINVSERTYP",
    "BAD_ESM_CLASS": "ESME_RINVESMCLASS",
    "BAD_SCHEDULE": "ESME_RINVSCHED",
    "BAD_VALIDITY": "ESME_RINVEXPIRY",
    "BAD_DATA_CODING": "ESME_RINVDCS",
    "THROTTLED": "ESME_RTHROTTLED",
    "BAD_REPLACE_FLAG": "ESME_RINVREPFLAG",
}
NUMBERS = {name: value for name, value in vars(answers).items() if name.isupper() and type(value) is int}
OURS = {name for name in NUMBERS if name not in STANDARD}


@pytest.mark.parametrize(("name", "smpp"), STANDARD.items())
def test_what_smpp_has_a_number_for_has_that_number(name, smpp):
    assert NUMBERS[name] == CommandStatus[smpp]


def test_our_own_are_in_the_vendor_s_range_and_differ():
    numbers = [NUMBERS[name] for name in OURS]
    assert len(numbers) == 9
    assert sorted(numbers) == list(range(0x0401, 0x040A))  # SMPP 3.4 §5.1.3: 0x400 to 0x4FF


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_own_are_told_apart_by_their_last_three_digits(name):
    code = answers.error_code(State.REJECTED, answers.own_error(NUMBERS[name]))
    assert code == f"{NUMBERS[name]:03x}".encode()


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        (State.DELIVERED, "", b"000"),
        (State.DELETED, "", b"000"),
        (State.UNDELIVERABLE, "", b"255"),
        (State.UNKNOWN, "", b"255"),
        (State.UNDELIVERABLE, "7", b"007"),
        (State.UNDELIVERABLE, "1025", b"025"),
        (State.UNDELIVERABLE, "é12", b"?12"),
    ],
)
def test_err_has_three_characters(state, error, code):
    assert answers.error_code(state, error) == code


def test_an_answer_shows_its_number_and_words():
    answer = answers.Answer(answers.THROTTLED, 0, "slowly")
    assert (repr(answer), answer.deferred) == ("Answer(0x58, 0, 'slowly')", 0)


@pytest.mark.parametrize(
    ("state", "error", "sent_at", "never"),
    [
        (State.EXPIRED, "0402", 0, True),
        (State.EXPIRED, "0407", 0, True),
        (State.REJECTED, "0401", 0, True),
        (State.DELETED, "", 0, True),
        (State.DELETED, "", 5, False),
        (State.EXPIRED, "", 5, False),
        (State.EXPIRED, "402", 5, False),
        (State.REJECTED, "69", 0, False),
        (State.UNDELIVERABLE, "0402", 0, False),
        (State.QUEUED, "0402", 0, False),
        (State.DELIVERED, "", 5, False),
    ],
)
def test_what_never_left_us(state, error, sent_at, never):
    assert answers.never_left(state, error, sent_at, 0) is never
    assert not answers.never_left(state, error, sent_at, 1)
