"""Marketing names the consent that it rests on, where its account is so configured."""

import pytest
from core import account
from making import message

from gateway import answers
from gateway.model import Kind
from gateway.rules.consent import ConsentRule


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
