"""A batch is judged as its messages would be, one after the other; only the work is less."""

from zoneinfo import ZoneInfo

from core import account
from hypothesis import given
from hypothesis import strategies as st
from making import message

from drivers.sms.udh import concat_header
from gateway.model import EPOCH_MS, Kind
from gateway.rules import Rulebook
from gateway.rules.consent import ConsentRule
from gateway.rules.content import ContentRule
from gateway.rules.country_file import load_law
from gateway.rules.frequency import FrequencyRule, RollingCounts
from gateway.rules.hours import HoursRule
from gateway.rules.kept_consents import KeptConsents
from gateway.rules.optouts import OptOuts
from gateway.rules.quota import QuotaRule, Usage
from gateway.rules.rule import Action, Verdict
from gateway.rules.sender import SenderRule
from gateway.rules.stop import StopRule
from gateway.rules.suppressed import SuppressedNumbers, SuppressRule

LAW = load_law("fr")
PARIS = ZoneInfo("Europe/Paris")
NUMBERS = [*(f"+3360000000{n}" for n in range(8)), "+262692000001", "+689870000001", "+447700900001", "36180"]
TEXTS = [
    b"Chappe: soldes STOP 36180",
    b"Chappe: soldes stop au 36180",
    b"CHAPPE soldes STOP 36180",
    b"soldes STOP 36180",
    b"Chappe",
]
SATURDAY = EPOCH_MS + 1042 * 86_400_000 - 4 * 3_600_000
"""7 November 2026, 20:00 UTC: closed in France, open elsewhere."""
DAY = 86_400_000
BEFORE_MIDNIGHT = 3 * 3_600_000 - 1  # in Paris: ids that borrow a millisecond are of the next day


class Picky:
    """A rule that cannot sift."""

    name, recheck = "picky", False

    def judge(self, message, account, now_ms):
        return Verdict("picky", Action.HOLD, "it has a tag") if message.tag == "hold" else None


def everything(shop):
    """All rules with something in each list."""
    optouts = OptOuts(b"k" * 32, LAW.vocabulary.mention)
    for scope, number in (("global", 0), ("short_code:36180", 1), ("account:shop", 8)):
        optouts.add(scope, optouts.digest(NUMBERS[number]))
    optouts.remove("account:shop", optouts.digest(NUMBERS[8]))
    optouts.review(optouts.digest(NUMBERS[2]), SATURDAY + DAY)
    suppressed = SuppressedNumbers(optouts.digest)
    suppressed.add(optouts.digest(NUMBERS[3]), 0)
    kept = KeptConsents(optouts.digest)
    for number in NUMBERS:
        if number != NUMBERS[4]:
            kept.put("account:shop", kept.key(number, ""), given=number != NUMBERS[5])
    kept.put("brand:Chappe", kept.key("", "contract"), given=True)
    kept.put("brand:Chappe", kept.key("", "annulled"), given=False)
    rules = [
        SenderRule(LAW.places), ContentRule("require", LAW.vocabulary.mention), StopRule(optouts), SuppressRule(suppressed),
        ConsentRule(kept), HoursRule(LAW.places, "fr-seeds"), FrequencyRule(RollingCounts(DAY), 2), Picky(),
        QuotaRule({}, PARIS, {"shop": shop}.get),
    ]  # fmt: skip
    return Rulebook(rules, {"shop": shop}.get)


MESSAGE = st.fixed_dictionaries({
    "destination": st.sampled_from(NUMBERS),
    "kind": st.sampled_from([Kind.MARKETING, Kind.MARKETING, Kind.MARKETING, Kind.TRANSACTIONAL, Kind.OTP]),
    "source": st.sampled_from(["36180", "36180", "Chappe", "38180", "other"]),
    "payload": st.sampled_from(TEXTS),
    "data_coding": st.sampled_from([0, 0, 0, 8]),
    "consent": st.sampled_from(["", "form", "form", "contract", "annulled"]),
    "udh": st.sampled_from([b"", b"", b"", concat_header(7, 2, 1), concat_header(7, 2, 2)]),
    "due": st.sampled_from([0, 0, SATURDAY + 60_000, SATURDAY + DAY]),
    "expires": st.sampled_from([0, SATURDAY + 3_600_000, SATURDAY + 5 * DAY]),
    "parts": st.integers(1, 3),
    "tag": st.sampled_from(["", "hold"]),
})  # fmt: skip
STEP = st.tuples(
    st.lists(MESSAGE, max_size=12),
    st.sampled_from([0, 1, 3_600_000, BEFORE_MIDNIGHT, 14 * 3_600_000]),
    st.booleans(),
)


def told(verdict):
    return verdict and (verdict.rule, verdict.action, verdict.reason, verdict.status, verdict.until)


@given(st.lists(STEP, max_size=8), st.booleans(), st.sampled_from([0, 25]))
def test_a_batch_is_judged_as_its_messages_one_after_the_other(steps, require, quota):
    shop = account(
        brand="Chappe", stop_number="36180", senders=("36180", "38180", "Chappe"), require_consent=require,
        quota=type("Quota", (), {"segments_per_day": quota, "segments_per_month": quota * 2}),
    )  # fmt: skip
    together, alone = everything(shop), everything(shop)
    now, last = SATURDAY, 0
    for batch, passes, borrows in steps:
        now += passes
        first = max(last + 1, (now - EPOCH_MS + 2 * borrows) << 22)
        ids = [first + n for n in range(len(batch))]
        last = ids[-1] if ids else last
        ours, theirs = ([message(0, None, **fields) for fields in batch] for _ in range(2))
        taken = []
        docket = together.docket(ours, ids, shop, now, taken)
        for place, (m, twin, message_id) in enumerate(zip(ours, theirs, ids, strict=True)):
            m.id = twin.id = message_id
            verdict = docket.judge(place, m) if place in docket.asked else None
            assert told(verdict) == told(alone.judge(twin, shop, now)), m.destination
            if verdict is None or verdict.action is not Action.REFUSE:
                taken.append(m)
                alone.taken([twin])
        docket.close()
        usage = [book.named("quota").usage.get("shop", Usage(PARIS)) for book in (together, alone)]
        assert (usage[0].day, usage[0].month) == (usage[1].day, usage[1].month)
        counts = [book.named("frequency").counts for book in (together, alone)]
        assert [counts[0].count(n, now) for n in NUMBERS] == [counts[1].count(n, now) for n in NUMBERS]


def test_what_is_cleared_meets_nobody():
    shop = account(brand="Chappe", stop_number="36180", senders=("36180",))
    book = everything(shop)
    noon = SATURDAY - 8 * 3_600_000
    good = {"kind": Kind.MARKETING, "source": "36180", "payload": TEXTS[0]}
    batch = [
        message(0, None, destination=NUMBERS[6], **good),
        message(0, None, destination=NUMBERS[0], **good),
        message(0, None, destination=NUMBERS[7], kind=Kind.OTP, source="36180"),
    ]
    docket = book.docket(batch, [1, 2, 3], shop, noon, [])
    stop, picky = book.named("stop").judge, book.named("picky").judge
    assert docket.asked == {0: [picky], 1: [stop, picky], 2: [picky]}
    assert docket.judge(1, batch[1]).rule == "stop"
    assert book.docket([], [], shop, noon, []).asked == {}
