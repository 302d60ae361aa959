"""The rules in their order: the first refusal wins, else the first verdict; only some are asked again before the wire."""

from core import account
from making import message

from gateway.lifecycle import Cause
from gateway.model import Kind
from gateway.rules import RULES, Rulebook
from gateway.rules.rule import Action, Verdict


class Rule:
    def __init__(self, name, verdict, recheck=False):
        self.name, self.verdict, self.recheck, self.asked = name, verdict, recheck, 0

    def judge(self, message, account, now_ms):
        self.asked += 1
        return self.verdict


def test_the_first_refusal_wins():
    rules = [Rule("a", None), Rule("b", Verdict("b", Action.REFUSE, "no", 5)), Rule("c", None)]
    verdict = Rulebook(rules, {}.get).judge(message(1), account(), 0)
    assert (verdict.rule, verdict.action) == ("b", Action.REFUSE)
    assert [rule.asked for rule in rules] == [1, 1, 0]
    assert Rulebook([], {}.get).judge(message(1), account(), 0) is None


def test_what_one_puts_off_another_may_refuse():
    """A frequency cap behind the hours is no cap at night otherwise."""
    later, no = (
        Verdict("hours", Action.POSTPONE, "night", until=99),
        Verdict("cap", Action.REFUSE, "enough", 5),
    )
    book = Rulebook(
        [Rule("hours", later), Rule("hold", Verdict("hold", Action.HOLD, "")), Rule("x", None)], {}.get
    )
    assert book.judge(message(1), account(), 0) is later
    book = Rulebook([Rule("hours", later), Rule("x", None), Rule("cap", no)], {}.get)
    assert book.judge(message(1), account(), 0) is no


def test_only_those_that_want_it_are_asked_again():
    late = Rule("late", Verdict("late", Action.POSTPONE, "night", until=99), recheck=True)
    never = Rule("never", Verdict("never", Action.REFUSE, "no", 5))
    book = Rulebook([never, late], {"shop": account()}.get)
    found = book.recheck([message(1), message(2, account="gone")], 0)
    assert found == {1: (Cause.POSTPONE, 99, 0, "late: night")}
    assert never.asked == 0
    assert Rulebook([never], {}.get).recheck([message(1)], 0) == {}


class About(Rule):
    """One about marketing texts; it counts, too."""

    marketing_only = True

    def __init__(self, verdict=None, spoilt=None):
        super().__init__("about", verdict, recheck=True)
        self.spoilt, self.heard = spoilt or {}, []

    def prepare(self, messages, account):
        return self.spoilt

    def taken(self, messages):
        self.heard += [("taken", message.id) for message in messages]

    def given_back(self, message):
        self.heard.append(("given back", message.id))


def test_other_kinds_do_not_pay_for_rules_about_marketing():
    about = About(Verdict("about", Action.REFUSE, "no", 5))
    book = Rulebook([about], {"shop": account()}.get)
    ad, other = message(1, kind=Kind.MARKETING), message(2)
    assert book.judge(other, account(), 0) is None
    assert book.judge(ad, account(), 0).status == 5
    assert list(book.recheck([ad, other], 0)) == [1]
    assert about.asked == 2


def test_who_counts_hears_what_was_taken_and_given_back():
    about = About()
    book = Rulebook([Rule("sender", None), about], {}.get)
    assert book.counts
    book.taken([message(1)])
    book.given_back([message(1), message(2)])
    assert about.heard == [("taken", 1), ("given back", 1), ("given back", 2)]
    assert not Rulebook([Rule("sender", None)], {}.get).counts


def test_a_text_that_replaces_another_is_looked_at_by_who_looks_at_texts():
    ad, refusal = message(1, kind=Kind.MARKETING), Verdict("about", Action.REFUSE, "no brand", 5)
    capped = Rule("frequency", Verdict("frequency", Action.REFUSE, "too many", 5))
    assert Rulebook([capped, About(refusal)], {}.get).rewritten(ad, account(), 0) == "about: no brand"
    assert (
        Rulebook([About(spoilt={0: refusal})], {}.get).rewritten(message(2), account(), 0)
        == "about: no brand"
    )
    assert Rulebook([capped, About()], {}.get).rewritten(ad, account(), 0) == ""


def test_every_rule_names_itself():
    assert all(RULES[name].name == name for name in RULES)


class Versioned(Rule):
    """One that tells when its answer may have changed."""

    def __init__(self, name="list"):
        super().__init__(name, None, recheck=True)
        self.number = 0

    def version(self, now_ms):
        return self.number


def ad(number, **fields):
    return message(number << 22, kind=Kind.MARKETING, **fields)


def test_what_was_allowed_is_asked_about_again_only_after_a_change():
    rule = Versioned()
    book = Rulebook([rule], {"shop": account()}.get)

    def asked(*messages):
        before = rule.asked
        book.recheck(messages, 0)
        return rule.asked - before

    first, second, third = ad(5), ad(6), ad(7)
    assert asked(first) == 1  # judged by another process, for all we know
    assert book.judge(first, account(), 0) is None
    assert asked(first) == 0
    assert book.judge(second, account(), 0) is None
    assert asked(second, ad(4)) == 1
    rule.number = 1
    assert asked(second) == 1
    assert book.judge(third, account(), 0) is None
    assert asked(second, third) == 1
    rule.verdict = Verdict("list", Action.REFUSE, "no", 5)
    rule.number = 2
    assert list(book.recheck([third], 0)) == [third.id]


def test_a_change_between_judging_and_the_look_is_not_missed():
    rule = Versioned()
    book = Rulebook([rule], {"shop": account()}.get)
    book.recheck([ad(1)], 0)
    one = ad(2)
    book.judge(one, account(), 0)
    rule.number, rule.verdict = 1, Verdict("list", Action.REFUSE, "no", 5)
    book.judge(ad(3), account(), 0)
    assert list(book.recheck([one], 0)) == [one.id]


def test_what_has_waited_and_parts_are_always_asked_about():
    rule = Versioned()
    book = Rulebook([rule], {"shop": account()}.get)
    book.judge(ad(1), account(), 0)
    book.recheck([ad(1)], 0)
    at_once, queued, later, part = ad(2), ad(3), ad(4), ad(5, udh=b"\5\0\3\1\2\1")
    queued.due, later.due = queued.submitted_at, later.submitted_at + 5
    for each in (at_once, queued, later, part):
        book.judge(each, account(), 0)
    before = rule.asked
    book.recheck([at_once, queued], 0)
    assert rule.asked == before
    book.recheck([later, part], 0)
    assert rule.asked == before + 2


def test_one_rule_that_cannot_tell_is_always_asked_and_so_are_the_others():
    rules = [Versioned(), Rule("silent", None, recheck=True)]
    book = Rulebook(rules, {"shop": account()}.get)
    book.judge(ad(1), account(), 0)
    for _ in range(3):
        book.recheck([ad(1)], 0)
    assert [rule.asked for rule in rules] == [4, 4]


def test_every_rule_that_is_asked_again_can_tell():
    assert [name for name, rule in RULES.items() if rule.recheck and not hasattr(rule, "version")] == []
