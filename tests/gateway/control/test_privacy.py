"""What is kept about a number is told whole, and erased so that not an octet of it is left in the files."""

import json
import random

import pytest
from running_gateway import CONFIG, Running

from drivers.bearer import Inbound, MessageState, Receipt
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier
from drivers.sms.udh import concat_header
from gateway.listeners.delivery import Deliveries
from gateway.stores import person

NUMBER, OTHER = "+33612345678", "+33600000002"
DIGITS = NUMBER.removeprefix("+")
RULES = CONFIG.replace('["sender"]', '["sender", "stop", "consent", "frequency", "quota"]').replace(
    "[accounts.shop]",
    '[accounts.shop]\nmo = ["36180"]\nstop_number = "36180"\nquota = {{ segments_per_day = 1000 }}',
)


@pytest.fixture
def gateway(tmp_path):
    with Running(tmp_path, SimulatedCarrier(Behaviour()), RULES) as running:
        running.bound()
        yield running


def reply(gateway, text, source=NUMBER, udh=b""):
    mo = Inbound(source, "36180", 0, udh, text.encode(), 0.0, b"", False)

    async def heard():
        await gateway.app.mo.handle("orange", [mo])

    gateway.run(heard())


def orphan(gateway, recipient, raw=b"raw"):
    receipt = Receipt("4711", ["4711"], MessageState.DELIVERED, True, recipient, "000", 0.0, raw)

    async def heard():
        await gateway.app.receipts.handle("spare", [receipt])

    gateway.run(heard())


def delivered(gateway, *ids):
    wanted = [int(i) for i in ids]
    gateway.until(lambda: all(s == 2 for s in gateway.app.store.states(wanted).values()))


def a_life(gateway):
    """All that can be known of a number; and of another one beside it. Gives the ids of their messages."""
    mine = [
        gateway.submit(NUMBER, "Votre colis Zanzibar", reference="order-Timbuktu", tag="march", user_reference=7,
                       echo=DIGITS.encode()),
        gateway.submit(NUMBER, "Soldes Zanzibar", "marketing", consent="form-Timbuktu"),
        gateway.submit(NUMBER, "Zanzibar " * 30),
        gateway.submit(NUMBER, "part", group=f"36180 {NUMBER} 7 2"),
    ]  # fmt: skip
    theirs = gateway.submit(OTHER, "Votre colis", reference="order-2")
    delivered(gateway, *mine, theirs)
    reply(gateway, "Merci Zanzibar")
    reply(gateway, "Merci", OTHER)
    reply(gateway, "Zanzibar un", udh=concat_header(9, 2, 1))
    orphan(gateway, NUMBER, f"id:4711 {DIGITS}".encode())
    orphan(gateway, "0612345678")
    orphan(gateway, "+34912345678")  # ends alike, somebody else
    gateway.ask("consents.add", number=NUMBER, scope="account:shop", reference="form-Timbuktu",
                source="till", text="Oui a Zanzibar")  # fmt: skip
    reply(gateway, "STOP Zanzibar")
    confirmed = "SELECT count(*) FROM message WHERE destination=? AND state=2"
    gateway.until(lambda: gateway.app.store.read(confirmed, (NUMBER,)) == [(5,)])
    gateway.ask("suppressed.add", number=NUMBER, reason="letters")
    gateway.ask("link", name="spare", act="disable", reason=f"asked by {NUMBER}")
    return mine, theirs


ERASED = """
    message.destination message.payload message.echo message.reference message.consent message.grp message.reason
    mo.source mo.payload mo_part.source mo_part.payload mo_part.udh orphan.recipient orphan.raw orphan.carrier_id
    orphan.code reference_0.ref reference_1.ref optout.number optout_act.number optout_act.raw suppressed.number
    suppressed.reason suppressed.code suppressed.source consent.number consent.reference consent_act.number
    consent_act.reference consent_act.text auto_reply.source auto_reply.destination auto_reply.payload
"""
STAYS = {
    "message.source, mo.destination, mo_part.destination": "our own addresses",
    "message.udh, mo.udh": "how a text is cut",
    "message.tag, backlog.tag": "the campaign's name, by which reports are split",
    "message.carrier_id, attempt.carrier_id": "the carrier's name for it, by which a late receipt finds its message",
    "message.error, attempt.error, outbox.error": "a number of a network's",
    "optout.source, optout_act.act, optout_act.source": "where an objection came in, or who entered it",
    "optout.evidence, optout_act.evidence": "the rule that read it, or the operator's proof, under which it protects",
    "consent.source, consent_act.act, consent_act.source, consent_act.who": "why it was withdrawn, and who did it",
    "name.text": "accounts, bearers, routes, scopes",
    "audit.who, audit.verb, audit.detail": "append only; numbers are masked in it, and what operators write is counted",
    "driver_state.bearer, driver_state.key, driver_state.value": "a driver's own: digests, quotas of SIMs",
    "meta.key, meta.value": "marks of the store's own",
}


