"""/cgi-bin/sendsms: Kannel's way in, its parameters and its answers, for applications that move.

A password in a query ends up in logs of proxies, so it is only taken from this machine or over TLS. Receipts go
where the account's receipts go (its webhook, its binds): dlr-mask says which are wanted, dlr-url is refused where
there is no webhook. See docs/http.md for the table of parameters.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from drivers.smpp.pdu import Command, Sm
from drivers.sms.alphabet import fit
from gateway import answers
from gateway.accounts import Account, Refusal
from gateway.listeners import texts
from gateway.listeners.http.access import Allow, is_loopback
from gateway.listeners.http.messages import submit
from gateway.listeners.http.operation import Operation, Request, body_of
from gateway.listeners.http.problem import Problem
from gateway.listeners.http.site import Site
from gateway.listeners.submission import Submissions
from gateway.model import Message

__all__ = ["OPERATIONS"]

ACCEPTED, LATER = "0: Accepted for delivery", "3: Queued for later delivery"
TEMPORAL = "Temporal failure, try again later."
NOT_ROUTABLE = "Not routable. Do not try again."
MOST = 1000
"""Recipients of one request."""
_NOT_SERVED = ("pid", "mwi", "compress", "alt-dcs", "rpi")
_TEMPORARY = frozenset({answers.THROTTLED, answers.QUEUE_FULL, answers.SYSTEM_ERROR})
_ALSO = {"user": "username", "pass": "password"}

_CHARSETS = re.compile(
    r"(us-?)?ascii|utf-?8|utf-?16(-?[bl]e)?|iso-?8859-?[0-9]{1,2}|latin-?[0-9]{1,2}|(windows-?|cp)[0-9]{3,4}|"
    r"koi8-[rtu]|gbk|gb2312|gb18030|big5|shift_jis|euc-(jp|kr)|mac-?roman"
)
"""Names that are looked up at all: among Python's codecs are some (punycode) that take a minute for a megabyte."""

Fields = Mapping[str, bytes]
"""Parameter -> octets as they came: their charset is a parameter, too."""


class _Misformed(Exception):
    """Answered 400 in Kannel's words."""


async def sendsms(site: Site, request: Request) -> web.StreamResponse:
    raw = request.raw
    if raw.method == "HEAD":  # asks for less than GET, and must not send an SMS
        return _said(405, "HEAD sends nothing, rejected", {"Allow": "GET, POST"})
    if not raw.secure and not is_loopback(raw.remote or ""):
        return _said(403, "sendsms: a password would cross the network readable: use https, rejected")
    try:
        fields = await _fields(raw)
        account = await _account(site, fields, raw.remote or "")
        if account is None:
            return _said(403, "Authorization failed for sendsms")
        messages = _messages(site, account, fields)
    except _Misformed as error:
        return _said(400, f"{error}, rejected")
    except Problem as problem:  # of the body: too large, too slow
        return _said(problem.status, f"{problem.detail}, rejected")
    except texts.Refused as refused:
        return _said(400, f"{refused.text}, rejected")
    given = await submit(site, account, messages)
    taken = [each for each in given if not each.status]
    lines = [
        f"{message.destination}: {each.text}"
        for message, each in zip(messages, given, strict=True)
        if each.status
    ]
    if taken:
        word = LATER if any(each.deferred for each in taken) or messages[0].due else ACCEPTED
        ids = ",".join(str(each.message_id) for each in taken)
        return _said(202, "\n".join((word, *lines)), {"X-Chappe-Message-Id": ids[:4000]})
    if any(each.status in _TEMPORARY for each in given):
        return _said(503, TEMPORAL, {"Retry-After": "5"})
    no_route = given[0].status == answers.NO_ROUTE
    return _said(403, NOT_ROUTABLE if no_route else f"{given[0].text}, rejected")


def _said(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=text, status=status, headers=headers, content_type="text/plain", charset="utf-8")


# ── what was asked ───────────────────────────────────────────────────────────────────────────────────────────
async def _fields(raw: web.Request) -> Fields:
    """From the query, from a form, or from a text with X-Kannel-… headers; later ones win."""
    found = _pairs(raw.rel_url.raw_query_string)
    if raw.method == "POST":
        octets = await body_of(raw)
        if raw.content_type == "application/x-www-form-urlencoded":
            found.update(_pairs(octets.decode("latin-1")))
        elif octets:
            found["text"] = octets
        for name, value in raw.headers.items():
            if name.lower().startswith("x-kannel-"):
                found[name.lower().removeprefix("x-kannel-")] = value.encode("utf-8", "surrogateescape")
    return {_ALSO.get(name, name): value for name, value in found.items()}


def _pairs(query: str) -> dict[str, bytes]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1", max_num_fields=100)
        return {name: value.encode("latin-1") for name, value in pairs}
    except (ValueError, UnicodeEncodeError) as error:
        raise _Misformed("Query misformed") from error


async def _account(site: Site, fields: Fields, address: str) -> Account | None:
    """By its system_id and its SMPP password; those who guess are slowed down as they are there."""
    accounts, now = site.gateway.accounts, site.gateway.clock.now
    system_id = fields.get("username", b"").decode("latin-1")
    verdict = await accounts.verify(system_id, fields.get("password", b""), address, now)
    if isinstance(verdict, Refusal):
        if verdict.reason != "too_many_binds":  # the password was right, and nobody binds here
            site.access.said("http.refused", address, f"sendsms: {verdict.reason}")
            return None
        return next((account for account in accounts if account.system_id == system_id), None)
    return verdict


