"""What a simulated carrier decides: pure, so by the thousand; and the settings that order it."""

import re
from dataclasses import fields, replace

import pytest

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.carrier_faults import Faults
from drivers.smpp.deliveries import Deliveries, Delivery


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"ids": "octal"}, "ids 'octal': must be one of decimal, hex, uuid, mixed"),
        ({"receipts": "some"}, "receipts 'some': must be one of normal, none"),
        ({"latency": -1.0}, "latency -1.0: must not be negative"),
        ({"late_percent": 101.0}, "late_percent 101.0: must be 0 to 100"),
        ({"window": 0}, "window 0: must be at least 1"),
        ({"mo_parts": 256}, "mo_parts 256: at most 255 can be numbered"),
    ],
)
def test_a_wrong_option_is_named(options, fault):
    with pytest.raises(ValueError, match=re.escape(fault)):
        Behaviour(**options)


def test_every_option_has_its_sentence():
    assert [each.name for each in fields(Behaviour) if len(each.metadata["help"]) < 8] == []


@pytest.mark.parametrize("rate", [0.5, 1, 7.5, 20, 100])
def test_no_sliding_second_holds_more_than_the_rate(rate):
    faults = Faults(Behaviour(rate_limit=rate))
    taken = [n / 500 for n in range(5000) if faults.status(n / 500) == 0]
    span = max(1.0, 1 / rate)
    for start in taken:
        assert sum(start <= at < start + span - 1e-9 for at in taken) <= max(1, rate)
    assert len(taken) >= 0.85 * min(rate, int(rate) or rate) * 10


@pytest.mark.parametrize("name", ["throttle", "error"])
def test_percentages_are_kept(name):
    faults = Faults(Behaviour(**{f"{name}_percent": 20.0}))
    refused = sum(faults.status(0.0) != 0 for _ in range(10_000))
    assert 1800 < refused < 2200


@pytest.mark.parametrize(
    ("option", "happened"),
    [
        ("missing_percent", lambda notices: not notices),
        ("duplicate_percent", lambda notices: len(notices) == 2),
        ("early_percent", lambda notices: notices[0].early),
        ("late_percent", lambda notices: notices[0].delay == 61.0),
        ("expired_percent", lambda notices: notices[0].stat == b"EXPIRED"),
    ],
)
def test_each_fault_comes_as_often_as_ordered(option, happened):
    faults = Faults(Behaviour(receipt_delay=1.0, **{option: 10.0}))
    assert 850 < sum(happened(faults.notices()) for _ in range(10_000)) < 1150


def test_a_changed_behaviour_goes_on_counting():
    faults = Faults(Behaviour(ids="hex"))
    first = int(faults.ids()[0], 16)
    faults.behaviour = replace(faults.behaviour, ids="mixed", seed=99)
    told, in_receipt = faults.ids()
    assert int(told, 16) == int(in_receipt) == first + 1


def test_deliveries_are_given_to_their_owner_then_from_the_common_queue():
    deliveries = Deliveries(backlog=100)
    a, b, anyone = (Delivery(owner, b"", "mo") for owner in ("a", "b", ""))
    deliveries.add([anyone, b, a])
    assert deliveries.take("a", 1) == [a]
    assert deliveries.take("a", 5) == [anyone]
    deliveries.put_back([anyone, a])
    assert (len(deliveries), deliveries.take("b", 5), len(deliveries)) == (3, [b, anyone], 1)


def test_groups_leave_last_first_and_the_rest_is_held():
    deliveries = Deliveries(backlog=100)
    batch = [Delivery("a", bytes([n]), "receipt") for n in range(5)]
    assert deliveries.grouped(batch, 2) == [batch[1], batch[0], batch[3], batch[2]]
    assert deliveries.regrouped() == [batch[4]]
    assert deliveries.regrouped() == []
