"""Receipts and replies to a webhook: signed, in order, until they are answered; and nobody else is hurt by one that hangs."""

import hmac
import re
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from peers.process import free_port
from running_http import BANK, SHOP, Site
from webhook_ends import Hook

from drivers.bearer import Inbound
from gateway import webhooks
from gateway.lifecycle import State
from gateway.model import MessageIds, Note, NoteKind
from gateway.webhooks import signature


@pytest.fixture
def hook():
    with Hook() as running:
        yield running


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Waits of a test, not of an operator."""
    monkeypatch.setattr(webhooks, "FIRST", 0.05)


def shop(hook, more="") -> str:
    return f'webhook = "{hook.url}"\n{more}'


def owed(site, account="shop"):
    return site.app.outbox.counts().get(account, (0, 0))[0]


def test_a_receipt_comes_signed(tmp_path, hook):
    (tmp_path / "secret").write_text("between us\n")
    with Site(tmp_path, shop=shop(hook, 'webhook_secret_file = "secret"')) as site:
        message_id = site.send(reference="r-1", tag="promo")
        hook.until(lambda h: h.ids == [message_id])
        site.until(lambda: not owed(site))
    (post,) = hook.posts
    assert post.path == "/sms"
    assert post.headers["content-type"] == "application/json"
    assert post.headers["chappe-account"] == "shop"
    assert abs(int(post.headers["chappe-timestamp"]) - time.time()) < 10
    assert post.is_signed_with(b"between us")
    assert not post.is_signed_with(b"another")
    (event,) = post.events
    message = event["message"]
    assert (event["type"], message["state"], message["final"], message["error"]) == (
        "receipt",
        "delivered",
        True,
        "000",
    )
    assert (message["to"], message["from"], message["reference"], message["tag"]) == (
        "+33612345678", "CHAPPE", "r-1", "promo",
    )  # fmt: skip
    assert "text" not in message


def test_the_signature_is_hmac_over_time_and_body():
    made = signature(b"secret", "1800000000", b"{}")
    assert made == "v1=" + hmac.new(b"secret", b"1800000000.{}", "sha256").hexdigest()


def test_the_check_that_the_page_shows_accepts_it_and_nothing_else():
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text("utf-8")
    shown = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    names = {}
    exec(shown, names)
    now = str(int(time.time()))
    sent = {"Chappe-Timestamp": now, "Chappe-Signature": signature(b"secret", now, b"{}")}
    assert names["is_from_chappe"](b"secret", sent, b"{}")
    assert not names["is_from_chappe"](b"secret", sent, b"{ }")
    assert not names["is_from_chappe"](b"other", sent, b"{}")
    old = str(int(time.time()) - 400)
    assert not names["is_from_chappe"](
        b"secret", {"Chappe-Timestamp": old, "Chappe-Signature": signature(b"secret", old, b"{}")}, b"{}"
    )


def test_a_reply_comes_too(tmp_path, hook):
    with Site(tmp_path, shop=shop(hook)) as site:
        inbound = Inbound("+33698765432", "36180", 0, b"", b"Bonjour", 0, b"")
        site.run(_wait(site.app.mo.handle, "sim", [inbound]))
        hook.until(lambda h: h.events)
    (event,) = hook.events
    assert event["type"] == "reply"
    reply = event["reply"]
    assert (reply["from"], reply["to"], reply["text"], reply["complete"]) == (
        "+33698765432",
        "36180",
        "Bonjour",
        True,
    )


async def _wait(function, *arguments):
    await function(*arguments)


def test_many_come_in_order_and_in_batches(tmp_path, hook):
    with Site(tmp_path, shop=shop(hook)) as site:
        sent = site.http(
            "POST", "/v1/messages", SHOP, [{"to": f"+3361234{n:04}", "text": "x"} for n in range(500)]
        )
        ids = {one["id"] for one in sent.json["messages"]}
        hook.until(lambda h: len(h.ids) >= 500)
        site.until(lambda: not owed(site))
    assert set(hook.ids) == ids
    assert len(hook.ids) == 500
    seqs = [int(event["id"]) for event in hook.events]
    assert seqs == sorted(seqs)
    assert len(hook.posts) < 450
    assert max(len(post.events) for post in hook.posts) <= webhooks.BATCH


@pytest.mark.parametrize("trouble", [500, 404, 429, "cut", 302])
def test_what_is_not_taken_comes_again(tmp_path, hook, trouble):
    hook.answers = [trouble, trouble, 204]
    with Site(tmp_path, shop=shop(hook)) as site:
        message_id = site.send()
        hook.until(lambda h: len(h.posts) >= 3)
        site.until(lambda: not owed(site))
    assert set(hook.ids) == {message_id}
    assert len({event["id"] for event in hook.events}) == 1, "the same event has the same id"


def test_no_redirect_is_followed(tmp_path, hook):
    with Hook() as elsewhere:
        hook.answers, hook.location = [307], elsewhere.url
        with Site(tmp_path, shop=shop(hook)) as site:
            site.send()
            hook.until(lambda h: len(h.posts) >= 2)
            assert owed(site) == 1
        assert elsewhere.posts == []


def test_one_that_hangs_costs_nobody_else(tmp_path, hook, monkeypatch):
    hook.answers = ["hang"]
    with Hook() as well, Site(tmp_path, shop=shop(hook), bank=f'webhook = "{well.url}"') as site:
        site.send()
        hook.until(lambda h: h.posts)
        ids = [site.send(token=BANK, text=f"n {n}") for n in range(20)]
        well.until(lambda h: len(h.ids) == 20)
        assert set(well.ids) == set(ids)
        assert owed(site) == 1
        assert site.http("GET", "/readyz").status == 200
        assert len(hook.posts) == 1, "one at a time"


def test_one_that_hangs_for_long_is_a_failure(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT", webhooks.aiohttp.ClientTimeout(total=0.2))
    hook.answers = ["hang", 200]
    with Site(tmp_path, shop=shop(hook)) as site:
        site.send()
        hook.until(lambda h: len(h.posts) >= 2)
        site.until(lambda: not owed(site))
        assert site.app.web.webhooks.posts == {("shop", "error"): 1, ("shop", "200"): 1}


def test_a_name_that_leads_home_is_refused(tmp_path, monkeypatch):
    said = []
    heard = SimpleNamespace(
        warning=lambda event, **fields: said.append(fields), info=lambda event, **fields: None
    )
    monkeypatch.setattr(webhooks, "log", heard)
    monkeypatch.setattr("socket.getaddrinfo", _everything_is_here)
    with Hook() as hook:
        with Site(tmp_path, shop=f'webhook = "http://shop.example:{hook.port}/sms"') as site:
            site.send()
            site.until(lambda: site.app.web.webhooks.posts.get(("shop", "error"), 0) >= 2)
            assert owed(site) == 1
        assert hook.posts == []
    assert "shop.example is 127.0.0.1, an address that is not public" in said[0]["reason"]


def _everything_is_here(host, port, *_, **__):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def test_somebody_is_told_after_minutes_and_when_it_is_over(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(webhooks, "FAILING", 0.2)
    hook.answers = [503]
    with Site(tmp_path, shop=shop(hook)) as site:
        site.send()
        site.until(lambda: "webhook.shop" in site.app.alarms)
        (alarm,) = [alarm for alarm in site.app.alarms if alarm.id == "webhook.shop"]
        assert "503" in alarm.text
        assert "127.0.0.1" in alarm.text
        hook.answers = [200]
        site.until(lambda: "webhook.shop" not in site.app.alarms)
        site.until(lambda: not owed(site))


def test_too_large_a_body_becomes_smaller(tmp_path, hook):
    hook.answers = [413, 413, 200]
    with Site(tmp_path, shop=shop(hook)) as site:
        site.ask("link", name="sim", act="disable")
        site.http("POST", "/v1/messages", SHOP, [{"to": f"+3361234{n:04}", "text": "x"} for n in range(200)])
        site.ask("link", name="sim", act="enable")
        hook.until(lambda h: len(set(h.ids)) == 200)
    assert max(len(post.events) for post in hook.posts[2:]) <= webhooks.BATCH // 4


# ── the application binds as well ────────────────────────────────────────────────────────────────────────────
class Bind:
    """A receiver of the account, as the outbox sees one."""

    def __init__(self, site):
        self.site = site
        self.seen = []

    def room(self):
        return 10

    def deliver(self, notes):
        self.seen += [str(note.message.id) for note in notes]
        self.site.app.outbox.answered("shop", notes)


def test_a_bind_goes_before_the_webhook(tmp_path, hook):
    with Site(tmp_path, shop=shop(hook)) as site:
        bind = Bind(site)
        site.call(site.app.outbox.attach, "shop", bind)
        bound = site.send(text="a")
        site.until(lambda: bind.seen == [bound])
        site.call(site.app.outbox.detach, "shop", bind, [])
        alone = site.send(text="b")
        hook.until(lambda h: h.ids == [alone])


def test_what_the_webhook_does_not_take_a_bind_gets(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(webhooks, "FIRST", 30.0)
    hook.answers = [500]
    with Site(tmp_path, shop=shop(hook)) as site:
        message_id = site.send()
        hook.until(lambda h: h.posts)
        bind = Bind(site)
        site.call(site.app.outbox.attach, "shop", bind)
        site.until(lambda: bind.seen == [message_id])
        site.until(lambda: not owed(site))


# ── a reload, an end ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_reload_gives_it_another_address_and_tries_at_once(tmp_path, hook, monkeypatch):
    monkeypatch.setattr(webhooks, "FIRST", 60.0)
    hook.answers = [500]
    with Hook() as other, Site(tmp_path, shop=shop(hook)) as site:
        message_id = site.send()
        hook.until(lambda h: h.posts)
        site.path.write_text(site.path.read_text().replace(hook.url, other.url))
        site.run(site.app.reload())
        other.until(lambda h: h.ids == [message_id])
        site.path.write_text(site.path.read_text().replace(f'webhook = "{other.url}"', ""))
        site.run(site.app.reload())
        site.send(text="nobody is told", receipt=True)
        site.until(lambda: owed(site) == 1)
        assert len(other.posts) == 1


def test_a_reload_while_a_post_is_under_way_is_tried_at_once_when_that_has_failed(
    tmp_path, hook, monkeypatch
):
    monkeypatch.setattr(webhooks, "FIRST", 60.0)
    monkeypatch.setattr(webhooks, "TIMEOUT", webhooks.aiohttp.ClientTimeout(total=1.0))
    hook.answers = ["hang"]
    with Hook() as other, Site(tmp_path, shop=shop(hook)) as site:
        message_id = site.send()
        hook.until(lambda h: h.posts)
        site.path.write_text(site.path.read_text().replace(hook.url, other.url))
        site.run(site.app.reload())
        assert not other.posts
        other.until(lambda h: h.ids == [message_id])


def test_a_reload_gives_an_account_its_first_one(tmp_path, hook):
    with Site(tmp_path) as site:
        site.send(receipt=True)
        site.until(lambda: owed(site) == 1)
        site.path.write_text(
            site.path.read_text().replace("[accounts.shop]", f'[accounts.shop]\nwebhook = "{hook.url}"')
        )
        site.run(site.app.reload())
        hook.until(lambda h: h.ids)
        site.until(lambda: not owed(site))


def test_what_was_owed_at_the_end_comes_after_the_next_start(tmp_path):
    port = free_port()
    site = Site(tmp_path, shop=f'webhook = "http://127.0.0.1:{port}/sms"')
    with site:
        message_id = site.send()
        site.until(lambda: site.app.web.webhooks.posts)
        assert owed(site) == 1
    with Hook(port) as hook:
        again = Site(tmp_path, shop=f'webhook = "{hook.url}"')
        with again:
            hook.until(lambda h: h.ids == [message_id])
            again.until(lambda: not owed(again))


def test_a_post_under_way_may_end_when_the_gateway_does(tmp_path, hook):
    with Site(tmp_path, shop=shop(hook)) as site:
        ids = [site.send(text=f"n {n}") for n in range(5)]
        hook.until(lambda h: h.posts)
    assert set(hook.ids) <= set(ids)


def test_notes_that_retention_has_emptied_end_there(tmp_path, hook):
    with Site(tmp_path, shop=shop(hook)) as site:

        async def put():
            seq = MessageIds(9).take(1, site.app.clock.wall_ms())[0]
            note = Note(seq, "shop", NoteKind.MO, None, None, State.NEW, "", site.app.clock.wall_ms())
            site.app.outbox.push([note])

        site.run(put())
        site.until(lambda: not owed(site))
    assert hook.posts == []


def test_an_answer_that_is_no_http_tells_neither_the_address_nor_what_the_peer_said(tmp_path, monkeypatch):
    """Both would stand in the log and in an alarm, which MQTT and the page show; the address may hold a secret."""
    monkeypatch.setattr(webhooks, "FAILING", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def nonsense():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(65536)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nno header but a reply of the peer\r\n\r\n")

        threading.Thread(target=nonsense, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/sms?key=hunter2"
        with Site(tmp_path, shop=f'webhook = "{url}"') as site:
            site.send()
            site.until(lambda: "webhook.shop" in site.app.alarms)
            (alarm,) = (each for each in site.app.alarms if each.id == "webhook.shop")
    assert "its answer is no HTTP" in alarm.text
    assert "hunter2" not in alarm.text
    assert "of the peer" not in alarm.text


def test_the_same_delivery_is_the_same_events(tmp_path, hook):
    """What comes again together with newer events is another delivery: who drops known ones must not drop those."""
    hook.answers = [500, 200]
    with Site(tmp_path, shop=shop(hook)) as site:
        site.send()
        hook.until(lambda h: h.posts)
        site.send()
        hook.until(lambda h: len(set(h.ids)) == 2)
    seen = {}
    for post in hook.posts:
        ids = [event["id"] for event in post.events]
        assert seen.setdefault(post.headers["chappe-delivery"], ids) == ids
        assert post.headers["chappe-delivery"] == f"{ids[0]}-{ids[-1]}"
