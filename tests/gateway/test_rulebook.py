"""The rules on a store: what is counted survives a restart to the message, and comes back when nothing left."""

import asyncio
from random import Random
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from core import Clock, ScriptedBearer, account, core
from making import NOW

from drivers.bearer import Remedy
from gateway import answers
from gateway.config.policy import FrequencyCap, FrequencySettings, HoursSettings, RulesSettings
from gateway.lifecycle import Cause, State
from gateway.model import EPOCH_MS, Kind
from gateway.rulebook import Counters, law_of, rules_of
from gateway.settings import ConfigError
from gateway.stores.store import StoreUnavailable
from gateway.stores.usage import QUARTER_MS

PER_DAY, CAP, PERIOD = 40, 3, 86_400.0
LIMITED = SimpleNamespace(segments_per_day=PER_DAY, segments_per_month=0)


def settings(order=("frequency", "quota"), **rules):
    rules_ = RulesSettings(
        order=order, frequency=FrequencySettings(marketing=FrequencyCap(messages=CAP, per=PERIOD)), **rules
    )
    shop = SimpleNamespace(kinds=("marketing", "transactional"), quota=LIMITED, extra_regions=(), keywords={})
    return SimpleNamespace(
        rules=rules_, accounts={"shop": shop}, gateway=SimpleNamespace(timezone="Europe/Paris"), path="gateway.toml"
    )  # fmt: skip


def install(gw, config=None):
    """As App: counters from the store, the rules in intake and dispatch, the ledger tells what came back."""
    config = config or settings()
    counters = Counters()
    counters.load(config, gw.store, gw.clock.wall_ms())
    book = rules_of(config, law_of(config), counters, gw.accounts.get, {})
    gw.intake.rules, gw.dispatcher._recheck = book, book.recheck
    gw.ledger.taken, gw.ledger.given_back = book.taken, book.given_back
    return counters


def shop():
    return account(quota=LIMITED, on_doubt="resend")


def seen(counters, numbers, now_ms):
    usage = counters.usage["shop"]
    usage.turn(now_ms)
    return usage.day, usage.month, [counters.marketing.count(number, now_ms) for number in numbers]


@pytest.mark.parametrize("seed", range(4))
def test_counters_after_a_crash_are_those_before_it(tmp_path, seed):
    """Submissions, cancellations, expiries and deliveries at random; a model of lists; then the store is reopened."""
    rnd, clock = Random(seed), Clock()
    numbers = [f"+3360000000{n}" for n in range(4)]
    model = []

    def expected(now_ms):
        kept = [m for m in model if not answers.never_left(m.state, m.error, m.sent_at, m.tries)]
        day_since = now_ms - (now_ms + 3_600_000) % 86_400_000  # January in Paris: UTC+1
        marketing = [m for m in kept if m.kind is Kind.MARKETING and m.submitted_at > now_ms - PERIOD * 1000]
        return (
            sum(m.parts for m in kept if m.submitted_at >= day_since),
            sum(m.parts for m in kept),
            [sum(m.destination == number for m in marketing) for number in numbers],
        )

    async def life(first):
        async with core(tmp_path, clock=clock, accounts=[shop()], on_doubt="resend") as gw:
            counters = install(gw)
            assert first or seen(counters, numbers, clock.wall_ms()) == expected(clock.wall_ms())
            for _ in range(40):
                clock.pass_(rnd.choice((1, 60, 3600, 9000)))
                kind = rnd.choice((Kind.MARKETING, Kind.MARKETING, Kind.TRANSACTIONAL))
                number, text = rnd.choice(numbers), b"x" * rnd.choice((5, 200))
                later = clock.wall_ms() + 7_200_000 if rnd.random() < 0.5 else 0
                m = gw.sms(number, text, kind, due=later, expires=clock.wall_ms() + 10_000_000)
                day, _, counts = expected(clock.wall_ms())
                capped = kind is Kind.MARKETING and counts[numbers.index(number)] >= CAP
                fits = day + m.parts <= PER_DAY
                (answer,) = await gw.submit(m)
                status = answers.FREQUENCY_CAP if capped else answers.OK if fits else answers.QUOTA_SPENT
                assert answer.status == status
                if answer.status == answers.OK:
                    model.append(m)
                waiting = [o for o in model if o.state is State.SCHEDULED and gw.queue.loaded(o.id) is o]
                if waiting and rnd.random() < 0.3:
                    await gw.desk.cancel([rnd.choice(waiting)], "test")
                gw.a.accept()
                await gw.sweeper.expire(clock.wall_ms())
                await gw.settled()
                stored = await gw.store.get([o.id for o in model])
                model[:] = [stored[o.id] if gw.queue.loaded(o.id) is None else o for o in model]
                assert seen(counters, numbers, clock.wall_ms()) == expected(clock.wall_ms())
            await gw.store.flush()
            assert {row[:2]: row[2] for row in gw.store.read("SELECT * FROM usage")} == recounted(gw.store)

    asyncio.run(life(first=True))
    asyncio.run(life(first=False))
    asyncio.run(life(first=False))
    ended = {m.state for m in model}
    assert State.DELETED in ended or State.EXPIRED in ended


