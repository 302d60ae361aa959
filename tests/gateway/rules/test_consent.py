"""Marketing names the consent that it rests on, where its account is so configured."""

import pytest
from core import account
from making import message

from gateway import answers
from gateway.model import Kind
from gateway.rules.consent import ConsentRule
from gateway.rules.kept_consents import KeptConsents
from gateway.rules.optouts import OptOuts


@pytest.mark.parametrize(
    ("kind", "required", "consent", "status"),
    [
        (Kind.MARKETING, True, "", answers.NO_CONSENT),
        (Kind.MARKETING, True, "form-2026-03-01", 0),
        (Kind.MARKETING, False, "", 0),
        (Kind.TRANSACTIONAL, True, "", 0),
        (Kind.OTP, True, "", 0),
    ],
)
def test_consent(kind, required, consent, status):
    verdict = ConsentRule().judge(
        message(1, None, kind=kind, consent=consent), account(require_consent=required), 0
    )
    assert (verdict.status if verdict else 0) == status
    assert verdict is None or "0x1502" in verdict.reason


@pytest.mark.parametrize(
    ("required", "consent", "number", "reason"),
    [
        (True, "form", "+33600000001", ""),
        (True, "form", "+33600000002", "was revoked"),
        (True, "form", "+33600000003", "no consent of this number is kept"),
        (True, "many", "+33600000003", ""),
        (True, "", "+33600000001", "0x1502"),  # a kept consent does not replace the reference
        (False, "", "+33600000001", ""),
        (False, "", "+33600000002", "was revoked"),
        (False, "", "+33600000003", ""),
    ],
)
def test_where_consents_are_kept(required, consent, number, reason):
    kept = KeptConsents(OptOuts(bytes(32)).digest)
    kept.put("account:shop", kept.key("+33600000001", ""), given=True)
    kept.put("account:shop", kept.key("+33600000002", ""), given=False)
    kept.put("account:shop", kept.key("", "many"), given=True)
    ad = message(1, None, kind=Kind.MARKETING, consent=consent, destination=number)
    verdict = ConsentRule(kept).judge(ad, account(require_consent=required), 0)
    assert (verdict.status if verdict else 0) == (answers.NO_CONSENT if reason else 0)
    assert verdict is None or reason in verdict.reason
    other = message(1, None, kind=Kind.TRANSACTIONAL, destination=number)
    assert ConsentRule(kept).judge(other, account(require_consent=required), 0) is None
