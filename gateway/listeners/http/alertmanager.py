"""/v1/alertmanager: Prometheus' Alertmanager as a sender: what is critical becomes an SMS to the on-call group.

One text for each notification, however many alerts it groups, in at most two segments; when they are resolved,
one again. Alertmanager repeats what was not answered: a notification is sent once in each quarter of an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiohttp import web

from drivers.sms.alphabet import fit, smart_encoding
from drivers.sms.split import segment_count
from gateway import answers
from gateway.accounts import Account
from gateway.config.policy import AlertmanagerSettings
from gateway.listeners import texts
from gateway.listeners.http.access import Allow
from gateway.listeners.http.messages import submit
from gateway.listeners.http.operation import Operation, Request, answer
from gateway.listeners.http.problem import Problem, of_answer
from gateway.listeners.http.site import Site

__all__ = ["OPERATIONS", "SEGMENTS", "words_of"]

log = structlog.get_logger("listener.http")

SEGMENTS = 2
AGAIN_S = 900
"""Seconds within which the same notification is the same one; Alertmanager's repeat_interval is longer."""
_TEMPORARY = frozenset({answers.THROTTLED, answers.QUEUE_FULL, answers.SYSTEM_ERROR})
_LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
_ALERT = {
    "type": "object",
    "required": ["status", "labels"],
    "properties": {
        "status": {"type": "string", "enum": ["firing", "resolved"]}, "labels": _LABELS, "annotations": _LABELS,
        "startsAt": {"type": "string"}, "fingerprint": {"type": "string"},
    },
}  # fmt: skip
PAYLOAD = {
    "type": "object",
    "required": ["status", "alerts"],
    "properties": {
        "version": {"type": "string"}, "groupKey": {"type": "string"}, "receiver": {"type": "string"},
        "status": {"type": "string", "enum": ["firing", "resolved"]},
        "alerts": {"type": "array", "items": _ALERT, "maxItems": 10_000},
        "commonLabels": _LABELS, "groupLabels": _LABELS, "commonAnnotations": _LABELS,
    },
}  # fmt: skip
Alert = Mapping[str, Any]


