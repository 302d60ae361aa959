"""What operators see of a modem: the fields of its Status."""

from __future__ import annotations

from datetime import UTC, datetime

from drivers.modem.facts import Facts
from drivers.modem.quotas import UNLIMITED, SimQuota
from drivers.sms.address import mask

__all__ = ["Fields", "about_modem", "about_quota", "moment"]

Fields = dict[str, str | int | float | bool]


def moment(wall: float) -> str:
    """Unix seconds, to the minute that has begun after them: '2026-11-22 08:55 UTC'."""
    return f"{datetime.fromtimestamp(-(-wall // 60) * 60, UTC):%Y-%m-%d %H:%M} UTC"


def about_modem(facts: Facts) -> Fields:
    """Modem, SIM and network. The SIM's own number is a person's number, so it is masked; IMEI and ICCID say
    which thing to take in hand.
    """
    fields: Fields = {
        "model": " ".join(word for word in (facts.manufacturer, facts.model) if word),
        "imei": facts.imei,
        "iccid": facts.iccid,
        "number": mask(facts.number),
        "network": facts.cell.words,
        "operator": facts.operator or facts.code,
        "roaming": facts.cell.roaming,
        "service_centre": bool(facts.service_centre),
        "receipts": "yes" if facts.reports else "unsupported",
        "routing": facts.routing or "polling",
    }
    if facts.dbm is not None:
        fields["signal_dbm"] = facts.dbm
    for name, memory in facts.memories.items():
        if memory.total:
            fields[f"storage_{name}"] = f"{memory.used}/{memory.total}"
    return fields


def about_quota(quota: SimQuota, wall: float) -> Fields:
    """What the SIM may still send now, and when more; nothing where no limit is set."""
    fields: Fields = {}
    free = quota.free(wall)
    if free != UNLIMITED:
        fields["quota_left"] = free
        if not free:
            fields["quota_frees_at"] = moment(quota.free_at(wall))
    others = quota.recipients_free(wall)
    if others != UNLIMITED:
        fields["recipients_left"] = others
        if not others:
            again = moment(quota.recipient_free_at(wall))
            fields["limit"] = f"only to whom it has written in the last 31 days: to others from {again}"
    return fields
