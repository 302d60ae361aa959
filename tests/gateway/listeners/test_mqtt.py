"""What MQTT may ask, without a broker: who is refused, what a command does, when a text is answered."""

import asyncio
import json

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import run
from mqtting import GATEWAY, PREFIX, check, started, until
from records import Instead

from gateway.config.policy import MqttSettings
from gateway.listeners import mqtt
from gateway.listeners.mqtt import MqttListener, command_of, who_of
from gateway.listeners.texts import Refused
from gateway.topics import Arrived, Tree
from gateway.watchers import repeats

TREE = Tree("chappe/v1", "lab", "lyon-1")
ALL = ("link.enable", "link.disable", "link.reset", "queue.hold", "queue.release", "reload", "drain")
TEXT = {"to": "+33612345678", "text": "Bonjour"}


class Asked:
    """A listener on a gateway, and what it answered."""

    def __init__(self, app, commands=ALL, submit=("shop",)):
        self.app = app
        self.said = []
        self.listener = MqttListener(
            app, MqttSettings(commands=commands, submit=submit), TREE, self.said.append
        )

    def take(self, topic, payload=b"{}", **fields):
        octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.listener.take(Arrived(f"{PREFIX}/{topic}", octets, **fields))

    async def answer(self, topic, payload=b"{}", **fields):
        before = len(self.said)
        self.take(topic, payload, **fields)
        await until(lambda: len(self.said) > before)
        return self.view(-1)

    def view(self, index):
        view = json.loads(self.said[index].payload)
        if self.said[index].topic.startswith(PREFIX):
            check(self.said[index].topic, view)
        return view

    async def audit(self):
        return await self.app.store.query("SELECT who, verb, detail FROM audit ORDER BY id")


def asking(tmp_path, story, **allowed):
    async def main():
        async with started(tmp_path, GATEWAY) as app:
            asked = Asked(app, **allowed)
            await asked.listener.start()
            await until(lambda: app.dispatcher.roads["sim"].open)
            try:
                await story(asked, app)
            finally:
                await asked.listener.stop()

    run(main())


def test_nothing_is_heard_unless_it_is_named(tmp_path):
    async def story(asked, app):
        assert asked.listener.filters == ()
        asked.take("cmd/drain", {"confirm": "lyon-1"})
        asked.take("submit/shop", TEXT)
        assert [asked.view(i)["error"] for i in (0, 1)] == ["not_allowed", "not_allowed"]
        await asyncio.sleep(0.05)
        assert (app.drained, app.queue.count) == ("", 0)

    asking(tmp_path, story, commands=(), submit=())


def test_an_allow_list_is_one(tmp_path):
    async def story(asked, app):
        assert asked.listener.filters == (f"{PREFIX}/cmd/+", f"{PREFIX}/submit/+")
        refused = await asked.answer("cmd/drain", {"confirm": "lyon-1"})
        assert (refused["status"], refused["error"]) == ("refused", "not_allowed")
        assert (await asked.answer("submit/oncall", TEXT))["error"] == "not_allowed"
        assert (await asked.answer("cmd/link.reset", {"name": "sim"}))["status"] == "done"

    asking(tmp_path, story, commands=("link.reset",))


def test_a_command_is_an_operator_s_act_with_its_line_in_the_audit_log(tmp_path):
    async def story(asked, app):
        done = await asked.answer(
            "cmd/link.disable", {"name": "sim", "reason": "maintenance", "confirm": "lyon-1"}
        )
        assert (done["verb"], done["status"], done["result"]["bearer"]) == ("link.disable", "done", "sim")
        assert app.dispatcher.roads["sim"].disabled == "mqtt: maintenance"
        assert (await asked.answer("cmd/link.enable", {"name": "sim"}, who="ana"))["status"] == "done"
        assert not app.dispatcher.roads["sim"].disabled
        assert (await asked.answer("cmd/queue.hold", {"tag": "promo"}))["result"]["hold"] == "tag promo"
        assert (await asked.answer("cmd/queue.release", {"tag": "promo"}))["result"][
            "released"
        ] == "tag promo"
        assert (await asked.answer("cmd/reload", b""))["result"] == []
        await asked.answer("cmd/drain", {"confirm": "lyon-1"})
        assert app.drained == "drained by mqtt"
        await asked.answer("cmd/drain", {"off": True})
        assert app.drained == ""
        assert await asked.audit() == [
            ("mqtt", "link disable", "sim maintenance"), ("mqtt, who says 'ana'", "link enable", "sim"),
            ("mqtt", "hold", "tag promo"), ("mqtt", "release", "tag promo"), ("mqtt", "reload", "no change"),
            ("mqtt", "drain", ""), ("mqtt", "drain off", ""),
        ]  # fmt: skip

    asking(tmp_path, story)


