"""Brand, STOP mention, and what is marketing under another name."""

import pytest
from core import account
from making import message

from drivers.sms.udh import concat_header
from gateway import answers
from gateway.lifecycle import Cause
from gateway.model import Kind
from gateway.rules.content import WAIT_MS, ContentRule
from gateway.rules.country_file import load_law
from gateway.rules.rule import Action, Batch

MENTION = load_law("fr").vocabulary.mention
SHOP = account(brand="Chappe", stop_number="36180")


def sms(text, kind=Kind.MARKETING, coding=0, source="36180", **fields):
    payload = text.encode("utf-16-be") if coding == 8 else text.encode("ascii")
    return message(1, None, kind=kind, payload=payload, data_coding=coding, source=source, **fields)


def rule(mention="require", **more):
    return ContentRule(mention, MENTION, **more)


# ── what is marketing ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "coding", "kind", "becomes"),
    [
        ("Soldes! STOP 36180", 0, Kind.TRANSACTIONAL, Kind.MARKETING),
        ("Soldes! stop au 36180", 0, Kind.TRANSACTIONAL, Kind.MARKETING),
        ("Soldes ☕ Stop au 36180", 8, Kind.TRANSACTIONAL, Kind.MARKETING),
        ("Votre bus: arret STOP a 10 m", 0, Kind.TRANSACTIONAL, Kind.TRANSACTIONAL),
        ("Non-stop 36180 clients", 0, Kind.TRANSACTIONAL, Kind.MARKETING),  # as the vocabulary reads it
        ("Votre code 36180", 0, Kind.TRANSACTIONAL, Kind.TRANSACTIONAL),
        ("Votre code STOP 36180", 0, Kind.OTP, Kind.OTP),
        ("Alarme STOP 36180", 0, Kind.ALERT, Kind.ALERT),
    ],
)
def test_a_stop_mention_makes_it_marketing(text, coding, kind, becomes):
    m, content = sms(text, kind, coding), rule()
    assert content.prepare([m], SHOP) == {}
    assert m.kind == becomes
    assert content.judged == ([m] if kind is not becomes else [])
    content.prepare([sms("Bonjour", Kind.TRANSACTIONAL)], SHOP)
    assert content.judged == []


def test_an_account_without_marketing_is_refused_it():
    batch = [sms("Bonjour", Kind.TRANSACTIONAL), sms("Soldes STOP 36180", Kind.TRANSACTIONAL)]
    refused = rule().prepare(batch, account(kinds=("otp", "transactional")))
    assert list(refused) == [1]
    assert refused[1].status == answers.BAD_SERVICE_TYPE
    assert "36180" in refused[1].reason


# ── what marketing shows ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "source", "mention", "missing"),
    [
        ("Chappe: soldes STOP 36180", "36180", "require", ""),
        ("CHAPPE: soldes STOP au 36180", "36180", "require", ""),
        ("soldes STOP 36180", "Chappe", "require", ""),
        ("soldes STOP 36180", "36180", "require", "brand"),
        ("Chappe: soldes", "36180", "require", "STOP 36180"),
        ("Chappe: soldes", "36180", "off", ""),
        ("soldes", "36180", "off", "brand"),
    ],
)
def test_brand_and_mention(text, source, mention, missing):
    verdict = rule(mention).judge(sms(text, source=source), SHOP, 0)
    assert (verdict is None) == (not missing)
    assert verdict is None or (verdict.status == answers.MENTION_MISSING and missing in verdict.reason)


def test_no_brand_is_asked_of_an_account_that_has_none():
    assert rule().judge(sms("soldes STOP 36180"), account(stop_number="36180", brand=""), 0) is None


def test_other_kinds_are_not_looked_at():
    assert rule().judge(sms("soldes", Kind.TRANSACTIONAL), SHOP, 0) is None


