"""Webhooks in the storm: aiohttp's client in virtual time, and what the judge makes of the POSTs that came."""

import asyncio
import hashlib
import hmac
import json
import random
from collections import Counter

import aiohttp
import pytest
from simulation.books import Books, Post
from simulation.clockwork import World
from simulation.judge_webhooks import judge_webhooks
from simulation.network import Network
from simulation.webform import Request, wrongs
from simulation.webhooks import HERE, Loop, Names, reached

from gateway.webhook_address import PublicResolver

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# ── the seam ─────────────────────────────────────────────────────────────────────────────────────────────────
class Place:
    """A world in which somebody listens on port 9001. came: what he was sent; answers: what he says to each piece."""

    def __init__(self, host, moods=()):
        self.wrong, self.came, self.answers, self.accepted = [], b"", [ANSWER], 0
        self.world = World()
        self.network = Network(self.world, random.Random(1))
        self.network.names = Names(lambda *words: self.wrong.append(words), Counter(), random.Random(2))
        self.network.names.add(host, dict.fromkeys(moods, 1.0))
        self.network.services[9001] = self.accept
        self.url = f"http://{host}:9001/sms"

    def accept(self, plug):
        self.accepted += 1

        def data(octets):
            self.came += octets
            for answer in self.answers:
                plug.send(answer)

        plug.on_data = data

    def run(self, main):
        loop = Loop(self.world, self.network, random.Random(3).random)
        asyncio._set_running_loop(loop)
        try:
            with reached(self.world):
                task = loop.create_task(self._with_session(main))
                while not task.done():
                    loop.turn()
            return task.result()
        finally:
            asyncio._set_running_loop(None)
            loop.close()

    async def _with_session(self, main):
        connector = aiohttp.TCPConnector(limit=0, resolver=PublicResolver(), ttl_dns_cache=30)
        async with aiohttp.ClientSession(connector=connector) as session:
            return await main(session)

    async def post(self, session):
        async with session.post(self.url, data=b"{}", timeout=aiohttp.ClientTimeout(total=20)) as response:
            return response.status


@pytest.mark.parametrize("host", [HERE, "shop.example"])
def test_a_post_goes_through_the_world_and_its_connection_is_kept_for_a_while(host):
    place = Place(host)

    async def main(session):
        first = await place.post(session), await place.post(session), place.accepted
        await asyncio.sleep(40)
        return *first, await place.post(session), place.accepted, len(place.network.wires)

    assert place.run(main) == (200, 200, 1, 200, 2, 1)
    assert place.came.count(b"POST /sms HTTP/1.1\r\n") == 3
    assert not place.wrong


def test_a_server_that_says_nothing_costs_no_time():
    place = Place(HERE)
    place.answers = []

    async def main(session):
        with pytest.raises(TimeoutError):
            await place.post(session)
        return place.world.now

    assert 20 <= place.run(main) < 60


@pytest.mark.parametrize("trouble", ["refused", "deaf", "name_lost", "name_private"])
def test_who_cannot_be_reached(trouble):
    place = Place("shop.example", [trouble] if "_" in trouble else [])
    if trouble == "refused":
        place.network.services[9001] = None
    elif trouble == "deaf":
        place.network.deaf.add(9001)

    async def main(session):
        with pytest.raises((aiohttp.ClientConnectorError, TimeoutError)) as raised:
            await place.post(session)
        return str(raised.value)

    said = place.run(main)
    assert trouble != "name_private" or "10.0.0.8" in said
    assert place.accepted == 0
    assert not place.wrong, "a private address is not even dialled"


def test_of_two_addresses_the_second_is_tried():
    place = Place("shop.example", ["name_dual"])
    assert place.run(place.post) == 200


def test_where_nobody_may_be_led_is_told():
    place = Place("shop.example")
    place.network.names.dialled("93.184.215.1", 9001)
    assert not place.wrong
    place.network.names.dialled("10.0.0.8", 9001)
    assert place.wrong


# ── what came ────────────────────────────────────────────────────────────────────────────────────────────────
def secret_of(account, generation):
    return f"{account} {generation}"


