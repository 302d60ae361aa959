"""The rules in their order: the first verdict wins; only some are asked again before the wire."""

from core import account
from making import message

from gateway.lifecycle import Cause
from gateway.rules import RULES, Rulebook
from gateway.rules.rule import Action, Verdict


class Rule:
    def __init__(self, name, verdict, recheck=False):
        self.name, self.verdict, self.recheck, self.asked = name, verdict, recheck, 0

    def judge(self, message, account, now_ms):
        self.asked += 1
        return self.verdict


def test_the_first_verdict_wins():
    rules = [Rule("a", None), Rule("b", Verdict("b", Action.HOLD, "wait")), Rule("c", None)]
    verdict = Rulebook(rules, {}.get).judge(message(1), account(), 0)
    assert (verdict.rule, verdict.action) == ("b", Action.HOLD)
    assert [rule.asked for rule in rules] == [1, 1, 0]
    assert Rulebook([], {}.get).judge(message(1), account(), 0) is None


def test_only_those_that_want_it_are_asked_again():
    late = Rule("late", Verdict("late", Action.POSTPONE, "night", until=99), recheck=True)
    never = Rule("never", Verdict("never", Action.REFUSE, "no", 5))
    book = Rulebook([never, late], {"shop": account()}.get)
    found = book.recheck([message(1), message(2, account="gone")], 0)
    assert found == {1: (Cause.POSTPONE, 99, 0, "late: night")}
    assert never.asked == 0
    assert Rulebook([never], {}.get).recheck([message(1)], 0) == {}


def test_every_rule_names_itself():
    assert all(RULES[name].name == name for name in RULES)
