"""What applications are owed: in order, on whichever bind has room, nothing lost and nothing twice."""

import random
from collections import deque

import pytest
from making import NOW, message, opened, run

from gateway.lifecycle import Cause, State
from gateway.model import MessageIds, Note, NoteKind
from gateway.outbox import CHUNK, HEAD, Outbox, receipt_notes, wants_receipt


class Bind:
    """A sink with a window."""

    def __init__(self, window=10):
        self.window = window
        self.unanswered = deque()
        self.seen = []

    def room(self):
        return self.window - len(self.unanswered)

    def deliver(self, notes):
        assert notes
        assert len(notes) <= self.room()
        self.unanswered.extend(notes)
        self.seen += [note.seq for note in notes]

    def answer(self, outbox, count=1, account="shop"):
        outbox.answered(account, [self.unanswered.popleft() for _ in range(min(count, len(self.unanswered)))])


class Desk:
    def __init__(self, store):
        self.store = store
        self.outbox = Outbox(store)
        self.seq = 0

    def made(self, count, account="shop"):
        first = self.seq + 1
        self.seq += count
        return [
            Note(n, account, NoteKind.MO, None, None, State.NEW, "", NOW + n)
            for n in range(first, self.seq + 1)
        ]

    async def put(self, count, account="shop"):
        notes = self.made(count, account)
        await self.store.deposit([], notes)
        self.outbox.push(notes)
        return notes

    def owed(self, account="shop"):
        return self.outbox.counts().get(account, (0, 0))[0]

    @property
    def memory(self):
        return sum(len(box.ready) for box in self.outbox._boxes.values())


def desk(scenario, tmp_path):
    async def main():
        async with opened(tmp_path / "s.db") as store:
            await scenario(Desk(store))

    run(main())


@pytest.mark.parametrize(
    ("registered", "states"),
    [
        (0, set()),
        (1, {State.DELIVERED, State.UNDELIVERABLE, State.UNKNOWN}),
        (2, {State.UNDELIVERABLE, State.UNKNOWN}),
        (3, {State.DELIVERED}),
        (0x10, {State.ENROUTE}),
        (0x11, {State.ENROUTE, State.DELIVERED, State.UNDELIVERABLE, State.UNKNOWN}),
        (0x0C, set()),
    ],
)
def test_registered_delivery_says_which_receipts_are_wanted(registered, states):
    asked = {State.DELIVERED, State.UNDELIVERABLE, State.UNKNOWN, State.ENROUTE}
    assert {state for state in asked if wants_receipt(registered, state)} == states


def test_a_receipt_tells_what_the_message_says():
    m = message(5, Cause.REFUSE, error="69", account="bank")
    (made,) = receipt_notes([m], MessageIds(0), NOW)
    assert (made.account, made.kind, made.message, made.state, made.error, made.at) == (
        "bank", NoteKind.RECEIPT, m, State.REJECTED, "69", NOW,
    )  # fmt: skip
    m.registered = 3
    assert receipt_notes([m], MessageIds(0), NOW) == []


def test_order_and_windows(tmp_path):
    async def scenario(d):
        bind = Bind(window=4)
        d.outbox.attach("shop", bind)
        await d.put(3)
        await d.put(20)
        assert bind.seen == [1, 2, 3, 4]
        assert (d.owed(), d.outbox.counts()["shop"]) == (23, (23, NOW + 4))
        while bind.unanswered:
            bind.answer(d.outbox, 3)
        assert bind.seen == list(range(1, 24))
        assert d.outbox.counts() == {}
        await d.store.flush()
        assert d.store.owed_counts() == {}

    desk(scenario, tmp_path)


def test_binds_of_an_account_take_turns(tmp_path):
    async def scenario(d):
        binds = [Bind(5), Bind(5), Bind(0)]
        for bind in binds:
            d.outbox.attach("shop", bind)
        for _ in range(6):
            await d.put(1)
        assert [len(bind.seen) for bind in binds] == [3, 3, 0]
        await d.put(20)
        assert [len(bind.unanswered) for bind in binds] == [5, 5, 0]

    desk(scenario, tmp_path)


def test_accounts_do_not_mix(tmp_path):
    async def scenario(d):
        shop, bank = Bind(), Bind()
        d.outbox.attach("shop", shop)
        d.outbox.attach("bank", bank)
        notes = d.made(1, "shop") + d.made(1, "bank") + d.made(1, "away")
        await d.store.deposit([], notes)
        d.outbox.push(notes)
        assert (shop.seen, bank.seen) == ([1], [2])
        assert d.owed("away") == 1

    desk(scenario, tmp_path)