# ── append ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_mention_is_appended_and_counted():
    short, full, own = sms("Chappe: soldes"), sms("Chappe " + "x" * 150), sms("Chappe STOP 36180")
    assert rule("append").prepare([short, full, own], SHOP) == {}
    assert (short.payload, short.parts) == (b"Chappe: soldes STOP 36180", 1)
    assert (full.parts, full.payload[-11:]) == (2, b" STOP 36180")
    assert own.payload == b"Chappe STOP 36180"
    assert all(rule("append").judge(m, SHOP, 0) is None for m in (short, full, own))


def test_the_mention_in_ucs2_and_beyond_max_segments():
    m = sms("Chappe ☕", coding=8)
    assert rule("append").prepare([m], SHOP) == {}
    assert m.payload.decode("utf-16-be") == "Chappe ☕ STOP 36180"
    long = sms("Chappe " + "x" * 150)
    refused = rule("append").prepare([long], account(max_segments=1, stop_number="36180"))
    assert refused[0].status == answers.MESSAGE_LENGTH
    assert "2 segments" in refused[0].reason
    assert len(long.payload) == 157


# ── texts that the application has split ─────────────────────────────────────────────────────────────────────
def part(text, sequence, total=2, cause=None):
    udh = concat_header(7, total, sequence)
    m = sms(text, udh=udh, group="36180 +33612345678 7 2")
    if cause is not None:
        m.advance(cause)
    return m


def test_parts_are_judged_joined():
    judging = rule()
    first = part("Chappe: so", 1)
    verdict = judging.judge(first, SHOP, 1000)
    assert (verdict.action, verdict.until) == (Action.POSTPONE, 1000 + WAIT_MS)
    assert judging.judge(part("ldes STOP 36180", 2), SHOP, 2000) is None
    first.advance(Cause.POSTPONE)
    assert judging.judge(first, SHOP, 2500) is None


def test_parts_that_came_are_released_by_the_last_one_once():
    judging = rule()
    for sequence, text in ((3, "36180"), (1, "Chappe: soldes "), (2, "STOP ")):
        m = part(text, sequence, 3)
        m.id = sequence
        assert judging.released() == []
        judging.judge(m, SHOP, 1000 + sequence)
    assert sorted(judging.released()) == [1, 3]
    assert judging.released() == []


def test_a_joined_text_without_mention_is_refused_in_all_its_parts():
    judging = rule()
    first, second = part("Chappe: so", 1), part("ldes", 2)
    assert judging.judge(first, SHOP, 1000).action is Action.POSTPONE
    assert judging.judge(second, SHOP, 2000).status == answers.MENTION_MISSING
    first.advance(Cause.POSTPONE)
    assert judging.judge(first, SHOP, 2500).status == answers.MENTION_MISSING


def test_a_part_that_stays_alone_is_refused_after_a_minute():
    judging = rule()
    first = part("Chappe STOP 36180", 1)
    judging.judge(first, SHOP, 1000)
    first.advance(Cause.POSTPONE)
    assert judging.judge(first, SHOP, 1000 + WAIT_MS - 1).action is Action.POSTPONE
    assert judging.judge(first, SHOP, 1000 + WAIT_MS).status == answers.MENTION_MISSING


@pytest.mark.parametrize(
    ("text", "coding", "right", "cleared"),
    [
        ("Chappe: soldes. Stop au 36180", 0, True, True),
        ("Chappe! STOP 36180!", 0, True, True),
        ("Chappe: non-STOP 36180", 0, True, True),
        ("Chappe \x07STOP 36180", 0, False, False),  # a letter of GSM 03.38 before it
        ("Chappe STOP 36180\x06", 0, False, False),
        ("Chappe STOP 361801234", 0, False, False),
        ("STOP 36180 Chappe", 0, True, False),
        ("Chapp STOP 36180", 0, False, False),
        ("Chappe STOP 36180", 8, True, False),
    ],
)
def test_the_short_way_and_the_long_one_say_the_same(text, coding, right, cleared):
    m = sms(text, coding=coding)
    assert (rule().judge(m, SHOP, 0) is None) == right
    left = list(rule().sift(Batch((sms("Chappe STOP 36180"), m), SHOP, 0, 0)))
    assert left == ([] if cleared else [1])
