"""Kannel's sendsms: its parameters mean what they mean there, its answers are word for word those of Kannel."""

import time
from urllib.parse import quote_from_bytes, urlencode

import pytest
from running_http import Site
from webhook_ends import Hook

from gateway.lifecycle import State

USER = {"username": "shop", "password": "secret08"}
TO = "+33612345678"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    hook = Hook()
    with hook, Site(tmp_path_factory.mktemp("site"), bank=f'webhook = "{hook.url}"') as running:
        yield running


def asked(site, method="GET", headers=None, body=None, **fields):
    query = urlencode({**USER, "to": TO, "text": "hello", **fields})
    if method == "GET":
        return site.http("GET", f"/cgi-bin/sendsms?{query}", headers=headers)
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return site.http("POST", "/cgi-bin/sendsms", body=query.encode() if body is None else body, headers=sent)


def made(site, answer):
    """The messages of an answer, as they are stored."""
    assert answer.status == 202, answer
    ids = [int(text) for text in answer.headers["x-chappe-message-id"].split(",")]
    return [site.run(site.app.desk.look(message_id)) for message_id in ids]


def one(site, **fields):
    (message,) = made(site, asked(site, **fields))
    return message


def said(answer):
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.status, answer.body.decode()


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_accepted(site, method):
    assert said(asked(site, method)) == (202, "0: Accepted for delivery")


def test_queued_for_later(site):
    assert said(asked(site, deferred="60")) == (202, "3: Queued for later delivery")


@pytest.mark.parametrize(
    "fields",
    [{"password": "wrong000"}, {"username": "nobody"}, {"password": ""}, {"username": ""}, {"password": "é"}],
)
def test_who_is_not_let_in(site, fields):
    assert said(asked(site, **fields)) == (403, "Authorization failed for sendsms")
    site.app.accounts._guessers.clear()


def test_short_names_of_the_same(site):
    query = urlencode({"user": "shop", "pass": "secret08", "to": TO, "text": "hi"})
    assert site.http("GET", f"/cgi-bin/sendsms?{query}").status == 202


def test_a_full_house_of_binds_is_no_reason(site):
    account = site.app.accounts.get("shop")
    account.bound = account.max_binds
    try:
        assert asked(site).status == 202
    finally:
        account.bound = 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"to": ""}, "Empty receiver number not allowed, rejected"),
        ({"priority": "9"}, "Priority field misformed, rejected"),
        ({"validity": "soon"}, "Validity field misformed, rejected"),
        ({"deferred": "-1"}, "Deferred field misformed, rejected"),
        ({"coding": "3"}, "Coding field misformed, rejected"),
        ({"mclass": "4"}, "Mclass field misformed, rejected"),
        ({"dlr-mask": "x"}, "DLR-MASK field misformed, rejected"),
        ({"udh": "zz"}, "UDH field misformed, rejected"),
        ({"udh": "0603"}, "UDH field misformed, rejected"),
        ({"charset": "klingon"}, "Charset or body misformed, rejected"),
        ({"pid": "64"}, "pid is not served here, rejected"),
        ({"dlr-url": "http://x"}, "dlr-url is not served here: give the account a webhook, rejected"),
    ],
)
def test_what_is_misformed(site, fields, words):
    assert said(asked(site, **fields)) == (400, words)


def test_texts_in_a_charset_that_they_are_not(site):
    query = f"{urlencode({**USER, 'to': TO})}&charset=utf-8&text={quote_from_bytes(bytes([0xE9]))}"
    assert site.http("GET", f"/cgi-bin/sendsms?{query}").status == 400


@pytest.mark.parametrize(
    ("fields", "status"), [({"to": "CHAPPE"}, 400), ({"from": "ELSE"}, 403), ({"text": ""}, 400)]
)
def test_what_is_refused_in_our_words(site, fields, status):
    answer = asked(site, **fields)
    assert answer.status == status
    assert answer.body.endswith(b", rejected")


def test_no_route(site):
    assert said(asked(site, to="+4915112345678")) == (403, "Not routable. Do not try again.")


def test_a_gateway_that_takes_nothing(site):
    site.ask("drain")
    answer = asked(site)
    site.ask("drain", off=True)
    assert said(answer) == (503, "Temporal failure, try again later.")


def test_several_receivers(site):
    messages = made(site, asked(site, to=f"{TO} +33712345678  33612345679"))
    assert [m.destination for m in messages] == [TO, "+33712345678", "+33612345679"]
    answer = asked(site, to=f"{TO} +4915112345678")
    status, text = said(answer)
    assert status == 202
    assert text.split("\n") == [
        "0: Accepted for delivery",
        "+4915112345678: no route takes this recipient and kind",
    ]