def test_what_a_bind_left_unanswered_goes_first_on_the_next(tmp_path):
    async def scenario(d):
        first, second = Bind(3), Bind(3)
        d.outbox.attach("shop", first)
        await d.put(10)
        first.answer(d.outbox)
        d.outbox.attach("shop", second)
        assert ([n.seq for n in first.unanswered], second.seen) == ([2, 3, 4], [5, 6, 7])
        d.outbox.detach("shop", first, first.unanswered)
        second.window = 100
        d.outbox.pump("shop")
        assert second.seen == [5, 6, 7, 2, 3, 4, 8, 9, 10]

    desk(scenario, tmp_path)


def test_everybody_gone_and_one_comes_back(tmp_path):
    async def scenario(d):
        first, second = Bind(5), Bind(50)
        d.outbox.attach("shop", first)
        await d.put(10)
        first.answer(d.outbox, 2)  # being written as the bind goes: not to be told twice
        d.outbox.detach("shop", first, first.unanswered)
        assert (d.owed(), d.memory) == (8, 0)
        d.outbox.attach("shop", second)
        assert second.seen == list(range(3, 11))
        assert d.owed() == 8

    desk(scenario, tmp_path)


def test_an_application_that_is_away_costs_a_counter(tmp_path):
    async def scenario(d):
        for _ in range(3):
            await d.put(1000)
        assert (d.owed(), d.memory) == (3000, 0)
        bind = Bind(10)
        d.outbox.attach("shop", bind)
        await d.put(3000)
        assert d.memory <= CHUNK
        while bind.unanswered:
            bind.answer(d.outbox, 10)
            assert d.memory <= HEAD + CHUNK
        assert bind.seen == list(range(1, 6001))

    desk(scenario, tmp_path)


def test_a_busy_bind_bounds_the_memory(tmp_path):
    async def scenario(d):
        bind = Bind(1)
        d.outbox.attach("shop", bind)
        for _ in range(6):
            await d.put(1000)
        assert d.memory <= HEAD
        bind.window = 10_000
        while bind.unanswered:
            bind.answer(d.outbox, 700)
        assert bind.seen == list(range(1, 6001))

    desk(scenario, tmp_path)


def test_durable_and_not_yet_pushed_is_not_delivered_twice(tmp_path):
    async def scenario(d):
        await d.put(5)
        early = d.made(3)
        await d.store.deposit([], early)
        bind = Bind(50)
        d.outbox.attach("shop", bind)
        d.outbox.push(early)
        assert bind.seen == list(range(1, 9))
        late, later = d.made(1), d.made(1)
        await d.store.deposit([], late + later)
        d.outbox.push(later)
        d.outbox.push(late)
        assert bind.seen[8:] == [10, 9]

    desk(scenario, tmp_path)


def test_a_note_whose_two_sendings_were_both_answered_later_comes_again_once(tmp_path):
    """An application did not read for a minute: it has the note twice, and answers both at once."""

    async def scenario(d):
        bind = Bind()
        d.outbox.attach("shop", bind)
        first, second = await d.put(2)
        d.outbox.again("shop", [first, second, first])
        assert sorted(note.seq for note in d.outbox._boxes["shop"].ready) == [1, 2]
        bind.unanswered.clear()
        d.outbox.pump("shop")
        assert bind.seen == [1, 2, 1, 2]
        bind.answer(d.outbox, 2)
        assert d.owed() == 0

    desk(scenario, tmp_path)


def test_a_note_asked_for_later_comes_again(tmp_path):
    async def scenario(d):
        bind = Bind(3)
        d.outbox.attach("shop", bind)
        await d.put(5)
        refused = [bind.unanswered.popleft() for _ in range(2)]
        d.outbox.again("shop", refused)
        d.outbox.pump("shop")
        assert bind.seen == [1, 2, 3, 1, 2]
        while bind.unanswered:
            bind.answer(d.outbox)
        assert bind.seen == [1, 2, 3, 1, 2, 4, 5]
        assert d.owed() == 0

    desk(scenario, tmp_path)


