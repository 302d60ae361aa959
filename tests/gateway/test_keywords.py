"""Keywords: which words of a reply are one, and what they are answered with."""

import asyncio

import pytest
from stopping import sent, shop, stopping

from drivers.sms.udh import concat_header
from gateway.keywords import Keywords
from gateway.model import Kind

TABLE = {"Info": "Boutique Chappe", "INFO LYON": "1 rue du T\u00e9l\u00e9graphe", "Caf\u00e9": "Ouvert"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("INFO", "info"),
        ("info.", "info"),
        ("  \u00abInfo\u00bb svp", "info"),
        ("I N F O", "info"),
        ("Info Lyon!", "info lyon"),
        ("Info lyonnaise", "info"),
        ("cafe", "cafe"),
        ("CAF\u00c9 \u2615", "cafe"),
        ("infos", ""),
        ("une info", ""),
        ("", ""),
        ("...", ""),
    ],
)
def test_a_reply_begins_with_a_keyword(text, word):
    assert Keywords(TABLE).find(text)[0] == word


def test_no_table_no_keyword():
    assert Keywords({}).find("INFO") == ("", "")
    assert Keywords({"a": "b"}).named("x", "a") == ("a", "b")
    assert Keywords({}).named("x") == ("", "")


def informing(**keywords):
    return [shop(keywords=keywords or {"INFO": "Boutique Chappe, {brand}"})]


def test_a_keyword_is_answered_and_the_application_is_told_of_the_reply(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=informing()) as gw:
            sink = gw.bound()
            await gw.a.mo(b"Info, merci !")
            await gw.settled()
            assert sent(gw) == ["Boutique Chappe, Chappe"]
            assert (gw.a.seen[0].source, gw.a.seen[0].destination) == ("36180", "+33612345678")
            assert gw.store.read("SELECT kind, registered FROM message") == [(Kind.TRANSACTIONAL, 0)]
            assert [n.mo.payload for n in sink.notes] == [b"Info, merci !"]
            assert gw.told == []

    asyncio.run(story())


def test_once_a_minute_for_number_and_keyword(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=informing(INFO="one", HORAIRES="two")) as gw:
            for seconds in (0.0, 59.0, 1.0):
                gw.clock.pass_(seconds)
                await gw.a.mo(b"INFO")
                await gw.a.mo(b"Horaires")
            await gw.a.mo(b"INFO", source="+33600000001")
            await gw.settled()
            assert sorted(sent(gw)) == ["one", "one", "one", "two", "two"]

    asyncio.run(story())


def test_two_machines_do_not_write_to_each_other_for_ever(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=informing()) as gw:
            for _ in range(60):
                gw.clock.pass_(61.0)
                await gw.a.mo(b"INFO")
                await gw.settled()
            assert len(sent(gw)) == 20
            await gw.a.mo(b"INFO", source="38000")  # a short code is a machine from the first
            gw.clock.pass_(86_400.0)
            await gw.a.mo(b"INFO")
            await gw.settled()
            assert len(sent(gw)) == 21

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (b"STOP info", "Chappe: votre demande"),
        (b"info stop", "Chappe: votre demande"),
        (b"CONTACT", "Qui"),
        (b"AIDE", "A l'aide"),
        (b"help", "A l'aide"),
        (b"INFOS", "A l'aide"),
        (b"INFO", "Boutique"),
    ],
)
def test_stop_first_then_contact_then_keywords(tmp_path, text, answer):
    keywords = {"INFO": "Boutique", "AIDE": "A l'aide", "CONTACT": "Qui"}

    async def story():
        async with stopping(tmp_path, accounts=[shop(keywords=keywords)]) as gw:
            await gw.a.mo(text)
            await gw.settled()
            (said,) = sent(gw)
            assert said.startswith(answer)

    asyncio.run(story())


def test_a_word_for_help_without_a_keyword_is_told_who_writes(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=[shop()]) as gw:
            await gw.a.mo(b"AIDE")
            await gw.a.mo(b"Bonjour")
            await gw.settled()
            assert sent(gw) == ["Edite par Chappe."]

    asyncio.run(story())


def test_only_whole_replies_have_keywords(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=informing()) as gw:
            await gw.a.mo(b"INFO sur ", udh=concat_header(7, 2, 1))
            await gw.settled()
            assert sent(gw) == []
            await gw.a.mo(b"vos horaires", udh=concat_header(7, 2, 2))
            await gw.settled()
            assert len(sent(gw)) == 1

    asyncio.run(story())


def test_keywords_work_without_the_rule_stop_and_change_with_a_reload(tmp_path):
    async def story():
        async with stopping(tmp_path, accounts=informing()) as gw:
            gw.stops._law = None
            await gw.a.mo(b"STOP")
            await gw.a.mo(b"AIDE")
            await gw.a.mo(b"INFO")
            gw.shop.keywords = {"PRIX": "3 euros"}
            await gw.a.mo(b"prix")
            await gw.a.mo(b"INFO", source="+33600000001")
            await gw.settled()
            assert sent(gw) == ["Boutique Chappe, Chappe", "3 euros"]

    asyncio.run(story())
