"""Whose a reply is, and what it answers: by account and number, and by the SIM that it came to."""

import asyncio

import pytest
from core import Clock, account, core
from stopping import scopes, shop, stopping

from gateway.last_writers import LastWriters

TWO = [account("first", mo=("36180",)), account("second", mo=())]
NUMBER = "+33612345678"


def own(gw, number="+33700000001"):
    """The bearer is a SIM."""
    gw.a.from_own_number = True
    if number:
        gw.dispatcher.roads["a"].status["SIM"] = {"number": number}


async def write(gw, name, to=NUMBER):
    (answer,) = await gw.submit(gw.sms(to, account=name, source="CHAPPE"))
    gw.a.accept()
    await gw.settled()
    return answer.message_id


def kept(gw):
    return gw.store.read(
        "SELECT n.text, mo.destination, mo.message FROM mo LEFT JOIN name n ON n.id=mo.account ORDER BY mo.id"
    )


def test_a_reply_is_tied_to_the_last_message_of_its_account_to_that_number(tmp_path):
    async def story():
        clock = Clock()
        async with core(tmp_path, accounts=TWO, clock=clock) as gw:
            await write(gw, "first")
            last = await write(gw, "first")
            await write(gw, "second")
            await write(gw, "first", "+33600000001")
            await gw.a.mo(b"Merci")
            await gw.a.mo(b"Qui ?", source="+33600000009")
            await gw.submit(gw.sms(NUMBER, account="first", due=clock.wall_ms() + 9_000_000))
            await gw.a.mo(b"encore")  # what has not left is no message that he answers
            assert kept(gw) == [("first", "36180", last), ("first", "36180", None), ("first", "36180", last)]
        async with core(tmp_path, accounts=TWO, clock=clock) as gw:
            await gw.a.mo(b"demain")
            assert kept(gw)[-1] == ("first", "36180", last)

    asyncio.run(story())


def test_a_reply_to_a_sim_goes_to_whoever_wrote_last_by_it_over_a_restart(tmp_path):
    async def story():
        clock = Clock()
        async with core(tmp_path, accounts=TWO, clock=clock) as gw:
            own(gw)
            await write(gw, "first")
            last = await write(gw, "second")
            await gw.a.mo(b"Oui", destination="")
            await gw.a.mo(b"Oui", destination="+33700000001")
            await gw.a.mo(b"Oui", destination="", source="+33600000009")
            assert kept(gw) == [
                ("second", "+33700000001", last), ("second", "+33700000001", last), (None, "+33700000001", None),
            ]  # fmt: skip
            assert gw.mo.unowned == 1
        async with core(tmp_path, accounts=TWO, clock=clock) as gw:
            own(gw, "")
            await gw.a.mo(b"Oui", destination="")
            assert kept(gw)[-1] == ("second", "a", last)
            await gw.a.mo(b"Oui")  # to a number of somebody's: his, whoever wrote
            assert kept(gw)[-1][:2] == ("first", "36180")

    asyncio.run(story())


def test_another_bearer_says_nothing_of_who_wrote(tmp_path):
    async def story():
        async with core(tmp_path, accounts=TWO) as gw:
            await write(gw, "second")
            await gw.a.mo(b"Oui", destination="+33700000001")
            assert kept(gw) == [(None, "+33700000001", None)]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("number", "writes", "expected"),
    [
        ("+33700000001", True, ["account:second", "sender:+33700000001"]),
        ("", True, ["account:second"]),
        ("+33700000001", False, ["sender:+33700000001"]),
        ("", False, ["global"]),
    ],
)
def test_a_stop_to_a_sim_covers_it_and_the_account_that_wrote_last(tmp_path, number, writes, expected):
    two = [shop("first"), shop("second", mo=(), brand="Autre", stop_number=None, senders=("+33700000001",))]

    async def story():
        async with stopping(tmp_path, accounts=two) as gw:
            own(gw, number)
            if writes:
                await write(gw, "first")
                (answer,) = await gw.submit(gw.sms(NUMBER, account="second", source="+33700000001"))
                assert not answer.status
                gw.a.accept()
            await gw.a.mo(b"STOP", destination="")
            await gw.settled()
            assert scopes(gw) == expected
            answers = [bytes(s.payload).decode() for s in gw.a.seen if s.destination == NUMBER][2:]
            assert len(answers) == writes
            assert all("du +33700000001." in text for text in answers)

    asyncio.run(story())