def test_a_note_asked_for_later_by_a_bind_that_is_gone_comes_once(tmp_path):
    """It waited in the listener while the last bind went: the store had it again, and so had the next bind."""

    async def scenario(d):
        first, second = Bind(3), Bind(9)
        d.outbox.attach("shop", first)
        await d.put(3)
        parked = [first.unanswered.popleft()]
        d.outbox.detach("shop", first, first.unanswered)
        d.outbox.again("shop", parked)
        d.outbox.attach("shop", second)
        d.outbox.again("shop", parked)
        d.outbox.pump("shop")
        assert second.seen == [1, 2, 3]
        assert d.owed() == 3

    desk(scenario, tmp_path)


def test_an_answer_that_came_after_all_takes_the_note_back(tmp_path):
    async def scenario(d):
        bind = Bind(2)
        d.outbox.attach("shop", bind)
        await d.put(4)
        expired = bind.unanswered.popleft()
        bind.window = 1
        d.outbox.again("shop", [expired])
        d.outbox.answered("shop", [expired])
        bind.window = 9
        d.outbox.pump("shop")
        assert bind.seen == [1, 2, 3, 4]
        bind.answer(d.outbox, 3)
        assert d.owed() == 0

    desk(scenario, tmp_path)


def test_retention_drops_the_oldest(tmp_path):
    async def scenario(d):
        notes = await d.put(10)
        await d.store.forget(notes[:4])
        d.outbox.dropped("shop", 4)
        assert d.owed() == 6
        bind = Bind(3)
        d.outbox.attach("shop", bind)
        d.outbox.dropped("shop", 1)  # the bind has it, and will answer
        while bind.unanswered:
            bind.answer(d.outbox)
        assert bind.seen == [5, 6, 7, 8, 9, 10]
        assert d.owed() == 0

    desk(scenario, tmp_path)


def test_a_new_process_delivers_what_is_owed(tmp_path):
    async def scenario(d):
        bind = Bind(4)
        d.outbox.attach("shop", bind)
        await d.put(9)
        bind.answer(d.outbox, 2)
        await d.store.flush()
        d.outbox = Outbox(d.store)
        d.outbox.load()
        assert d.outbox.counts() == {"shop": (7, NOW + 3)}
        again = Bind(50)
        d.outbox.attach("shop", again)
        assert again.seen == list(range(3, 10))

    desk(scenario, tmp_path)


@pytest.mark.parametrize("seed", range(15))
def test_whatever_binds_do_nothing_is_lost_and_nothing_told_twice(tmp_path, seed):
    """Twice would be: to a second bind while the first still has it, or after it was answered."""
    rnd = random.Random(seed)

    async def scenario(d):
        binds, answered, parked = [], set(), []

        def check():
            inside = [note.seq for bind in binds for note in bind.unanswered]
            assert len(inside) == len(set(inside)), "two binds have the same note"
            assert not answered & set(inside), "told again after its answer"

        for _ in range(400):
            act = rnd.randrange(8)
            if act == 0:
                notes = d.made(rnd.randrange(1, 40))
                done = d.store.deposit([], notes)
                done.add_done_callback(lambda _, notes=notes: d.outbox.push(notes))
                if rnd.random() < 0.5:
                    await done
            elif act == 1 and len(binds) < 3:
                binds.append(Bind(rnd.randrange(1, 12)))
                d.outbox.attach("shop", binds[-1])
            elif act == 2 and binds:
                bind = binds.pop(rnd.randrange(len(binds)))
                d.outbox.detach("shop", bind, list(bind.unanswered))
            elif act == 3 and binds:
                bind = rnd.choice(binds)
                if bind.unanswered:
                    parked.append(bind.unanswered.popleft())
            elif act == 4 and parked:
                d.outbox.again("shop", [parked.pop()])
                d.outbox.pump("shop")
            elif binds:
                bind = rnd.choice(binds)
                count = rnd.randrange(1, 6)
                answered |= {note.seq for note in list(bind.unanswered)[:count]}
                bind.answer(d.outbox, count)
            check()
        d.outbox.again("shop", parked)
        await d.store.flush()
        last = Bind(60)
        binds.append(last)
        d.outbox.attach("shop", last)
        for _ in range(2000):
            for bind in binds:
                answered |= {note.seq for note in bind.unanswered}
                if bind.unanswered:
                    bind.answer(d.outbox, 60)
                check()
        assert answered == set(range(1, d.seq + 1))
        assert d.owed() == d.memory == 0
        await d.store.flush()
        assert d.store.owed_counts() == {}

    desk(scenario, tmp_path)
