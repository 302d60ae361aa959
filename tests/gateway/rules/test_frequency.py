"""The rolling count against a list of moments, and the rule on it."""

from core import account
from hypothesis import given
from hypothesis import strategies as st
from making import message

from drivers.sms.udh import concat_header
from gateway import answers
from gateway.model import EPOCH_MS, Kind
from gateway.rules.frequency import FrequencyRule, RollingCounts, counts_alone

PER = 1000
NUMBERS = ["+33600000001", "+33600000002", "36180"]
STEP = st.tuples(st.integers(0, 400), st.integers(0, 2), st.integers(0, 9), st.booleans())


def at(ms, number=NUMBERS[0], serial=0, **fields):
    given_ = {"kind": Kind.MARKETING, "destination": number} | fields
    return message(ms << 22 | serial, None, **given_)


@given(st.lists(STEP, max_size=120))
def test_as_a_list_counts(steps):
    """Each step: time passes, a number is counted, perhaps an earlier count is taken back; all are compared."""
    counts, model, now = RollingCounts(PER), [], EPOCH_MS
    for passes, which, back, takes_back in steps:
        now += passes
        if takes_back and model:
            number, moment = model.pop(back % len(model))
            counts.remove(number, moment)
        else:
            model.append((NUMBERS[which], now))
            counts.add(NUMBERS[which], now)
        model = [entry for entry in model if entry[1] > now - PER]
        for number in NUMBERS:
            assert counts.count(number, now) == sum(entry[0] == number for entry in model)


def test_what_is_old_is_let_go():
    counts = RollingCounts(PER)
    for n in range(10_000):
        counts.add(NUMBERS[0], n)
    assert counts.count(NUMBERS[0], 9_999) == PER
    assert len(counts) == PER
    counts.remove(NUMBERS[0], 5)
    assert counts.count(NUMBERS[0], 9_999) == PER


def test_one_that_is_counted_anew_keeps_its_place():
    counts = RollingCounts(PER)
    counts.add(NUMBERS[0], 100)
    counts.add(NUMBERS[1], 200)
    counts.remove(NUMBERS[0], 100)
    counts.add(NUMBERS[0], 100)
    assert counts.count(NUMBERS[0], 1_099) == 1
    assert counts.count(NUMBERS[0], 1_100) == 0
    assert counts.count(NUMBERS[1], 1_199) == 1


def test_the_rule_counts_marketing_only_and_says_how_many():
    rule, shop = FrequencyRule(RollingCounts(7 * 86_400_000), 2), account()
    now = EPOCH_MS + 5
    for serial, kind in enumerate((Kind.MARKETING, Kind.OTP, Kind.TRANSACTIONAL)):
        rule.taken([at(5, serial=serial, kind=kind)])
    assert rule.judge(at(5), shop, now) is None
    second = at(5, serial=9)
    rule.taken([second])
    verdict = rule.judge(at(5), shop, now)
    assert verdict.status == answers.FREQUENCY_CAP
    assert "2 marketing messages in 7 days" in verdict.reason
    assert rule.judge(at(5, kind=Kind.OTP), shop, now) is None
    assert rule.judge(at(5, NUMBERS[1]), shop, now) is None
    rule.given_back(second)
    assert rule.judge(at(5), shop, now) is None


def test_a_split_text_counts_once_and_is_never_cut():
    rule, shop, now = FrequencyRule(RollingCounts(86_400_000), 1), account(), EPOCH_MS + 5

    def part(sequence, reference=7):
        udh = concat_header(reference, 3, sequence)
        return at(5, serial=sequence, udh=udh, group=f"a b {reference} 3")

    assert [counts_alone(part(n).udh) for n in (1, 2, 3)] == [True, False, False]
    for sequence in (1, 2, 3):
        assert rule.judge(part(sequence), shop, now) is None
        rule.taken([part(sequence)])
    assert len(rule.counts) == 1
    assert rule.judge(part(1, reference=8), shop, now).status == answers.FREQUENCY_CAP
    assert rule.judge(part(2, reference=8), shop, now).status == answers.FREQUENCY_CAP
