"""Texts of HTTP and MQTT into messages: the same message and the same refusals as over SMPP."""

import pytest
from core import account
from hypothesis import given
from hypothesis import strategies as st

from gateway.listeners.texts import KEYS, LONGEST, Refused, read, submission
from gateway.model import Kind

NOW = 1_800_000_000.0
TO = "+33612345678"


def made(**keys):
    fields = keys.pop("account", {})
    return read(account(**fields), {"to": TO, "text": "Bonjour", **keys}, NOW)


def refused(**keys):
    with pytest.raises(Refused) as error:
        made(**keys)
    assert error.value.text
    return error.value.status


def test_what_is_not_said_is_the_account_s():
    m = read(account(senders=("CHAPPE", "36180")), {"to": TO, "text": "Bonjour"}, NOW)
    assert (m.account, m.kind, m.priority, m.source, m.destination) == (
        "shop",
        Kind.TRANSACTIONAL,
        0,
        "CHAPPE",
        TO,
    )
    assert (m.data_coding, m.udh, m.payload, m.parts) == (0, b"", b"Bonjour", 1)
    assert (m.id, m.registered, m.due, m.expires) == (0, 0, 0, int((NOW + 48 * 3600) * 1000))
    assert (m.reference, m.tag, m.consent, m.group, m.echo) == ("", "", "", "", b"")


def test_what_is_said():
    m = made(
        kind="marketing", reference="r-1", tag="promo", consent="c-1", priority=3, validity="2h",
        send_at="2027-01-15T09:30:00+01:00", **{"from": "36180"},
    )  # fmt: skip
    assert (m.kind, m.source, m.reference, m.tag, m.consent, m.priority) == (
        Kind.MARKETING, "36180", "r-1", "promo", "c-1", 3,
    )  # fmt: skip
    assert m.due == 1_800_001_800_000
    assert m.expires == m.due + 7_200_000
    assert read(account(), {"to": TO, "text": "x"}, NOW, registered=1).registered == 1


@pytest.mark.parametrize(
    "to", ["+33 6 12 34 56 78", "+33-6-12-34-56-78", "0033612345678", "33612345678", TO + " "]
)
def test_recipients_are_one_number_however_they_are_written(to):
    assert made(to=to).destination == TO


@pytest.mark.parametrize(
    "to", ["0612345678", "12", "CHAPPE", "", "+33612345678٣", "+3361234567890123", None, 33612345678]
)
def test_recipients_that_nobody_can_be(to):
    assert refused(to=to) == 0x0B


@pytest.mark.parametrize("sender", ["much too long a name", "0612345678", "+33CHAPPE", "Ω→", 36180])
def test_senders_that_are_no_address(sender):
    assert refused(**{"from": sender}) == 0x0A


@pytest.mark.parametrize(
    ("text", "coding", "parts"),
    [
        ("café", 0, 1),
        ("a" * 161, 0, 2),
        ("l’été…", 8, 1),
        ("é" * 71, 0, 1),
        ("→" * 71, 8, 2),
        ("\ud800", 8, 1),
    ],
)
def test_texts_are_gsm_or_ucs2_and_counted(text, coding, parts):
    m = made(text=text)
    assert (m.data_coding, m.parts) == (coding, parts)


def test_smart_encoding_saves_ucs2():
    assert made(text="l’été…", account={"smart_encoding": True}).data_coding == 0


@pytest.mark.parametrize("text", ["", "a" * 1000, "a" * 50_000, None, 7, ["a"]])
def test_texts_that_cannot_be_sent(text):
    assert refused(text=text) == 0x01


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"kind": "promo"}, 0x15), ({"kind": "marketing", "account": {"kinds": ("otp", "transactional")}}, 0x15),
        ({"kind": 1}, 0x15), ({"priority": 4}, 0x06), ({"priority": -1}, 0x06), ({"priority": True}, 0x06),
        ({"priority": "3"}, 0x06), ({"validity": "soon"}, 0x62), ({"validity": 0}, 0x62), ({"validity": -5}, 0x62),
        ({"validity": float("inf")}, 0x62), ({"validity": 10**400}, 0x62), ({"validity": LONGEST + 1}, 0x62),
        ({"validity": []}, 0x62), ({"send_at": "tomorrow"}, 0x61), ({"send_at": "2027-01-15T09:30:00"}, 0x61),
        ({"send_at": "2027-01-15"}, 0x61), ({"send_at": "9999-01-15T09:30:00Z"}, 0x61), ({"send_at": 5}, 0x61),
        ({"reference": "é" * 33}, 0xC2), ({"tag": "a" * 65}, 0xC2), ({"consent": "a" * 129}, 0xC2),
        ({"reference": "a\nb"}, 0xC4), ({"tag": "\ud800"}, 0xC4), ({"reference": 7}, 0xC4), ({"txt": "a"}, 0xC0),
    ],
)  # fmt: skip
def test_what_is_refused(keys, status):
    assert refused(**keys) == status


def test_a_misspelt_key_is_told_the_right_one():
    with pytest.raises(Refused, match="did you mean reference"):
        made(referense="r")


def test_a_moment_that_has_passed_is_now():
    assert made(send_at="2020-01-01T00:00:00Z").due == 0


def test_a_validity_of_the_call_counts_from_when_it_may_leave():
    m = submission(account(), TO, "x", NOW, validity=60.0, send_at=NOW + 100)
    assert (m.due, m.expires) == (int((NOW + 100) * 1000), int((NOW + 160) * 1000))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), JSON, max_size=6), st.booleans())
def test_whatever_json_says_is_a_message_or_refused(table, reachable):
    if reachable:
        table = {**table, "to": TO, "text": "Bonjour"}
    try:
        m = read(account(), table, NOW)
    except Refused as error:
        assert 0 < error.status < 0x500
        return
    assert m.destination.lstrip("+").isdecimal()
    assert 0 < m.parts <= 6
    assert NOW * 1000 < m.expires < 2**53
