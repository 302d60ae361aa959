"""What the rules' page says is so: its tables, its country, its rule."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from core import account
from making import message

from gateway import answers
from gateway.config.policy import RulesSettings
from gateway.model import Kind
from gateway.rules import RULES, Rulebook
from gateway.rules.country_file import load_law
from gateway.rules.hours import HoursRule
from gateway.rules.rule import Action, Sifting

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs/rules.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


def rows():
    return [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in PAGE.splitlines()
        if line.startswith("| `")
    ]


def test_the_table_has_the_rules_in_their_order():
    assert tuple(name for name, *_ in rows()) == RulesSettings().judging == tuple(RULES)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_rule_is_as_its_line_says(row):
    name, kinds, _, _, again, _ = row
    rule = RULES[name]
    assert (kinds == "marketing") is getattr(rule, "marketing_only", False)
    assert bool(again) is rule.recheck


def test_the_statuses_are_those_of_answers():
    said = {int(word, 16) for row in rows() for word in row[3].split(", ")}
    assert said == {
        answers.BAD_SOURCE, answers.MENTION_MISSING, answers.OPTED_OUT, answers.WOULD_EXPIRE, answers.SUPPRESSED,
        answers.NO_CONSENT, answers.FREQUENCY_CAP, answers.QUOTA_SPENT,
    }  # fmt: skip


def test_the_country_is_one(tmp_path):
    (tmp_path / "lu.toml").write_text(block("toml"), encoding="utf-8")
    law = load_law("lu", [tmp_path, REPO / "config/countries"])
    assert law.home.name == "Luxembourg"
    hours = HoursRule(law.places, "lu-day")
    holiday = int(datetime(2026, 6, 23, 12, tzinfo=UTC).timestamp() * 1000)
    verdict = hours.judge(
        message(1, None, kind=Kind.MARKETING, destination="+352621123456"), account(), holiday
    )
    assert "Fête nationale" in verdict.reason


def test_the_rule_is_one():
    made = {}
    exec(compile(block("python"), "docs/rules.md", "exec"), made)
    rule, shop = made["LinksRule"](), account()
    assert isinstance(rule, Sifting)
    book = Rulebook([rule], {"shop": shop}.get)
    bad, good, other = (
        message(0, None, kind=kind, payload=text)
        for kind, text in (
            (Kind.MARKETING, b"Soldes: BIT.ly/x"),
            (Kind.MARKETING, b"Soldes"),
            (Kind.OTP, b"bit.ly/x"),
        )
    )
    docket = book.docket([good, other, bad], [1, 2, 3], shop, 0, [])
    assert list(docket.asked) == [2]
    verdict = docket.judge(2, bad)
    assert (verdict.rule, verdict.action, verdict.status) == ("links", Action.REFUSE, 0x0405)
    assert book.judge(bad, shop, 0).reason == verdict.reason
    assert book.judge(good, shop, 0) is None
    assert book.judge(other, shop, 0) is None
