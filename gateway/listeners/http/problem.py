"""Errors as RFC 9457 says them: application/problem+json, one word for each sort of error. Pure.

The words are a contract: a client that wants to tell errors apart compares `type`, people read `detail`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway import answers

__all__ = ["MEDIA_TYPE", "OF_ANSWERS", "SORTS", "Problem", "of_answer", "of_status"]

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:chappe:"

SORTS: Mapping[str, tuple[int, str]] = {
    "bad-request": (400, "The request cannot be understood"),
    "unauthorized": (401, "A token is needed"),
    "forbidden": (403, "This token may not do that"),
    "sender-not-allowed": (403, "The account may not send from this sender"),
    "kind-not-allowed": (403, "The account may not send this kind of message"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This method does not work here"),
    "too-slow": (408, "The request took too long to arrive"),
    "already-left": (409, "The message can be cancelled no longer"),
    "conflict": (409, "It cannot be done as things are"),
    "reference-reused": (409, "The key or reference was used for another message"),
    "too-large": (413, "The request is too large"),
    "media-type": (415, "The body is of a type that is not read here"),
    "invalid": (422, "The request has faults"),
    "opted-out": (422, "The recipient has opted out"),
    "would-expire": (422, "The message would expire before it may be sent"),
    "frequency-cap": (422, "The recipient has had enough messages"),
    "quota-spent": (422, "The account's quota is spent"),
    "mention-missing": (422, "The STOP mention or the brand is missing"),
    "consent-missing": (422, "A consent is missing"),
    "no-route": (422, "No route leads there"),
    "suppressed": (422, "The number is known to be unused"),
    "throttled": (429, "Too fast"),
    "internal": (500, "A fault of the gateway"),
    "unavailable": (503, "The gateway takes nothing now"),
}
"""Word -> (HTTP status, title)."""

OF_ANSWERS: Mapping[int, str] = {
    answers.THROTTLED: "throttled",
    answers.QUEUE_FULL: "unavailable",
    answers.SYSTEM_ERROR: "unavailable",
    answers.BAD_SOURCE: "sender-not-allowed",
    answers.BAD_SERVICE_TYPE: "kind-not-allowed",
    answers.OPTED_OUT: "opted-out",
    answers.WOULD_EXPIRE: "would-expire",
    answers.FREQUENCY_CAP: "frequency-cap",
    answers.QUOTA_SPENT: "quota-spent",
    answers.MENTION_MISSING: "mention-missing",
    answers.NO_CONSENT: "consent-missing",
    answers.NO_ROUTE: "no-route",
    answers.REFERENCE_REUSED: "reference-reused",
    answers.SUPPRESSED: "suppressed",
}
"""What intake or texts refuse with; any other status is a fault of the request."""

_AGAIN = {"throttled": 1, "unavailable": 10}
"""Retry-After, in seconds, where nothing better is known."""
_OF_STATUS = {status: sort for sort, (status, _) in reversed(list(SORTS.items()))}


class Problem(Exception):
    """An error answer. sort: a key of SORTS. retry_after: seconds. more: members beside the standard ones."""

    def __init__(self, sort: str, detail: str, retry_after: float = 0.0, **more: Any) -> None:
        super().__init__(detail)
        self.sort = sort
        self.detail = detail
        self.retry_after = retry_after or _AGAIN.get(sort, 0)
        self.more = more

    @property
    def status(self) -> int:
        return SORTS[self.sort][0]

    def view(self) -> dict[str, Any]:
        """The body, as plain data."""
        status, title = SORTS[self.sort]
        return {
            "type": _TYPE + self.sort,
            "title": title,
            "status": status,
            "detail": self.detail,
            **self.more,
        }

    def body(self) -> bytes:
        return json.dumps(self.view(), ensure_ascii=False).encode("utf-8", "replace")

    def headers(self) -> dict[str, str]:
        found = {"Content-Type": MEDIA_TYPE}
        if self.retry_after:
            found["Retry-After"] = str(max(1, round(self.retry_after)))
        if self.status == 401:
            found["WWW-Authenticate"] = 'Bearer realm="chappe"'
        return found


def of_answer(status: int, text: str) -> Problem:
    """A refused submission. `code` is the command_status that SMPP would give, for those who speak both."""
    return Problem(OF_ANSWERS.get(status, "invalid"), text, code=f"0x{status:04x}")


def of_status(status: int, detail: str) -> Problem:
    """What the server itself refuses (no such path, a body too large)."""
    return Problem(_OF_STATUS.get(status, "bad-request" if status < 500 else "internal"), detail)
