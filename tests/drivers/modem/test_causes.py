import json
from pathlib import Path

import pytest

from drivers.bearer import MessageState, Remedy
from drivers.modem.causes import (
    BARRED,
    BUSY,
    FATAL,
    NETWORK,
    SIM,
    SMSC,
    STORAGE_FULL,
    FailureStreak,
    Verdict,
    cme,
    cms,
    error,
    state_of,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sms-tpdu.json").read_text("utf-8"))["vectors"]
REPORTS = [each for each in VECTORS if each["expect"]["type"] == "STATUS-REPORT"]


@pytest.mark.parametrize("prompted", [False, True])
@pytest.mark.parametrize(
    ("codes", "remedies", "sick"),
    [
        ((1, 30, 195), {Remedy.GIVE_UP}, ""),
        ((27, 29, 69, 81, 95, 96, 97, 304, 305), {Remedy.NEXT_ROUTE}, ""),
        ((8, 10, 21, 28, 50), {Remedy.NEXT_ROUTE}, BARRED),
        ((38, 41, 42, 47, 111, 331, 332), {Remedy.RETRY}, NETWORK),
        ((192,), {Remedy.SLOW_DOWN}, NETWORK),
        ((22, 208, 211, 322), {Remedy.RETRY}, STORAGE_FULL),
        ((310, 311, 312, 313, 315, 316, 317, 318), {Remedy.RETRY}, SIM),
        ((314,), {Remedy.RETRY}, BUSY),
        ((330,), {Remedy.RETRY}, SMSC),
    ],
)
def test_cms_errors_that_say_something(codes, remedies, sick, prompted):
    for code in codes:
        verdict = cms(code, prompted)
        assert {verdict.remedy} == remedies, verdict
        assert verdict.sick == sick, verdict
        assert verdict.text.startswith(f"+CMS ERROR {code}: ")


@pytest.mark.parametrize("code", [127, 197, 255, 300, 500, 512, 528, 999, 400, -1])
def test_a_vague_error_is_a_doubt_once_the_text_was_handed_over(code):
    assert cms(code, prompted=True).remedy is None
    assert "may have been sent" in cms(code, prompted=True).text
    assert cms(code, prompted=False).remedy is Remedy.RETRY
    assert "was not sent" in cms(code, prompted=False).text


@pytest.mark.parametrize(
    ("code", "sick"),
    [(10, SIM), (11, SIM), (12, SIM), (13, SIM), (15, SIM), (16, SIM), (18, SIM), (262, SIM), (14, BUSY)],
)
def test_cme_errors(code, sick):
    for prompted in (False, True):
        verdict = cme(code, prompted)
        assert (verdict.remedy, verdict.sick) == (Remedy.RETRY, sick)
        assert verdict.text.startswith(f"+CME ERROR {code}: ")


def test_an_error_without_a_number_or_with_one_that_says_nothing():
    for vague in (error, lambda prompted: cme(100, prompted)):
        assert vague(True).remedy is None
        assert vague(False).remedy is Remedy.RETRY


def test_what_needs_an_operator():
    assert cms(316, True).sick in FATAL
    assert cms(330, False).sick in FATAL
    assert cms(314, False).sick not in FATAL


# ── TP-ST ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("vector", REPORTS, ids=[vector["id"] for vector in REPORTS])
def test_the_class_of_a_status(vector):
    state, final = state_of(vector["expect"]["status"])
    match vector["expect"]["status_class"]:
        case "delivered_or_completed":
            assert final
            assert state not in (MessageState.UNDELIVERABLE, MessageState.ENROUTE)
        case "temporary_still_trying":
            assert (state, final) == (MessageState.ENROUTE, False)
        case _:
            assert final
            assert state is not MessageState.DELIVERED


@pytest.mark.parametrize(
    ("status", "state", "final"),
    [
        (0x00, MessageState.DELIVERED, True),
        (0x01, MessageState.UNKNOWN, True),  # forwarded: ACCEPTED and final would read as delivered
        (0x02, MessageState.DELETED, True),
        (0x03, MessageState.UNKNOWN, True),
        (0x1F, MessageState.UNKNOWN, True),
        (0x20, MessageState.ENROUTE, False),
        (0x3F, MessageState.ENROUTE, False),
        (0x40, MessageState.UNDELIVERABLE, True),
        (0x41, MessageState.UNDELIVERABLE, True),
        (0x46, MessageState.EXPIRED, True),
        (0x47, MessageState.DELETED, True),
        (0x48, MessageState.DELETED, True),
        (0x49, MessageState.UNKNOWN, True),
        (0x60, MessageState.UNDELIVERABLE, True),
        (0x7F, MessageState.UNDELIVERABLE, True),
        (0x80, MessageState.UNDELIVERABLE, True),
        (0xFF, MessageState.UNDELIVERABLE, True),
    ],
)
def test_states(status, state, final):
    assert state_of(status) == (state, final)


def test_only_one_status_says_delivered():
    assert [status for status in range(256) if state_of(status)[0] is MessageState.DELIVERED] == [0]


# ── failures in a row ────────────────────────────────────────────────────────────────────────────────────────
def test_three_people_barred_are_the_sim():
    streak = FailureStreak()
    assert streak.failed(cms(8, True), "+33612345678") == ""
    assert streak.failed(cms(50, True), "+33612345678") == ""
    assert streak.failed(cms(10, True), "+33612345678") == ""  # one person may be barred for good
    assert streak.failed(cms(21, True), "+33612345679") == ""
    assert streak.failed(cms(21, True), "+33612345670") == "barred"
    streak.sent()
    assert streak.failed(cms(21, True), "+33612345671") == ""


def test_three_failures_park_the_modem_and_one_success_forgets_them():
    streak = FailureStreak()
    assert [streak.failed(cms(500, True), "+33612345678"), streak.failed(error(False), "+33612345678")] == [
        "",
        "",
    ]
    assert streak.failed(cms(41, True), "+33612345678") == "failing"
    streak.sent()
    assert streak.failed(cms(41, True), "+33612345678") == ""


def test_what_is_the_messages_own_fault_counts_for_nothing():
    streak = FailureStreak(limit=1)
    for code in (1, 30, 27, 304, 314, 322):
        assert streak.failed(cms(code, True), "+33612345678") == ""
    assert repr(Verdict(None, "", "ERROR")) == "Verdict(None, '', 'ERROR')"