# ── parameters ───────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_said(site):
    m = one(site, **{"from": "36180", "priority": "3", "account": "promo-12", "text": "été → ici"})
    assert (m.source, m.destination, m.priority, m.tag, m.data_coding) == ("36180", TO, 3, "promo-12", 8)
    assert m.payload.decode("utf-16-be") == "été → ici"


def test_times_are_minutes(site):
    before = site.app.clock.wall_ms()
    m = one(site, validity="10", deferred="5")
    assert m.due == pytest.approx(before + 300_000, abs=5000)
    assert m.expires == pytest.approx(m.due + 600_000, abs=1)
    assert m.state is State.SCHEDULED


@pytest.mark.parametrize(
    ("mask", "registered"), [("0", 0), ("1", 3), ("2", 2), ("3", 1), ("16", 2), ("31", 0x11), ("8", 0x10)]
)
def test_dlr_mask_is_registered_delivery(site, mask, registered):
    assert one(site, **{"dlr-mask": mask}).registered == registered


def test_dlr_url_is_the_webhook_s_business_where_there_is_one(site):
    answer = asked(site, username="bank", password="secret09", **{"dlr-url": "http://x/%d", "dlr-mask": "31"})
    assert answer.status == 202


@pytest.mark.parametrize(
    ("charset", "octets", "text"),
    [("", "été".encode(), "été"), ("utf-8", "€".encode(), "€"), ("windows-1252", b"\x80", "€"), ("latin1", b"\xe9", "é"),
     ("UTF-16BE", "→".encode("utf-16-be"), "→")],
)  # fmt: skip
def test_charsets(site, charset, octets, text):
    query = f"{urlencode({**USER, 'to': TO, 'charset': charset})}&text={quote_from_bytes(octets)}"
    (m,) = made(site, site.http("GET", f"/cgi-bin/sendsms?{query}"))
    from drivers.sms.alphabet import decode

    assert decode(m.payload, m.data_coding) == text


def test_ucs2_octets_without_a_charset(site):
    query = (
        f"{urlencode({**USER, 'to': TO, 'coding': '2'})}&text={quote_from_bytes('a→'.encode('utf-16-be'))}"
    )
    (m,) = made(site, site.http("GET", f"/cgi-bin/sendsms?{query}"))
    assert (m.data_coding, m.payload) == (8, "a→".encode("utf-16-be"))


@pytest.mark.parametrize("udh", ["060504158A0000", bytes.fromhex("060504158A0000")])
def test_a_header_and_octets(site, udh):
    given = udh if isinstance(udh, str) else quote_from_bytes(udh)
    query = f"{urlencode({**USER, 'to': TO, 'coding': '1'})}&udh={given}&text={quote_from_bytes(bytes(range(20)))}"
    (m,) = made(site, site.http("GET", f"/cgi-bin/sendsms?{query}"))
    assert (m.data_coding, m.udh, m.payload) == (4, bytes.fromhex("060504158A0000"), bytes(range(20)))


def test_a_flash_message(site):
    m = one(site, mclass="0")
    assert (m.data_coding, m.payload) == (0x10, b"hello")


def test_a_text_with_headers_of_its_own(site):
    headers = {
        "Content-Type": "text/plain", "X-Kannel-Username": "shop", "X-Kannel-Password": "secret08",
        "X-Kannel-To": TO, "X-Kannel-From": "36180", "X-Kannel-DLR-Mask": "3",
    }  # fmt: skip
    (m,) = made(site, site.http("POST", "/cgi-bin/sendsms", body="déjà".encode(), headers=headers))
    assert (m.source, m.registered) == ("36180", 1)


def test_who_is_far_away_needs_tls(site, monkeypatch):
    monkeypatch.setattr("gateway.listeners.http.kannel.is_loopback", lambda _: False)
    answer = asked(site)
    assert answer.status == 403
    assert b"https" in answer.body


def test_what_is_not_served_may_be_zero(site):
    assert asked(site, pid="0", compress="0", mwi="-1", smsc="x", binfo="y").status == 202


def test_it_arrives(site):
    m = one(site)
    deadline = time.monotonic() + 5
    while site.state(str(m.id)) != "delivered":
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "charset", ["punycode", "idna", "undefined", "unicode_escape", "utf-7", "a\0b", "x" * 5000]
)
def test_codecs_that_are_no_charset_are_not_even_looked_up(site, charset):
    """Some take minutes for what fits into one request, some raise what no codec of a text does."""
    answer = asked(site, "POST", charset=charset, text="a-" + "a" * 300_000)
    assert said(answer) == (400, "Charset or body misformed, rejected")


def test_head_sends_nothing(site):
    before = site.app.ledger.tally.counts.copy()
    answer = site.http("HEAD", f"/cgi-bin/sendsms?{urlencode({**USER, 'to': TO, 'text': 'hello'})}")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
    assert site.app.ledger.tally.counts == before