def recounted(store):
    """What the messages themselves say that was used, as answers.never_left tells them apart."""
    found = {}
    columns = "account, id, parts, state, coalesce(error, ''), coalesce(sent_at, 0), coalesce(tries, 0)"
    for name, message_id, parts, state, *ended in store.read(f"SELECT {columns} FROM message"):
        key = (name, ((message_id >> 22) + EPOCH_MS) // QUARTER_MS)
        kept = not answers.never_left(State(state), *ended)
        found[key] = found.get(key, 0) + (parts if kept else 0)
    return found


def test_what_the_store_refuses_is_not_counted(tmp_path):
    async def story():
        async with core(tmp_path, accounts=[shop()]) as gw:
            counters = install(gw)
            submitted = gw.intake.submit(gw.shop, [gw.sms(kind=Kind.MARKETING), gw.sms()])
            assert seen(counters, ["+33612345678"], NOW) == (2, 2, [1])
            units, gw.store._writer._pending = gw.store._writer._pending, []
            for unit in units:
                unit.undo()
                unit.future.set_exception(StoreUnavailable("disk full"))
            await asyncio.sleep(0)
            assert submitted.answers[0].status == answers.SYSTEM_ERROR
            assert seen(counters, ["+33612345678"], NOW) == (0, 0, [0])

    asyncio.run(story())


def refused(a):
    a.refuse(Remedy.RETRY)


def half_of_it(a):
    a.accept(a.given[:1])
    a.doubt()


def too_busy(a):
    a.refuse(Remedy.SLOW_DOWN, 0x58)


@pytest.mark.parametrize(
    ("outcome", "used"),
    [
        (ScriptedBearer.doubt, 2),
        (half_of_it, 2),
        (refused, 2),
        (too_busy, 0),
        (ScriptedBearer.unsent, 0),
    ],
)
def test_what_expires_after_a_try_is_not_given_back(tmp_path, outcome, used):
    """Its carrier may have it, or has charged for it: neither quota nor cap may allow another in its place."""
    clock, number = Clock(), "+33612345678"

    async def tried_once():
        async with core(tmp_path, clock=clock, accounts=[shop()]) as gw:
            counters = install(gw)
            gw.desk._aside = gw.outcomes.standing_aside
            m = gw.sms(number, b"x" * 200, Kind.MARKETING, expires=NOW + 60_000)
            await gw.submit(m)
            assert len(gw.a.given) == 2
            gw.a.window = 0  # it gets no second one
            outcome(gw.a)
            await gw.settled()
            clock.pass_(61)
            await gw.sweeper.expire(clock.wall_ms())
            await gw.settled()
            assert gw.row(m.id) == (State.EXPIRED,)
            assert seen(counters, [number], clock.wall_ms()) == (used, used, [used // 2])

    async def after_a_restart():
        async with core(tmp_path, clock=clock, accounts=[shop()]) as gw:
            assert seen(install(gw), [number], clock.wall_ms()) == (used, used, [used // 2])

    asyncio.run(tried_once())
    asyncio.run(after_a_restart())


def test_a_batch_sees_its_own_messages(tmp_path):
    async def story():
        async with core(tmp_path, accounts=[shop()]) as gw:
            install(gw)
            return await gw.submit(*(gw.sms(kind=Kind.MARKETING) for _ in range(CAP + 2)))

    statuses = [answer.status for answer in asyncio.run(story())]
    assert statuses == [answers.OK] * CAP + [answers.FREQUENCY_CAP] * 2


def test_an_opt_out_and_a_new_text_count_as_they_are(tmp_path):
    async def story():
        async with core(tmp_path, accounts=[shop()]) as gw:
            counters, due = install(gw), NOW + 3_600_000
            first, second = gw.sms(kind=Kind.MARKETING, due=due), gw.sms(kind=Kind.MARKETING, due=due)
            await gw.submit(first, second)
            await gw.desk.replace(second, gw.sms(text=b"x" * 200, kind=Kind.MARKETING, due=due))
            assert seen(counters, ["+33612345678"], NOW) == (3, 3, [2])
            first.error = answers.own_error(answers.OPTED_OUT)
            await gw.ledger.end([first.advance(Cause.OPT_OUT)])
            assert seen(counters, ["+33612345678"], NOW) == (2, 2, [1])

    asyncio.run(story())


def test_a_stop_mention_changes_the_kind_before_the_road_is_chosen(tmp_path):
    config = settings(("content", "hours"), hours=HoursSettings(profile="none"))

    async def story():
        async with core(tmp_path, accounts=[account(stop_number="36180", brand="")]) as gw:
            install(gw, config)
            answered = await gw.submit(
                gw.sms(text=b"Soldes STOP 36180", reference="r"), gw.sms(text=b"Votre commande")
            )
            again = await gw.submit(gw.sms(text=b"Soldes STOP 36180", reference="r"))
            return [gw.row(a.message_id, "kind")[0] for a in answered], answered, again

    kinds, answered, again = asyncio.run(story())
    assert kinds == [Kind.MARKETING, Kind.TRANSACTIONAL]
    assert again[0].message_id == answered[0].message_id


def test_consent_is_stored(tmp_path):
    async def story():
        async with core(tmp_path) as gw:
            (answer,) = await gw.submit(gw.sms(kind=Kind.MARKETING, consent="form-7"))
            stored = await gw.store.get([answer.message_id])
            return gw.row(answer.message_id, "consent"), stored[answer.message_id].consent

    assert asyncio.run(story()) == (("form-7",), "form-7")


@pytest.mark.parametrize(
    ("rules", "extra", "fault"),
    [
        ({"hours": HoursSettings(profile="fr-night")}, (), "rules.hours.profile"),
        ({}, ("FR-99",), "accounts.shop.extra_regions"),
        ({"country": "xx"}, (), "rules.country"),
    ],
)
def test_law_that_does_not_fit_is_a_fault_of_the_configuration(rules, extra, fault):
    config = settings(("hours",), **rules)
    config.accounts["shop"].extra_regions = extra
    with pytest.raises(ConfigError) as raised:
        law_of(config)
    assert fault in str(raised.value.faults[0])


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("!!", "has no letter or digit"),
        ("Arrêt", "means STOP"),
        ("FIN", "means STOP"),
        ("start", "means START"),
        ("info", 'is the same as "Info"'),
    ],
)
def test_a_keyword_that_cannot_work_is_named_with_its_line(tmp_path, word, reason):
    config = settings(("stop",))
    config.accounts["shop"].keywords = {"Info": "x", word: "y"}
    config.path = tmp_path / "gateway.toml"
    config.path.write_text(f'[accounts.shop.keywords]\nInfo = "x"\n"{word}" = "y"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        law_of(config)
    (fault,) = raised.value.faults
    assert str(fault).startswith(f"{config.path}:3: accounts.shop.keywords.{word}: ")
    assert reason in str(fault)


def test_without_rules_no_law_is_read():
    assert law_of(settings(())) is None
    assert ZoneInfo(settings().gateway.timezone).key == "Europe/Paris"