def _number(fields: Fields, name: str, most: int, default: int = 0) -> int:
    text = fields.get(name, b"").decode("latin-1").strip()
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9 or int(text) > most:
        raise _Misformed(f"{name.upper() if name.startswith('dlr') else name.capitalize()} field misformed")
    return int(text)


def _words(fields: Fields, name: str, charset: str = "utf-8") -> str:
    if _CHARSETS.fullmatch(charset) is None:
        raise _Misformed("Charset or body misformed")
    try:
        return fields.get(name, b"").decode(charset)
    except (UnicodeError, LookupError) as error:
        raise _Misformed("Charset or body misformed") from error


# ── the messages ─────────────────────────────────────────────────────────────────────────────────────────────
def _messages(site: Site, account: Account, fields: Fields) -> list[Message]:
    """One for each recipient. Raises _Misformed, Refused."""
    for name in _NOT_SERVED:
        if fields.get(name, b"0").strip() not in (b"", b"0", b"-1"):
            raise _Misformed(f"{name} is not served here")
    if fields.get("dlr-url") and not site.has_webhook(account):
        raise _Misformed("dlr-url is not served here: give the account a webhook")
    recipients = fields.get("to", b"").decode("latin-1").split()
    if not recipients:
        raise _Misformed("Empty receiver number not allowed")
    if len(recipients) > MOST:
        raise _Misformed(f"More than {MOST} receivers")
    return [_message(site, account, fields, to) for to in recipients]


def _message(site: Site, account: Account, fields: Fields, to: str) -> Message:
    now = site.gateway.clock.wall_ms() / 1000
    coding, message_class = _number(fields, "coding", 2), _number(fields, "mclass", 3, -1)
    deferred, validity = _number(fields, "deferred", 10**7), _number(fields, "validity", 10**7)
    sender, priority = _words(fields, "from"), _number(fields, "priority", 3)
    registered = _registered(_number(fields, "dlr-mask", 63))
    udh = _udh(fields)
    if udh or coding == 1 or message_class >= 0:
        message = _binary(
            account, fields, to, sender, (coding, message_class, udh, priority, registered), now
        )
        message.due = int((now + deferred * 60) * 1000) if deferred else 0
        if validity:
            message.expires = (message.due or int(now * 1000)) + validity * 60_000
    else:
        charset = _words(fields, "charset").lower() or (
            "utf-16-be" if coding == 2 and b"\0" in fields.get("text", b"") else "utf-8"
        )
        message = texts.submission(
            account, to, _words(fields, "text", charset), now, sender=sender, priority=priority, registered=registered,
            validity=validity * 60.0 if validity else None, send_at=now + deferred * 60 if deferred else None,
        )  # fmt: skip
    message.tag = _words(fields, "account")[:64]
    return message


def _registered(mask: int) -> int:
    """dlr-mask in SMPP's words: 1 delivered, 2 not delivered, 16 refused, 4 and 8 on the way there."""
    success, failure = mask & 1, mask & (2 | 16)
    asked = 1 if success and failure else 3 if success else 2 if failure else 0
    return asked | (0x10 if mask & (4 | 8) else 0)


def _udh(fields: Fields) -> bytes:
    """Octets, or their hexadecimal digits; they begin with their own length."""
    given = fields.get("udh", b"")
    if given and len(given) != given[0] + 1:
        try:
            given = binascii.unhexlify(given)
        except (binascii.Error, ValueError) as error:
            raise _Misformed("UDH field misformed") from error
        if not given or len(given) != given[0] + 1:
            raise _Misformed("UDH field misformed")
    return given


def _binary(
    account: Account, fields: Fields, to: str, sender: str, how: tuple[int, int, bytes, int, int], now: float
) -> Message:
    """8-bit data, a header of the application's own, or a message class: as a submit_sm would bring it."""
    coding, message_class, udh, priority, registered = how
    octets = fields.get("text", b"")
    data_coding = 4
    if coding != 1:
        data_coding, octets = fit(_words(fields, "text", _words(fields, "charset").lower() or "utf-8"))
    if message_class >= 0:  # 3GPP TS 23.038 §4: coding group 00 with a class
        data_coding = 0x10 | message_class | {0: 0, 4: 4, 8: 8}[data_coding]
    sm = Sm(
        Command.SUBMIT_SM, 0, 0, b"", 0, 0, sender.encode("latin-1", "replace"), 0, 0, to.encode("latin-1"),
        0x40 if udh else 0, 0, priority, b"", b"", registered, 0, data_coding, 0, udh + octets,
    )  # fmt: skip
    return Submissions(account).read(sm, now)


OPERATIONS = tuple(
    Operation(
        method=method, path="/cgi-bin/sendsms", handler=sendsms, tag="adapters", media="text/plain",
        summary="Kannel's sendsms", allow=Allow(anybody=True),
        details="Parameters and answers are Kannel's (docs/http.md); username and password are the account's for SMPP."
        " From this machine, or over TLS.",
        answers={202: "0: Accepted for delivery, or 3: Queued for later delivery.", 400: "A parameter is faulty.",
                 403: "Authorization failed, or not routable.", 408: "The body took too long.",
                 413: "The body is too large.", 503: "Temporal failure, try again later."},
    )
    for method in ("GET", "POST")
)  # fmt: skip