class Kept:
    """A table in memory."""

    def __init__(self):
        self.rows = {}

    def all(self):
        return [(bearer, key, *who) for (bearer, key), who in self.rows.items()]

    def one(self, bearer, key):
        return self.rows.get((bearer, key))

    def sent(self):
        return iter(())

    def put(self, written):
        self.rows |= {(bearer, key): (account, message) for bearer, key, account, message in written}

    def drop(self, keys):
        for key in keys:
            del self.rows[key]


class Said:
    def __init__(self, message_id, name, number):
        from drivers.bearer import Accepted, Segment
        from gateway.model import Kind, Message

        m = Message(message_id, name, Kind.TRANSACTIONAL, 0, "CHAPPE", number, 0, b"", b"x", 1, 1, 0)
        self.accepted = Accepted(
            Segment(message_id, -1, "CHAPPE", number, 0, b"", b"x", 0.0, True, 0, m), "1", "1"
        )


def test_memory_and_table_are_bounded_and_the_oldest_go():
    table = Kept()
    writers = LastWriters(table, lambda number: int(number[1:]), most=10)
    for n in range(25):
        writers.answered("sim", True, [Said(n + 1, "shop", f"+{n}").accepted])
    assert len(table.rows) == 10
    assert [n for n in range(25) if writers.account_of("sim", f"+{n}")] == list(range(15, 25))
    assert writers.message_of("shop", "+24") == 25
    assert 10 <= sum(1 for n in range(25) if writers.message_of("shop", f"+{n}")) <= 21
    again = LastWriters(table, lambda number: int(number[1:]), most=10)
    again.load()
    assert again.account_of("sim", "+20") == "shop"
    writers.forget("+24", ["other"])
    assert writers.message_of("shop", "+24") == 25
    writers.forget("+24", ["shop", "other"])
    assert (writers.message_of("shop", "+24"), writers.message_of("shop", "+23")) == (0, 24)
    again.forget("+20", [])
    assert (again.account_of("sim", "+20"), len(table.rows)) == ("", 8)


def test_while_it_is_read_the_table_is_asked_and_what_is_written_now_is_newer(tmp_path):
    table = Kept()
    before = LastWriters(table, lambda number: int(number[1:]), most=10)
    for n in range(1, 7):
        before.answered("sim", True, [Said(n, "shop", f"+{n}").accepted])
    table.sent = lambda: iter([[(6, "shop", "+6"), (5, "shop", "+5")], [(4, "shop", "+6")]])
    writers = LastWriters(table, lambda number: int(number[1:]), most=10)
    writers.reading.begin()
    assert [writers.account_of("sim", f"+{n}") for n in (1, 6, 7)] == ["shop", "shop", ""]
    writers.reading.turn()
    writers.answered("sim", True, [Said(8, "bank", "+1").accepted])
    writers.answered("sim", False, [Said(9, "shop", "+5").accepted])
    writers.reading.finish()
    assert [writers.account_of("sim", f"+{n}") for n in (1, 6)] == ["bank", "shop"]
    assert [writers.message_of("shop", f"+{n}") for n in (5, 6)] == [9, 6]
    for n in range(20, 26):  # the oldest go first, as if all had been read at once
        writers.answered("sim", True, [Said(n, "shop", f"+{n}").accepted])
    assert [n for n in range(1, 7) if writers.account_of("sim", f"+{n}")] == [1, 4, 5, 6]
