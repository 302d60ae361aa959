"""The judge of what MQTT may ask, on stories that are right and ones that are not; and the broker's own manners."""

import json
import random
from types import SimpleNamespace

import pytest
from simulation.books import Ask, Books
from simulation.broker import PREFIX, Broker
from simulation.clockwork import World
from simulation.judge_mqtt import Standing, judge_ends, judge_mqtt
from simulation.remote import Request
from simulation.session import matches

DONE = {"status": "done", "result": {"bearer": "alpha", "drained": True}}


@pytest.fixture
def world():
    return World()


@pytest.fixture
def remote(world):
    books = Books(lambda: world.now, lambda: 0)
    broker = Broker(world, books, random.Random(1))
    broker.modern = True
    return SimpleNamespace(books=books, broker=broker, requests={}, unclaimed=[], anonymous={"drain": 0},
                           standing=Standing(books, broker))  # fmt: skip


def asked(remote, verb="link.disable", payload=None, *, expect="", read=(10.0,), replies=(), acts=0):
    octets = json.dumps(payload or {"name": "alpha"}).encode()
    request = Request(remote.books.now, lambda _: None, "C000001", f"{PREFIX}cmd/{verb}", octets, expect)
    request.read_at, request.replies, request.acts = list(read), [(at, view) for at, view in replies], acts
    remote.requests[request.token] = request
    return request


def found(remote):
    remote.anonymous = dict.fromkeys(("link enable", "link disable", "link reset", "hold", "release", "drain",
                                      "drain off", "reload", "reload refused"), 0)  # fmt: skip
    judge_mqtt(remote.books, remote)
    return [words.split()[1].rstrip(":") for words in remote.books.wrong]


REFUSED = {"status": "refused", "error": "not_allowed"}


@pytest.mark.parametrize(
    ("story", "ends", "deaths", "wrong"),
    [
        ({"replies": [(10.1, DONE)], "acts": 1}, [], [], []),
        ({"replies": [], "acts": 1}, [], [], ["mqtt"]),
        ({"replies": [], "acts": 1}, [11.0], [], ["mqtt"]),
        ({"replies": [], "acts": 1}, [11.0, 12.0], [], []),
        ({"replies": [], "acts": 1}, [], [11.0], []),
        ({"replies": [(10.1, DONE), (10.2, DONE)], "acts": 1}, [], [], ["mqtt"]),
        ({"replies": [(10.1, DONE), (10.4, DONE)], "acts": 1}, [10.2], [], []),
        ({"read": (10.0, 20.0), "replies": [(10.1, DONE), (20.1, DONE)], "acts": 2}, [], [], []),
        ({"replies": [(10.1, DONE)], "acts": 2}, [], [], ["command"]),
        ({"replies": [(10.1, DONE)], "acts": 0}, [], [], ["command"]),
        ({"expect": "not_allowed", "replies": [(10.1, REFUSED)]}, [], [], []),
        ({"expect": "refused", "replies": [(10.1, REFUSED)]}, [], [], ["mqtt"]),
        ({"expect": "refused", "replies": [(10.1, {"error": "refused"})], "acts": 1}, [], [], ["command"]),
        ({"expect": "kept", "read": (), "acts": 1}, [], [], ["command"]),
        ({"expect": "ignored", "read": (), "replies": [(10.1, REFUSED)]}, [], [], ["mqtt"]),
    ],
)
def test_what_is_answered_and_what_obeyed(remote, story, ends, deaths, wrong):
    story = {"replies": [], **story}
    for _, view in story["replies"]:
        view.setdefault("status", "refused")
    asked(remote, **story)
    remote.broker.ends, remote.books.deaths = ends, deaths
    remote.books.now = lambda: 1000.0
    assert found(remote) == wrong


def leaves(remote, kind="TRANS", account="shop", at=12.0):
    ask = Ask("M000001", account, kind, "+33612340001", "", "", 0, b"", 1)
    ask.asked_at = at
    remote.standing.handed("alpha", ask)
    return bool(remote.books.wrong)


