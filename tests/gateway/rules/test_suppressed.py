"""The list of suppressed numbers in memory, against a plain model; and the rule that reads it."""

from random import Random

import pytest
from core import account
from making import message

from gateway import answers
from gateway.lifecycle import State
from gateway.model import Kind
from gateway.rules.optouts import OptOuts
from gateway.rules.rule import Action
from gateway.rules.suppressed import SuppressedNumbers, SuppressRule

NUMBER = "+33612345678"
digest = OptOuts(bytes(32)).digest


def test_only_marketing_to_a_suppressed_number_is_refused():
    numbers = SuppressedNumbers(digest)
    rule = SuppressRule(numbers)
    assert rule.recheck and rule.marketing_only
    ad = message(1, None, kind=Kind.MARKETING)
    assert rule.judge(ad, account(), 0) is None
    numbers.add(digest(NUMBER), 1)
    verdict = rule.judge(ad, account(), 0)
    assert (verdict.rule, verdict.action, verdict.status) == ("suppress", Action.REFUSE, answers.SUPPRESSED)
    assert "out of use" in verdict.reason
    for kind in (Kind.OTP, Kind.ALERT, Kind.TRANSACTIONAL):
        assert rule.judge(message(1, None, kind=kind), account(), 0) is None
    assert rule.judge(message(1, None, kind=Kind.MARKETING, destination="+33612345679"), account(), 0) is None


def test_our_code_is_one_of_those_that_never_left():
    assert answers.never_left(State.REJECTED, answers.own_error(answers.SUPPRESSED), 0, 0)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_so_many_strikes_in_a_row_and_not_one_less(after):
    numbers, key = SuppressedNumbers(digest), digest(NUMBER)
    numbers.after = after
    for _ in range(after - 1):
        assert not numbers.add(key, 1)
    assert not numbers.holds(NUMBER)
    assert numbers.idle is (after == 1)
    assert numbers.add(key, 1)
    assert numbers.holds(NUMBER) and not numbers.idle
    assert not numbers.add(key, 1)
    assert numbers.discard(key) and not numbers.discard(key)
    assert numbers.idle and not len(numbers)


def test_an_operators_word_holds_by_itself():
    numbers, key = SuppressedNumbers(digest), digest(NUMBER)
    numbers.after = 3
    numbers.add(key, 1)
    assert numbers.add(key, 0)
    assert numbers.discard(key)
    assert numbers.idle
    assert not numbers.add(key, 2)
    assert numbers.add(key, 1)


@pytest.mark.parametrize("seed", range(3))
def test_as_a_model_of_sets(seed):
    rnd = Random(seed)
    numbers = SuppressedNumbers(digest)
    numbers.after = 2
    keys = [digest(f"+3361234{n:04}") for n in range(300)]
    held, counted = set(), {}
    for _ in range(20_000):
        key = rnd.choice(keys)
        if rnd.random() < 0.4:
            assert numbers.discard(key) == (key in held or key in counted)
            held.discard(key)
            counted.pop(key, None)
            continue
        strikes = rnd.choice((0, 1, 1, 1))
        had = counted.get(key, 0)
        fresh = key not in held and (not strikes or had + strikes >= 2)
        assert numbers.add(key, strikes) == fresh
        if fresh:
            held.add(key)
            counted.pop(key, None)
        elif key not in held:
            counted[key] = had + strikes
    assert len(numbers) == len(held)
    assert numbers.idle is (not held and not counted)


@pytest.mark.parametrize("after", [1, 2])
def test_what_is_learnt_while_the_list_is_read_is_as_if_it_had_been_read_first(after):
    draw = Random(after)
    stored = {n: draw.randrange(4) for n in range(1, 80) if draw.random() < 0.5}
    model = {n: strikes or 99 for n, strikes in stored.items()}  # 99: an operator's word
    text = ["", *sorted(map(str, range(1, 80)), key=digest)]
    key = [0, *map(digest, text[1:])]
    place = {each: n for n, each in enumerate(key)}
    numbers = SuppressedNumbers(digest)
    numbers.after = after
    numbers.stored = lambda asked: stored.get(place[asked], -1)
    assert not numbers.idle
    for first in range(1, 80, 10):
        for _ in range(12):
            n = draw.randrange(1, 80)
            if draw.random() < 0.4:
                assert numbers.discard(key[n]) is (n in model)
                model.pop(n, None)
            else:
                before = model.get(n, 0)
                model[n] = before if before >= after else before + 1
                assert numbers.add(key[n], 1) is (before < after <= model[n])
        numbers.fill([(key[n], stored[n]) for n in range(first, first + 10) if n in stored])
    numbers.stored = None
    assert [n for n in range(1, 80) if numbers.holds(text[n]) != (model.get(n, 0) >= after)] == []
    assert len(numbers) == sum(strikes >= after for strikes in model.values())
    assert numbers._counted == sum(0 < strikes < after for strikes in model.values())