def test_every_column_that_could_name_somebody_has_been_thought_of(gateway):
    """A new one belongs into stores/person.py, or here with the reason why it may stay."""
    columns = gateway.app.store.read(
        "SELECT t.name || '.' || c.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c"
        " WHERE t.type='table' AND t.schema='main' AND t.name NOT LIKE 'sqlite_%' AND c.type IN ('TEXT', 'BLOB', 'ANY')"
    )
    stays = {name for names in STAYS for name in names.split(", ")}
    erased = set(ERASED.split())
    assert not stays & erased
    assert {name for (name,) in columns} == stays | erased


def scrubbed(gateway):
    """As the sweeper does: until the write-ahead log is empty."""
    for _ in range(50):
        gateway.run(gateway.app.store.scrub())
        if not gateway.app.store.wiped:
            return
    raise AssertionError("a reader is always in the way")


def octets(gateway):
    """Everything on disk, as it lies there."""
    folder = gateway.app.store.path.parent
    return b"".join(path.read_bytes() for path in sorted(folder.glob("chappe.db*")))


def test_everything_is_told_and_nobody_elses(gateway):
    mine, theirs = a_life(gateway)
    told = gateway.ask("privacy.export", number="+33 6 12 34 56 78")
    by_id = {message["id"]: message for message in told["messages"]}
    assert set(mine) <= set(by_id) and theirs not in by_id
    assert by_id[mine[0]]["text"] == "Votre colis Zanzibar"
    assert (by_id[mine[0]]["reference"], by_id[mine[0]]["tag"]) == ("order-Timbuktu", "march")
    assert (by_id[mine[0]]["state"], by_id[mine[0]]["bearer"]) == ("delivered", "orange")
    assert by_id[mine[1]]["consent"] == "form-Timbuktu"
    assert [part["state"] for part in by_id[mine[2]]["parts"]] == ["delivered"] * 2
    assert [each["text"] for each in told["replies"]] == ["Merci Zanzibar", "STOP Zanzibar"]
    assert [each["text"] for each in told["unfinished_replies"]] == ["Zanzibar un"]
    assert len(told["unmatched_receipts"]) == 2
    assert [(act["act"], act["text"]) for act in told["optouts"]] == [("stop", "STOP Zanzibar")]
    assert [(act["reference"], act["text"]) for act in told["consents"]] == [
        ("form-Timbuktu", "Oui a Zanzibar")
    ]
    assert [each["reason"] for each in told["suppressed"]] == ["letters"]
    assert OTHER not in json.dumps(told)
    _, verb, detail = gateway.audit()[-1]
    assert verb == "privacy export" and told["key"][:8] in detail and DIGITS not in detail
    again = gateway.ask("privacy.export", number=NUMBER)
    assert "privacy export" in [act["verb"] for act in again["audit"]]