@pytest.mark.parametrize("back", ["", "enable", "death", "before"])
def test_a_bearer_that_was_disabled_carries_nothing_until_somebody_wants_it_back(remote, world, back):
    request = asked(remote)
    world.now = 11.0
    if back == "before":  # its answer comes when the other command is on its way
        remote.standing.other("link", {"name": "alpha", "act": "enable"})
    remote.standing.answered(request, DONE)
    if back == "enable":
        remote.standing.asks(asked(remote, "link.enable"))
    elif back == "death":
        remote.standing.died()
    assert leaves(remote) == (back == "")


@pytest.mark.parametrize(
    ("flow", "kind", "account", "at", "wrong"),
    [
        ({"account": "shop"}, "OTP", "shop", 12.0, True),
        ({"account": "shop"}, "OTP", "bank", 12.0, False),
        ({"account": "shop"}, "OTP", "shop", 10.5, False),
        ({"kind": "transactional"}, "TRANS", "bank", 12.0, True),
        ({"kind": "transactional"}, "OTP", "bank", 12.0, False),
    ],
)
def test_what_comes_into_a_held_flow_stays_there(remote, world, flow, kind, account, at, wrong):
    request = asked(remote, "queue.hold", {**flow, "reason": "storm"})
    world.now = 11.0
    remote.standing.answered(request, DONE)
    remote.standing.died()  # it is kept in the store
    assert leaves(remote, kind, account, at) == wrong
    remote.books.wrong.clear()
    remote.standing.other("release", flow)
    assert not leaves(remote, kind, account, at)


@pytest.mark.parametrize(("at", "wrong"), [(11.5, ["command"]), (10.5, [])])
def test_a_drained_gateway_takes_nothing_new(remote, world, at, wrong):
    request = asked(remote, "drain", replies=[(10.1, DONE)], acts=1)
    world.now = 11.0
    remote.standing.answered(request, DONE)
    ask = Ask("M000001", "shop", "OTP", "+33612340001", "", "", 0, b"", 1)
    ask.asked_at, ask.accepted_at = at, 12.0
    remote.books.asks["M000001"] = ask
    world.now = 13.0
    remote.standing.other("drain", {"off": True})
    assert found(remote) == wrong


@pytest.mark.parametrize(("status", "state", "told", "wrong"), [(0, 2, ["DELIVRD"], []), (0, 6, [], ["lost"]), (0x67, -1, [], ["lost"])])  # fmt: skip
def test_a_text_by_mqtt_has_one_final_state(remote, status, state, told, wrong):
    ask = Ask("M000001", "shop", "OTP", "+33612340001", "", "", 0, b"", 1)
    ask.by_mqtt, ask.ids = True, ["1"]
    remote.books.asks["M000001"] = ask
    remote.books.queries = [(10.0, ask, 0, 6), (100.0, ask, status, state)]
    said = []
    judge_ends(remote.books, remote, 50.0, lambda _, stat, at: said.append(stat))
    assert (said, [words.split()[1].rstrip(":") for words in remote.books.wrong]) == (told, wrong)


@pytest.mark.parametrize(("pattern", "topic", "fits"), [("a/cmd/+", "a/cmd/x", True), ("a/cmd/+", "a/cmd/x/reply", False),
                                                        ("a/cmd/+", "b/cmd/x", False), ("a", "a", True)])  # fmt: skip
def test_filters(pattern, topic, fits):
    assert matches(pattern, topic) == fits


@pytest.mark.parametrize(("state", "wrong"), [(b'{"state":"ready"}', 1), (b'{"state":"lost"}', 0)])
def test_status_while_nobody_is_there(remote, world, state, wrong):
    remote.broker.retained[f"{PREFIX}status"] = state
    world.now = 100.0
    remote.broker.judge_absence(95.0)
    assert len(remote.books.wrong) == wrong
    remote.broker.mood("remembers", 0)  # restored from a copy: it cannot know
    remote.broker.retained[f"{PREFIX}status"] = state
    remote.broker.judge_absence(95.0)
    assert len(remote.books.wrong) == wrong