def request(events=("7", "8"), *, path="/sms/1", secret="shop 1", drop="", **changed):
    body = json.dumps({"events": [{"id": each} for each in events]}).encode()
    signed = hmac.new(secret.encode(), b"5." + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json", "Content-Length": len(body), "Chappe-Timestamp": "5",
        "Chappe-Delivery": "7-8", "Chappe-Account": "shop", "Chappe-Signature": f"v1={signed}",
        **{name.replace("_", "-"): word for name, word in changed.items()},
    }  # fmt: skip
    lines = "".join(f"{name}: {word}\r\n" for name, word in headers.items() if name != drop)
    return bytearray(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)


@pytest.mark.parametrize(
    ("octets", "wrong"),
    [
        (request(), ""),
        (request(path="/sms/0", secret="shop 0"), ""),
        (request(path="/sms/2", secret="shop 2"), "is asked"),
        (request(path="/elsewhere"), "is asked"),
        (request(secret="shop 0"), "does not sign"),
        (request(Chappe_Timestamp="6"), "does not sign"),
        (request(drop="Chappe-Signature"), "does not sign"),
        (request(drop="Content-Length"), "Content-Length"),
        (request(Chappe_Delivery="7-7"), "delivery"),
        (request(Chappe_Account="bank"), "headers"),
        (request(("7", "7", "8")), "delivery"),
        (request(()), "posted 0 events"),
        (request(tuple(map(str, range(101)))), "posted 101 events"),
    ],
)
def test_what_a_post_must_be(octets, wrong):
    said = list(wrongs(Request.read(octets), "shop", secret_of, 1))
    assert [words for words in said if wrong in words] if wrong else not said


def test_a_post_is_read_when_it_is_whole():
    octets = request()
    assert Request.read(octets[:40]) is None
    assert not Request.read(octets[:-1]).whole
    assert Request.read(octets).whole


# ── over all of them ─────────────────────────────────────────────────────────────────────────────────────────
def posted(at, status, events="a", heard=0.01):
    post = Post("shop", at, at)
    post.events = [{"id": each} for each in events]
    post.status, post.said = status, at
    post.heard = at + heard if heard is not None else -1.0
    return post


HUNDRED = tuple(map(str, range(100)))


@pytest.mark.parametrize(
    ("posts", "wrong"),
    [
        ([posted(1, 200, "a"), posted(2, 200, "b")], 0),
        ([posted(1, 200, "a"), posted(9, 200, "ab")], 1),
        ([posted(1, 200, "a", heard=None), posted(9, 200, "ab")], 0),
        ([posted(100, 200, "a"), posted(209, 200, "ab")], 0),  # its process died at 100.2
        ([posted(1, 500), posted(1.7, 200)], 1),
        ([posted(1, 500), posted(1.9, 200)], 0),
        ([posted(1, 500), posted(2, 500), posted(3, 200)], 1),
        ([posted(1, 500), posted(2, 500), posted(4, 200)], 0),
        ([posted(99.9, 500), posted(100.51, 500), posted(101.4, 200)], 0),  # another began at 100.5
        (
            [
                *(posted(at, 500) for at in (97, 98.2)),
                posted(100.1, 500, heard=None),
                posted(101, 500),
                posted(102, 200),
            ],
            0,
        ),
        ([posted(1000, 500), posted(1000.1, 200)], 0),  # it had moved
        ([posted(1, 413, HUNDRED), posted(3, 200, HUNDRED)], 1),
        ([posted(1, 413, HUNDRED), posted(3, 200, HUNDRED[:50])], 0),
        ([posted(99, 413, HUNDRED), posted(101, 200, HUNDRED)], 0),
    ],
)
def test_the_judge_of_webhooks(posts, wrong):
    books = Books(lambda: 0.0, lambda: 0)
    books.posts = posts
    books.starts, books.deaths, books.moves = [0.0, 100.5], [100.2], [(1001.0, "shop"), (2.0, "bank")]
    judge_webhooks(books, lambda begin, end: any(begin <= at <= end for at in books.deaths))
    assert len(books.wrong) == wrong