@pytest.mark.parametrize(
    ("verb", "payload", "words"),
    [
        ("drain", {}, 'needs "confirm"'), ("drain", {"confirm": "lyon-2"}, 'needs "confirm"'),
        ("link.disable", {"name": "sim"}, 'needs "confirm"'), ("link.reset", {"name": "nobody"}, "no bearer 'nobody'"),
        ("link.reset", {"nam": "sim"}, "unknown key 'nam'"), ("link.reset", b"[1]", "must be a JSON object"),
        ("link.reset", b"{'name': 'sim'}", "is no JSON"), ("link.reset", {"name": 7}, "name must be a text"),
        ("queue.hold", {}, "say what to hold: ids, or tag, account"), ("link.reset", b"", 'needs "name"'),
        ("queue.release", {"tag": "none"}, "there is no hold"),
        ("queue.hold", {"ids": ["x"]}, "is no message id"), ("queue.hold", b'{"tag":"a","tag":"b"}', "twice"),
        ("reload", {"file": "/etc/passwd"}, "unknown key 'file'"), ("link.reset", b"\xff\xfe", "is no JSON"),
        ("link.reset", b"[" * 30_000, "too deep"), ("link.reset", b'{"name": NaN}', "no number"),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_done_says_why(tmp_path, verb, payload, words):
    async def story(asked, app):
        refused = await asked.answer(f"cmd/{verb}", payload)
        assert (refused["status"], refused["error"]) == ("refused", "refused")
        assert words in refused["detail"]
        assert await asked.audit() == []

    asking(tmp_path, story)


def test_a_text_is_answered_once_it_is_on_disk(tmp_path):
    async def story(asked, app):
        view = await asked.answer("submit/shop", {**TEXT, "reference": "r-1"})
        assert (view["status"], view["reference"]) == ("accepted", "r-1")
        ((account, to),) = await app.store.query(
            "SELECT n.text, m.destination FROM message m JOIN name n ON n.id=m.account WHERE m.id=?",
            (int(view["id"]),),
        )
        assert (account, to) == ("shop", "+33612345678")
        again = await asked.answer("submit/shop", {**TEXT, "reference": "r-1"})
        assert again["id"] == view["id"]
        other = await asked.answer("submit/shop", {"to": "+33612345679", "text": "x", "reference": "r-1"})
        assert (other["error"], other["code"]) == ("reference_reused", "0x0408")
        assert b"3361234" not in b"".join(reply.payload for reply in asked.said)

    asking(tmp_path, story)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"to": "+33612345678"}, "bad_text"), ({"text": "x"}, "bad_recipient"), ({**TEXT, "to": "0612345678"}, "bad_recipient"),
        ({**TEXT, "kind": "spam"}, "bad_kind"), ({**TEXT, "from": "somebody else"}, "bad_sender"),
        ({**TEXT, "from": "BANK"}, "bad_sender"), ({**TEXT, "validity": -1}, "bad_validity"),
        ({**TEXT, "tag": "x" * 65}, "bad_request"), ({**TEXT, "colour": "red"}, "bad_request"), (b"", "bad_request"),
        (b"null", "bad_request"), (b"Bonjour", "bad_request"), (b'{"to":"+33612345678","text":"' + b"a" * 40_000 + b'"}', "too_large"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_taken(tmp_path, payload, error):
    async def story(asked, app):
        view = await asked.answer("submit/shop", payload)
        assert (view["status"], view["error"]) == ("refused", error)
        assert b"BANK" not in asked.said[0].payload
        assert app.queue.count == 0

    asking(tmp_path, story)


def test_many_texts_are_one_batch_for_each_account(tmp_path):
    async def story(asked, app):
        batches = []
        submit = app.intake.submit

        def noted(account, messages):
            batches.append(len(messages))
            return submit(account, messages)

        app.intake = Instead(app.intake, submit=noted)
        for number in range(250):
            asked.take("submit/shop", {**TEXT, "reference": f"r-{number}"})
        await until(lambda: len(asked.said) == 250)
        assert batches == [100, 100, 50]
        views = [asked.view(i) for i in range(250)]
        assert [view["reference"] for view in views] == [f"r-{i}" for i in range(250)]
        assert len({view["id"] for view in views}) == 250

    asking(tmp_path, story)


def test_who_asks_faster_than_we_work_is_told(tmp_path, monkeypatch):
    async def story(asked, app):
        for _ in range(mqtt.ROOM + 5):
            asked.take("submit/shop", TEXT)
        assert [json.loads(reply.payload)["error"] for reply in asked.said] == ["busy"] * 5

    monkeypatch.setattr(mqtt, "ROOM", 20)
    asking(tmp_path, story)


def test_what_the_broker_kept_is_never_obeyed(tmp_path):
    async def story(asked, app):
        asked.take("cmd/drain", {"confirm": "lyon-1"}, retain=True)
        asked.take("submit/shop", TEXT, retain=True)
        await asyncio.sleep(0.05)
        assert (asked.said, app.drained, app.queue.count) == ([], "", 0)

    asking(tmp_path, story)


def test_a_reply_goes_where_its_sender_wants_it_but_never_into_our_tree(tmp_path):
    async def story(asked, app):
        await asked.answer("cmd/link.reset", {"name": "sim"}, answer_to="ops/7", correlation=b"\1\2")
        assert (asked.said[-1].topic, asked.said[-1].correlation) == ("ops/7", b"\1\2")
        for hostile in (
            f"{PREFIX}/status",
            f"{PREFIX}/cmd/drain",
            "chappe/v1/lab/lyon-2/cmd/drain",
            "#",
            "$SYS/a",
        ):
            asked.said.clear()
            await asked.answer("cmd/link.reset", {"name": "sim"}, answer_to=hostile)
            assert asked.said[-1].topic == f"{PREFIX}/cmd/link.reset/reply"

    asking(tmp_path, story)


def test_an_account_that_a_reload_took_away(tmp_path):
    async def story(asked, app):
        app.accounts.apply({})
        assert (await asked.answer("submit/shop", TEXT))["error"] == "not_allowed"

    asking(tmp_path, story)


def test_a_store_that_cannot_write_refuses(tmp_path):
    async def story(asked, app):
        app.drained = "drained by somebody"
        assert (await asked.answer("submit/shop", TEXT))["error"] == "try_again"

    asking(tmp_path, story)


def test_who_a_client_says_it_is_cannot_forge_a_line():
    assert who_of(Arrived("t", b"")) == "mqtt"
    assert (
        who_of(Arrived("t", b"", who="a\nroot (uid 0)" + "x" * 100))
        == f"mqtt, who says {'aroot (uid 0)' + 'x' * 51!r}"
    )


@given(
    st.sampled_from(ALL),
    st.binary(max_size=200)
    | st.text(st.characters(), max_size=200).map(lambda t: t.encode("utf-8", "replace")),
)
def test_whatever_a_command_s_payload_is(verb, payload):
    try:
        act, args = command_of(verb, payload, "lyon-1")
    except Refused as refused:
        assert refused.text
    else:
        assert act in mqtt.ACTS
        assert isinstance(args, dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_whatever_arrives_is_answered_or_ignored_and_costs_nothing(tmp_path):
    """Hypothesis inside one running gateway: each example is several hostile messages at once."""

    async def story(asked, app):
        topics = st.sampled_from(
            ["submit/shop", "submit/", "cmd/queue.hold", "cmd/../drain", "cmd/", "status", "submit/shop/x"]
        )
        payloads = st.binary(max_size=100) | JSON.map(lambda view: json.dumps(view).encode())
        sent = []

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.lists(
                st.tuples(topics, payloads, st.text(st.characters(codec="utf-8"), max_size=20)), max_size=5
            )
        )
        def throw(messages):
            for topic, payload, who in messages:
                asked.take(topic, payload, who=who, answer_to=who)
                sent.append(topic)

        throw()
        wanted = sum(
            topic.startswith(("submit/shop", "cmd/queue")) and topic.count("/") == 1 for topic in sent
        )
        await asyncio.wait_for(
            asyncio.gather(asked.listener._commands.join(), asked.listener._texts.join()), 10
        )
        assert len(asked.said) >= wanted > 0
        assert (await asked.answer("submit/shop", TEXT))["status"] == "accepted"

    asking(tmp_path, story)


def test_a_client_that_calls_itself_another_each_time_has_no_more_lines_than_one(tmp_path):
    """What a line is about limits how often it is written: a name that nobody has proven is no part of that."""

    async def story(asked, _app):
        with structlog.testing.capture_logs() as lines:
            for n in range(3):
                asked.take("cmd/restart", who=f"anna {n}")
        assert [line["client"] for line in lines] == [f"mqtt, who says 'anna {n}'" for n in range(3)]
        assert len({repeats._sort(line) for line in lines}) == 1

    asking(tmp_path, story)
