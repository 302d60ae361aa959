"""Parts of a text keep the bearer of the first, for five minutes."""

from types import SimpleNamespace

from gateway.pins import GROUP_TIME, Pins


def part(account="shop", group="g1"):
    return SimpleNamespace(account=account, group=group)


def test_parts_keep_their_bearer_and_accounts_do_not_mix():
    pins = Pins()
    assert pins.bearer_of(part()) == ""
    pins.pin(part(), "orange", 0.0)
    assert pins.bearer_of(part()) == "orange"
    assert pins.bearer_of(part(account="bank")) == ""
    pins.forget_old(GROUP_TIME - 1)
    assert pins.bearer_of(part()) == "orange"
    pins.forget_old(GROUP_TIME)
    assert pins.bearer_of(part()) == ""


def test_the_copies_of_a_submit_multi_may_part():
    pins = Pins()
    pins.pin(part(group="multi:7"), "orange", 0.0)
    assert pins.bearer_of(part(group="multi:7")) == ""