async def post(site: Site, request: Request) -> web.StreamResponse:
    settings, account = _configured(site, request)
    alerts = request.body["alerts"]
    critical = [alert for alert in alerts if alert["labels"].get("severity") == "critical"]
    view = {"messages": [], "ignored": len(alerts) - len(critical)}
    if not critical:
        return answer(view)
    recipients = _recipients(settings, request)
    text = words_of(critical, min(SEGMENTS, account.max_segments))
    reference = _reference(request.body, critical, site.gateway.clock.wall_ms() // 1000)
    now = site.gateway.clock.wall_ms() / 1000
    try:
        messages = [
            texts.submission(
                account, to, text, now, kind="alert", reference=f"{reference}:{_mark(to)}", tag="alertmanager"
            )
            for to in dict.fromkeys(recipients)
        ]
    except texts.Refused as refused:
        raise of_answer(refused.status, refused.text) from refused
    given = await submit(site, account, messages)
    refused_ones = [each for each in given if each.status]
    for each in refused_ones:
        log.warning(
            "alertmanager.refused", account=account.name, code=f"0x{each.status:04x}", detail=each.text
        )
    temporary = next((each for each in refused_ones if each.status in _TEMPORARY), None)
    if temporary is not None:  # it asks again, and those who have it already are known by their reference
        raise Problem("unavailable", temporary.text)
    if len(refused_ones) == len(given):
        raise of_answer(given[0].status, given[0].text)
    return answer({**view, "messages": [str(each.message_id) for each in given if not each.status]})


def _configured(site: Site, request: Request) -> tuple[AlertmanagerSettings, Account]:
    settings = site.gateway.config.alertmanager
    account = site.gateway.accounts.get(settings.account) if settings is not None else None
    if settings is None or account is None:
        raise Problem("not-found", "no [alertmanager] is configured")
    own = request.caller.account
    if own is not None and own is not account:
        raise Problem("forbidden", f"alerts are sent as account {account.name}: use its token")
    return settings, account


def _recipients(settings: AlertmanagerSettings, request: Request) -> Sequence[str]:
    """Of ?group=, else of the group that is called like the receiver, else of `default`."""
    groups = settings.groups
    asked = request.query.get("group", "")
    if asked and asked not in groups:
        raise Problem("invalid", f"?group={asked}: there are {', '.join(groups) or 'none'}")
    for name in (asked, request.body.get("receiver", ""), "default"):
        if groups.get(name):
            return groups[name]
    raise Problem(
        "invalid", "no group of [alertmanager] groups is meant: name one default, or ask with ?group=NAME"
    )


def _reference(body: Alert, critical: Sequence[Alert], now: int) -> str:
    """The same for a notification that comes again, another once its quarter of an hour is over."""
    parts = [str(body.get("groupKey", "")), str(now // AGAIN_S)]
    parts += sorted(
        f"{alert['status']} {alert.get('fingerprint') or sorted(alert['labels'].items())} {alert.get('startsAt', '')}"
        for alert in critical
    )
    return f"am-{hashlib.sha256(chr(10).join(parts).encode('utf-8', 'replace')).hexdigest()[:40]}"


def _mark(to: str) -> str:
    """Tells recipients apart whatever their places: a reload may change those within the quarter of an hour."""
    return hashlib.sha256(to.encode()).hexdigest()[:12]


# ── the text ─────────────────────────────────────────────────────────────────────────────────────────────────
def words_of(alerts: Sequence[Alert], segments: int) -> str:
    """FIRING 2: BearerDown orange: no answer; DiskLow. RESOLVED: … — as much of it as fits."""
    halves = []
    for status in ("firing", "resolved"):
        lines = list(dict.fromkeys(_line(alert) for alert in alerts if alert["status"] == status))
        if lines:
            count = f" {len(lines)}" if len(lines) > 1 else ""
            halves.append(f"{status.upper()}{count}: {'; '.join(lines)}")
    whole = smart_encoding(". ".join(halves))
    if len(whole) <= segments * 160 and _segments(whole) <= segments:
        return whole
    whole = whole[: segments * 160]  # of a megabyte, what cannot fit is not encoded twenty times over
    low, high = 1, len(whole)
    while low < high:  # the longest beginning that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _segments(whole[:middle] + "...") <= segments else (low, middle - 1)
    return whole[:low] + "..."


def _segments(text: str) -> int:
    data_coding, payload = fit(text)
    return segment_count(payload, data_coding)


def _line(alert: Alert) -> str:
    """Its name, what it is about, and its summary, on one line."""
    labels, annotations = alert["labels"], alert.get("annotations", {})
    about = next((labels[name] for name in ("bearer", "account", "instance", "job") if labels.get(name)), "")
    summary = annotations.get("summary") or annotations.get("description") or ""
    words = " ".join(filter(None, (labels.get("alertname", "alert"), about)))
    line = f"{words}: {summary}" if summary else words
    return "".join(c if c.isprintable() else " " for c in " ".join(line.split()))


OPERATIONS = (
    Operation(
        method="POST", path="/v1/alertmanager", handler=post, tag="adapters",
        summary="Alerts of Prometheus' Alertmanager", allow=Allow(account=True, role="operator"),
        details="Its webhook_configs send here. Alerts with the label severity=critical are sent, others are ignored.",
        query={"group": {"type": "string", "maxLength": 100}}, body=PAYLOAD,
        answers={200: "Sent, or nothing of it was critical.", 404: "No [alertmanager] is configured."},
        answer={"type": "object", "required": ["messages", "ignored"], "properties": {
            "messages": {"type": "array", "items": {"type": "string"}}, "ignored": {"type": "integer"}}},
    ),
)  # fmt: skip
