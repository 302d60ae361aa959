"""What a POST to a webhook looks like, read and checked as docs/http.md promises it. Pure."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any, Self

__all__ = ["STATS", "Request", "wrongs"]

MOST = 100
"""Events of one POST."""
STATS = {"delivered": "DELIVRD", "expired": "EXPIRED", "deleted": "DELETED", "undeliverable": "UNDELIV",
         "unknown": "UNKNOWN", "rejected": "REJECTD"}  # fmt: skip


class Request:
    """One request as far as it has come. whole: with its body. generation: that of its path; -1 for a strange one."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.line = first
        self.headers = {
            name.lower(): word.strip() for name, _, word in (line.partition(":") for line in lines)
        }
        self.body = body
        length = self.headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() else -1
        self.whole = self.length < 0 or len(body) >= self.length
        place = first.split(" ")[1].removeprefix("/sms/") if first.count(" ") == 2 else ""
        self.generation = int(place) if place.isdecimal() else -1

    @classmethod
    def read(cls, octets: bytearray) -> Self | None:
        """None while its head is not there."""
        head, found, body = bytes(octets).partition(b"\r\n\r\n")
        return cls(head, body) if found else None

    @property
    def events(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads(self.body)["events"]
        except (ValueError, KeyError, TypeError):
            return []
        return found

    @property
    def delivery(self) -> str:
        return self.headers.get("chappe-delivery", "")


def wrongs(
    request: Request, account: str, secret_of: Callable[[str, int], str], newest: int
) -> Iterator[str]:
    """What is not as it is promised, in words."""
    headers, events = request.headers, request.events
    if not request.line.startswith("POST /sms/") or not 0 <= request.generation <= newest:
        yield f"{account} is asked {request.line!r}"
        return
    if request.length < 0 or len(request.body) != request.length:
        yield f"{account}: Content-Length {request.length}, {len(request.body)} octets came"
    if not 0 < len(events) <= MOST:
        yield f"{account} is posted {len(events)} events: {request.body[:100]!r}"
        return
    stamp = headers.get("chappe-timestamp", "")
    signed = stamp.encode() + b"." + request.body
    secrets = [secret_of(account, n).encode() for n in range(request.generation, newest + 1)]
    known = {f"v1={hmac.new(secret, signed, hashlib.sha256).hexdigest()}" for secret in secrets}
    if headers.get("chappe-signature") not in known:
        yield f"{account}: {headers.get('chappe-signature')} does not sign what came, at {stamp!r}"
    if headers.get("content-type") != "application/json" or headers.get("chappe-account") != account:
        yield f"{account}: headers {headers}"
    ids = [event["id"] for event in events]
    if request.delivery != f"{ids[0]}-{ids[-1]}" or len(set(ids)) < len(ids):
        yield f"{account}: delivery {request.delivery!r} of events {ids}"