def test_nothing_is_left_in_any_file_and_what_counts_is_as_before(gateway):
    mine, theirs = a_life(gateway)
    before = gateway.ask("report"), gateway.ask("optouts")["counts"]
    usage = gateway.app.counters.usage["shop"].day
    assert DIGITS.encode() in octets(gateway)
    refused = gateway.refused("privacy.erase", number=NUMBER)
    assert "--also-waiting" in str(refused) and "1 parts" in str(refused) and "not fetched" in str(refused)
    assert DIGITS.encode() in octets(gateway)

    erased = gateway.ask("privacy.erase", number=NUMBER, also_waiting=True)
    assert erased["messages"] >= 4 and erased["replies"] == 2 and erased["unfinished_replies"] == 1
    assert (erased["unmatched_receipts"], erased["optout_acts"], erased["consent_acts"]) == (2, 1, 1)
    assert (erased["suppressed"], erased["ended"], erased["audit_mentions"]) == (1, 0, 1)
    scrubbed(gateway)
    left = octets(gateway)
    assert b"Zanzibar" not in left and b"Timbuktu" not in left
    assert left.count(DIGITS.encode()) == 1, "an operator's own words in the audit log"
    assert b"0612345678" not in left
    assert OTHER.encode() in left and b"order-2" in left and b"34912345678" in left

    after = gateway.ask("report"), gateway.ask("optouts")["counts"]
    for report in (before[0], after[0]):
        del report["until"], report["since"]
    assert after == before
    assert gateway.app.counters.usage["shop"].day == usage
    counted = type(gateway.app.counters)()
    gateway.call(counted.load, gateway.app.config, gateway.app.store, gateway.app.clock.wall_ms())
    assert counted.usage["shop"].day == usage  # as the next process will count
    assert gateway.ask("trace", id=mine[0])["state"] == "delivered"
    assert gateway.ask("privacy.export", number=OTHER)["messages"][0]["id"] == theirs


def test_an_objection_and_a_withdrawn_consent_go_on_protecting(gateway, tmp_path):
    a_life(gateway)
    gateway.ask("privacy.erase", number=NUMBER, also_waiting=True)
    verdict = gateway.ask("explain", to=NUMBER, kind="marketing")["rules"]["verdict"]
    assert (verdict["rule"], verdict["status"]) == ("stop", "0x0401")
    (shown,) = gateway.ask("optouts", number=NUMBER)["optouts"]
    assert (shown["number"], shown["state"]) == (None, "opted out")
    (consent,) = gateway.ask("consents", number=NUMBER)["consents"]
    assert (consent["number"], consent["state"], consent["reference"]) == (None, "revoked", None)
    assert [act["act"] for act in gateway.ask("consents", number=NUMBER)["story"]] == ["add", "erase"]
    assert gateway.ask("suppressed", number=NUMBER)["suppressed"] == []


def test_a_part_that_comes_later_finds_nobody(gateway):
    reply(gateway, "Zanzibar un", udh=concat_header(9, 2, 1))
    gateway.ask("privacy.erase", number=NUMBER, also_waiting=True)
    reply(gateway, " et deux", udh=concat_header(9, 2, 2))
    assert gateway.app.store.read("SELECT count(*) FROM mo") == [(0,)]
    assert gateway.app.store.read("SELECT payload FROM mo_part") == [(b" et deux",)]


def test_a_second_time_finds_nothing(gateway):
    a_life(gateway)
    first = gateway.ask("privacy.erase", number=NUMBER, also_waiting=True)
    again = gateway.ask("privacy.erase", number=NUMBER)
    assert again == dict.fromkeys(first, 0) | {"key": first["key"], "audit_mentions": 1}
    assert gateway.audit()[-1][1:] == ("privacy erase", f"{first['key']}: nothing was kept")
    assert gateway.ask("privacy.export", number=NUMBER)["messages"] == []


def test_what_waits_is_ended_only_when_asked_and_its_application_is_told(tmp_path):
    with Running(tmp_path, config=RULES) as gateway:
        waits = [gateway.submit(NUMBER), gateway.submit(NUMBER, due=gateway.app.clock.wall_ms() + 60_000)]
        refused = gateway.refused("privacy.erase", number=NUMBER)
        assert "2 messages to it wait" in str(refused) and refused.code == 1
        assert gateway.ask("trace", id=waits[0])["state"] == "queued"
        erased = gateway.ask("privacy.erase", number=NUMBER, also_waiting=True)
        assert (erased["messages"], erased["ended"]) == (2, 2)
        for message_id in waits:
            assert gateway.ask("trace", id=message_id)["state"] == "deleted"
        assert gateway.app.store.read("SELECT count(*) FROM backlog") == [(0,)]
        notes = gateway.call(gateway.app.store.owed, "shop", 0, 9)
        assert [(note.message.destination, note.message.payload) for note in notes] == [("", b"")] * 2
        bodies = [Deliveries(gateway.app.accounts.get("shop"), True, 0x34).bodies(note) for note in notes]
        assert all(str(i).encode() in body[0] for i, body in zip(waits, bodies, strict=True))


