"""Who a message may claim to be from."""

import pytest
from core import account
from making import message

from gateway.rules.rule import Action
from gateway.rules.sender import SenderRule


@pytest.mark.parametrize(
    ("senders", "source", "allowed"),
    [(("CHAPPE",), "CHAPPE", True), (("CHAPPE",), "chappe", False), ((), "CHAPPE", False), (("*",), "ANY", True),
     (("36180", "+33600000000"), "+33600000000", True), (("36180",), "", False)],
)  # fmt: skip
def test_only_its_own(senders, source, allowed):
    verdict = SenderRule().judge(message(1, None, source=source), account(senders=senders), 0)
    assert (verdict is None) is allowed
    if verdict is not None:
        assert (verdict.action, verdict.status) == (Action.REFUSE, 0x0A)
        assert "shop" in verdict.reason
