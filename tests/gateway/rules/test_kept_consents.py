"""Consents that are kept: whose they are, what covers what, and that what was revoked wins."""

import pytest
from core import account

from gateway.rules.kept_consents import KeptConsents, Standing, consent_scope_fault
from gateway.rules.optouts import OptOuts

NUMBER, OTHER = "+33612345678", "+33600000002"
SHOP = account(brand="Chappe")


def kept(*entries):
    """entries: (scope, number, reference, given)."""
    made = KeptConsents(OptOuts(bytes(32)).digest)
    for scope, number, reference, given in entries:
        made.put(scope, made.key(number, reference), given)
    return made


@pytest.mark.parametrize(
    ("entries", "number", "reference", "standing"),
    [
        ([], NUMBER, "r", Standing.NOT_KEPT),
        ([("account:other", NUMBER, "", True)], NUMBER, "r", Standing.NOT_KEPT),
        ([("account:shop", NUMBER, "r", True)], NUMBER, "r", Standing.GIVEN),
        ([("account:shop", NUMBER, "r", True)], NUMBER, "another", Standing.GIVEN),
        ([("account:shop", NUMBER, "r", True)], OTHER, "r", Standing.UNKNOWN),  # somebody else's proof
        ([("brand:Chappe", NUMBER, "r", True)], NUMBER, "", Standing.GIVEN),
        ([("brand:Else", NUMBER, "r", True)], NUMBER, "r", Standing.NOT_KEPT),
        ([("account:shop", "", "form-3", True)], OTHER, "form-3", Standing.GIVEN),  # one proof for many
        ([("account:shop", "", "form-3", True)], OTHER, "form-4", Standing.UNKNOWN),
        ([("account:shop", NUMBER, "", True), ("account:shop", NUMBER, "", False)], NUMBER, "r", Standing.REVOKED),
        ([("account:shop", NUMBER, "", False), ("account:shop", NUMBER, "", True)], NUMBER, "r", Standing.GIVEN),
        ([("account:shop", NUMBER, "", False), ("brand:Chappe", NUMBER, "", True)], NUMBER, "r", Standing.REVOKED),
        ([("account:shop", NUMBER, "", False), ("account:shop", "", "f", True)], NUMBER, "f", Standing.REVOKED),
        ([("account:shop", "", "f", False)], NUMBER, "f", Standing.REVOKED),
    ],
)  # fmt: skip
def test_what_the_list_says(entries, number, reference, standing):
    assert kept(*entries).standing(SHOP, number, reference) is standing


def test_filling_is_putting():
    one, two = kept(("account:shop", NUMBER, "", True), ("account:shop", OTHER, "", False)), kept()
    two.fill("account:shop", [two.key(NUMBER, "")], given=True)
    two.fill("account:shop", [two.key(OTHER, "")], given=False)
    for each in (one, two):
        assert len(each) == 1
        assert each.has("account:shop", each.key(NUMBER, ""))
        assert not each.has("account:shop", each.key(OTHER, ""))
        assert not each.has("brand:Chappe", each.key(NUMBER, ""))
        assert not each.put("account:shop", each.key(NUMBER, ""), given=True)
        assert each.put("account:shop", each.key(NUMBER, ""), given=False)


@pytest.mark.parametrize("scope", ["account:shop", "brand:Chez Chappe"])
def test_a_scope(scope):
    assert not consent_scope_fault(scope)


@pytest.mark.parametrize("scope", ["", "global", "short_code:36180", "account:", "brand: x", "account:a,b"])
def test_no_scope(scope):
    assert "account:NAME or brand:NAME" in consent_scope_fault(scope)