def test_what_is_on_the_wire_cannot_be_erased(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.control.privacy.PATIENCE", 0.2)
    with Running(tmp_path, SimulatedCarrier(Behaviour(latency=60.0)), RULES) as gateway:
        gateway.bound()
        flies = gateway.submit(NUMBER)
        gateway.until(lambda: gateway.app.store.states([int(flies)])[int(flies)] == 12)
        refused = gateway.refused("privacy.erase", number=NUMBER, also_waiting=True)
        assert "1 messages are on the wire" in str(refused) and "nothing was erased" in str(refused)
        assert gateway.app.store.read("SELECT destination FROM message") == [(NUMBER,)]


def test_a_late_receipt_still_finds_its_message_and_teaches_no_number(tmp_path):
    with Running(tmp_path, SimulatedCarrier(Behaviour(receipt_delay=60.0)), RULES) as gateway:
        gateway.bound()
        sent = int(gateway.submit(NUMBER))
        gateway.until(lambda: gateway.app.store.states([sent])[sent] == 1)
        gateway.ask("privacy.erase", number=NUMBER)
        ((carrier_id,),) = gateway.app.store.read("SELECT carrier_id FROM message")
        receipt = Receipt(
            carrier_id, [carrier_id], MessageState.UNDELIVERABLE, True, NUMBER, "3/1", 0.0, b"raw"
        )

        async def late():
            await gateway.app.receipts.handle("orange", [receipt])

        gateway.run(late())
        assert gateway.app.store.states([sent])[sent] == 5
        assert gateway.app.store.read("SELECT count(*) FROM orphan") == [(0,)]
        assert gateway.app.store.read("SELECT count(*) FROM suppressed") == [(0,)]


@pytest.mark.parametrize("verb", ["privacy.export", "privacy.erase"])
@pytest.mark.parametrize("number", ["", "36180", "0612345678", "STOP"])
def test_a_number_is_wanted(gateway, verb, number):
    assert gateway.refused(verb, number=number).code == 2
    assert gateway.audit() == []


def test_slices_adapt_and_miss_nothing(gateway, monkeypatch):
    """Every message is looked at, whatever the sizes of the slices."""
    monkeypatch.setattr(person, "FIRST_SLICE", 3)
    draw = random.Random(5)
    numbers = [draw.choice((NUMBER, OTHER)) for _ in range(60)]
    ids = [gateway.submit(number) for number in numbers]
    wanted = [i for i, number in zip(ids, numbers, strict=True) if number == NUMBER]
    told = gateway.ask("privacy.export", number=NUMBER)
    assert [message["id"] for message in told["messages"]] == wanted


class Hesitant:
    """A receiver that takes nothing yet: what it is owed stands in memory."""

    def __init__(self):
        self.free, self.given = 0, []

    def room(self):
        return self.free

    def deliver(self, notes):
        self.given += notes


def test_what_stands_in_memory_for_an_application_is_erased_too(gateway):
    outbox, sink = gateway.app.outbox, Hesitant()
    gateway.call(outbox.attach, "shop", sink)
    message_id = gateway.submit(NUMBER, "Votre colis Zanzibar", registered=1)
    delivered(gateway, message_id)
    reply(gateway, "Bonjour Zanzibar")
    reply(gateway, "Bonjour", source=OTHER)
    gateway.until(lambda: outbox.counts()["shop"][0] == 3)
    gateway.ask("privacy.erase", number=NUMBER, also_waiting=True)
    sink.free = 9
    gateway.call(outbox.pump, "shop")
    told = Deliveries(gateway.app.accounts.get("shop"), True, 0x34)
    bodies = [told.bodies(note) for note in sink.given]
    assert [len(each) for each in bodies] == [1, 0, 1], (
        "its receipt, nothing for its reply, the other's reply"
    )
    whole = b"".join(body for each in bodies for body in each)
    assert str(message_id).encode() in whole
    assert OTHER.removeprefix("+").encode() in whole
    assert DIGITS.encode() not in whole
    assert b"Zanzibar" not in whole
    assert b"Votre colis" not in whole
