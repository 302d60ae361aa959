"""One application's connection: its window, its refusals in words, the rare requests, in and out."""

import asyncio

import pytest
from door import door
from raw_esme import until

from drivers.smpp import codec
from drivers.smpp.build import data_body, header, tlv
from drivers.smpp.pdu import Command, CommandStatus, Tag
from drivers.sms.address import wire_octets
from gateway.accounts import Account
from gateway.lifecycle import State
from gateway.model import Message
from gateway.rules.rule import Action, Verdict

S = CommandStatus
TO = wire_octets("+33612345678")


def ask(esme, command, body, context):
    esme.session.send(command, [body], [context], 0.0)
    esme.transport.flush()


# ── submissions ──────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_over_the_window_is_throttled_and_the_window_comes_free(tmp_path):
    async def story():
        async with door(tmp_path, window=5) as gw:
            esme = await gw.esme()
            esme.submit(8)
            statuses = sorted(status for _, status, _ in await esme.answered(8))
            assert statuses == [0] * 5 + [S.ESME_RTHROTTLED] * 3
            esme.submit(5)
            assert [status for _, status, _ in (await esme.answered(13))[8:]] == [0] * 5
            assert len(gw.a.seen) == gw.bind.submitted == 10

    asyncio.run(story())


def test_the_refused_of_a_chunk_do_not_hold_up_the_others(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme()
            bodies = [
                codec.sm_body(wire_octets("36180"), to, b"hello", service_type=kind)
                for to, kind in ((TO, b""), (b"\1\112\0", b""), (TO, b"WAP"), (TO, b"OTP"))
            ]
            esme.session.send(Command.SUBMIT_SM, bodies, range(4), 0.0)
            esme.transport.flush()
            found = {n: status for n, status, _ in await esme.answered(4)}
            assert found == {0: 0, 1: S.ESME_RINVDSTADR, 2: S.ESME_RINVSERTYP, 3: 0}
            assert len(gw.a.seen) == 2

    asyncio.run(story())


def test_nothing_is_answered_before_it_is_on_disk(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme()
            on_disk = []
            taken = esme.received

            def received(transport, received):
                on_disk.append(gw.store.read("SELECT count(*) FROM message"))
                taken(transport, received)

            esme.received = received
            esme.submit(3)
            await esme.answered(3)
            assert on_disk[0] == [(3,)]

    asyncio.run(story())


def test_an_application_that_leaves_before_its_answer_has_still_submitted(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme()
            esme.submit(2)
            esme.close()
            await until(lambda: gw.account.bound == 0)
            await until(lambda: gw.store.read("SELECT count(*) FROM message") in ([(0,)], [(2,)]))
            assert not list(gw.smpp.binds())

    asyncio.run(story())


# ── refusals in words ────────────────────────────────────────────────────────────────────────────────────
WAP = codec.sm_body(wire_octets("36180"), TO, b"hello", service_type=b"WAP")
DATA_WAP = data_body(wire_octets("36180"), TO, b"WAP", tlvs=tlv(Tag.MESSAGE_PAYLOAD, b"hello"))


@pytest.mark.parametrize(
    ("tlvs", "version", "command", "told"),
    [
        ("auto", 0x33, Command.SUBMIT_SM, False),
        ("auto", 0x34, Command.SUBMIT_SM, False),
        ("auto", 0x50, Command.SUBMIT_SM, True),
        ("auto", 0x33, Command.DATA_SM, False),
        ("auto", 0x34, Command.DATA_SM, True),
        ("always", 0x33, Command.SUBMIT_SM, False),
        ("always", 0x34, Command.SUBMIT_SM, True),
        ("never", 0x34, Command.DATA_SM, False),
        ("never", 0x50, Command.SUBMIT_SM, False),
    ],
)
def test_who_is_told_why_in_words(tmp_path, tlvs, version, command, told):
    async def story():
        async with door(tmp_path, response_tlvs=tlvs) as gw:
            esme = await gw.esme(version=version)
            ask(esme, command, WAP if command == Command.SUBMIT_SM else DATA_WAP, 0)
            ((_, status, _),) = await esme.answered(1)
            response = esme.responses[0]
            assert status == S.ESME_RINVSERTYP
            if told:
                text = response.tlvs[Tag.ADDITIONAL_STATUS_INFO_TEXT]
                assert text == b"service_type WAP: use OTP, ALERT, TRANS, PROMO, CMT or nothing\0"
                assert response.message_id == b""
            else:
                assert response.body == b""

    asyncio.run(story())


@pytest.mark.parametrize(("version", "told"), [(0x50, True), (0x34, False)])
def test_what_a_text_costs_is_said_with_its_id(tmp_path, version, told):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme(version=version)
            text = "L\u2019eau " * 12
            body = codec.sm_body(wire_octets("36180"), TO, text.encode("utf-16-be"), data_coding=8)
            ask(esme, Command.SUBMIT_SM, body, 0)
            ((_, status, message_id),) = await esme.answered(1)
            assert (status, gw.row(int(message_id), "parts")) == (0, (2,))
            words = esme.responses[0].tlvs.get(Tag.ADDITIONAL_STATUS_INFO_TEXT)
            expected = b"2 segments of ucs2 because of U+2019; smart_encoding would make it 1\0"
            assert words == (expected if told else None)

    asyncio.run(story())


class Tomorrow:
    """Everything goes a day later."""

    name, recheck = "tomorrow", False

    def judge(self, message: Message, account: Account, now_ms: int) -> Verdict:
        return Verdict("tomorrow", Action.POSTPONE, "not today", until=now_ms + 86_400_000)


@pytest.mark.parametrize(("version", "told"), [(0x50, True), (0x34, False)])
def test_until_when_a_message_is_deferred(tmp_path, version, told):
    async def story():
        async with door(tmp_path, rules=(Tomorrow(),)) as gw:
            esme = await gw.esme(version=version)
            esme.submit()
            ((_, status, message_id),) = await esme.answered(1)
            assert (status, gw.state(int(message_id))) == (0, State.SCHEDULED)
            until_when = esme.responses[0].tlvs.get(Tag.DEFERRED_UNTIL)
            expected = gw.smpp.rfc3339(gw.clock.wall_ms() + 86_400_000).encode()
            assert until_when == (expected if told else None)

    asyncio.run(story())


# ── the rare requests ────────────────────────────────────────────────────────────────────────────────────
def test_rare_requests_are_answered_in_their_order(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme()
            m = gw.sms(due=gw.clock.wall_ms() + 60_000)
            await gw.submit(m)
            name = b"%d\0" % m.id
            source = wire_octets("36180")
            bodies = {
                Command.QUERY_SM: name + source,
                Command.CANCEL_SM: b"\0" + name + source + TO,
                Command.REPLACE_SM: name + source + b"\0\0\1\0\3new",
            }
            for command, body in bodies.items():
                ask(esme, command, body, command)
            assert [(command, status) for command, status, _ in await esme.answered(3)] == [
                (Command.QUERY_SM, 0), (Command.CANCEL_SM, 0), (Command.REPLACE_SM, S.ESME_RREPLACEFAIL),
            ]  # fmt: skip
            assert gw.state(m) is State.DELETED

    asyncio.run(story())


def test_rare_requests_count_in_the_window_too(tmp_path):
    """A submit_multi is one request for up to 254 recipients: unbounded, it would be the way around every limit."""

    async def story():
        async with door(tmp_path, window=5) as gw:
            esme = await gw.esme()
            numbers = b"".join(b"\1" + wire_octets(to) for to in ("+33612345678", "+33612345679"))
            body = b"\0" + wire_octets("36180") + b"\2" + numbers + bytes(3) + b"\0\0\1\0\0\0\5hello"
            esme.session.send(Command.SUBMIT_MULTI, [body] * 8, range(8), 0.0)
            esme.transport.flush()
            assert (
                sorted(status for _, status, _ in await esme.answered(8)) == [0] * 5 + [S.ESME_RTHROTTLED] * 3
            )
            assert len(gw.a.seen) == 10
            query = b"1\0" + wire_octets("36180")
            esme.session.send(Command.QUERY_SM, [query] * 3, range(8, 11), 0.0)
            esme.submit(3)
            statuses = sorted(status for _, status, _ in (await esme.answered(14))[8:])
            assert statuses == [0] * 2 + [S.ESME_RTHROTTLED] + [S.ESME_RQUERYFAIL] * 3

    asyncio.run(story())


@pytest.mark.parametrize(
    ("command", "body"),
    [(0x111, b"\0"), (0x112, b"\0"), (0x113, b"\0"), (0x00010299, b"")],
    ids=["broadcast_sm", "query_broadcast_sm", "cancel_broadcast_sm", "a vendor's"],
)
def test_commands_that_are_not_served_are_nacked_and_the_bind_stays(tmp_path, command, body):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme(version=0x50)
            ask(esme, command, body, 0)
            assert await esme.answered(1) == [(0, S.ESME_RINVCMDID, None)]
            esme.submit()
            assert (await esme.answered(2))[1][1] == 0

    asyncio.run(story())


# ── in and out ───────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("version", "shown"), [(0x33, {}), (0x34, {Tag.SC_INTERFACE_VERSION: b"\x34"})])
def test_the_bind_s_answer(tmp_path, version, shown):
    async def story():
        async with door(tmp_path, listener={"system_id": "Chappe"}) as gw:
            reader, writer = await asyncio.open_connection("127.0.0.1", gw.smpp.port)
            body = codec.bind_body(b"shop", b"secret", b"", version)
            writer.write(header(16 + len(body), Command.BIND_TRANSCEIVER, 0, 1) + body)
            raw = await reader.read(1000)
            ((found,), _) = codec.decode(raw)
            assert (found.command_status, found.message_id, found.tlvs) == (0, b"Chappe", shown)
            writer.close()

    asyncio.run(story())


def test_a_3_3_peer_gets_our_long_ids_and_no_tlv(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme(version=0x33)
            esme.submit()
            ((_, status, message_id),) = await esme.answered(1)
            assert (status, len(message_id)) == (0, 16)
            gw.a.receipt(gw.a.accept()[0])
            await esme.given(1)
            assert (esme.receipts[0].id, esme.delivered[0].tlvs) == (message_id.decode(), {})

    asyncio.run(story())


def test_binds_are_counted_in_and_out(tmp_path):
    async def story():
        async with door(tmp_path, max_binds=2) as gw:
            one, two, three = [await gw.esme() for _ in range(3)]
            assert [each.session.bind_status for each in (one, two, three)] == [0, 0, S.ESME_RBINDFAIL]
            assert gw.account.bound == 2
            one.close()
            await until(lambda: gw.account.bound == 1)
            assert (await gw.esme()).session.bind_status == 0

    asyncio.run(story())


def test_an_unbind_waits_for_the_answers(tmp_path):
    async def story():
        async with door(tmp_path) as gw:
            esme = await gw.esme()
            esme.submit(20)
            esme.session.unbind(0.0)
            esme.transport.flush()
            await esme.ended()
            assert [status for _, status, _ in esme.answers] == [0] * 20

    asyncio.run(story())
