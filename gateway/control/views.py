"""The live views of the whole: status and accounts, as plain data. Links are in roads.py, the queue in waiting.py."""

from __future__ import annotations

import asyncio
import os
import shutil

import gateway as program
from gateway.control import waiting
from gateway.control.parts import Gateway, View
from gateway.control.rates import Rates
from gateway.control.roads import condition
from gateway.control.words import kind_word, moment

__all__ = ["accounts", "state_of", "status", "store_figures"]


async def status(gateway: Gateway, rates: Rates, held: waiting.Held) -> View:
    """Everything that an operator looks at first."""
    now, wall = gateway.clock.now(), gateway.clock.wall_ms()
    state, why = state_of(gateway)
    roads = sorted(gateway.dispatcher.roads.items())
    orphans = (await gateway.store.query("SELECT count(*) FROM orphan"))[0][0]
    return {
        "name": gateway.config.gateway.name,
        "version": program.__version__,
        "site": gateway.config.gateway.site,
        "pid": os.getpid(),
        "started": moment(gateway.started_at),
        "uptime_s": round((wall - gateway.started_at) / 1000, 1),
        "state": state,
        "why": why,
        "alarms": [
            {"id": a.id, "severity": a.severity, "text": a.text, "since": moment(a.at)}
            for a in gateway.alarms
        ],
        "waiting": waiting.by_kind(gateway, held),
        "holds": [waiting.hold_words(hold) for hold in gateway.holds],
        "in_flight": sum(len(road.unanswered) + road.staged_count + road.taking for _, road in roads),
        "in_doubt": len(gateway.doubts),
        "rates": {
            "seconds": round(rates.seconds, 1),
            **{name: round(rates.per_second(name), 2) for name in ("admitted", "accepted", "delivered", "failed")},
        },
        "store": await store_figures(gateway),
        "bearers": [
            {
                "name": name,
                "state": condition(road, now)[0],
                "since_s": round(now - road.health.since, 1),
                "reason": condition(road, now)[1],
            }
            for name, road in roads
        ],
        "accounts": [{"name": account.name, "binds": account.bound} for account in gateway.accounts],
        "owed": _owed(gateway, wall),
        "orphans": orphans,
    }  # fmt: skip


def state_of(gateway: Gateway) -> tuple[str, str]:
    """(word, why) of the worst that is true."""
    if gateway.draining:
        return "stopping", "the daemon was told to stop"
    if gateway.store.sick:
        return "refusing", f"the store cannot write: {gateway.store.sick}"
    if gateway.lookout.low:
        return "refusing", gateway.lookout.low
    if gateway.drained:
        return "drained", f"{gateway.drained}; `chappe drain --off` takes messages again"
    if gateway.queue.count >= gateway.intake.max_waiting:
        return "refusing", f"{gateway.queue.count} messages wait (store.max_waiting)"
    roads = gateway.dispatcher.roads.values()
    if roads and not any(road.open for road in roads):
        return "degraded", "no bearer is open: messages are taken and wait"
    if gateway.recall.unread:
        does = "leaves" if gateway.recall.barred else "is taken again"
        what = gateway.recall.barred or gateway.recall.unread
        return "degraded", f"the gateway has just started: marketing {does} once it has read {what}"
    return "ready", ""


async def store_figures(gateway: Gateway) -> View:
    store = gateway.store

    def sizes() -> tuple[int, int, int]:
        wal = store.path.with_name(store.path.name + "-wal")
        return (
            store.path.stat().st_size,
            wal.stat().st_size if wal.exists() else 0,
            shutil.disk_usage(store.path.parent).free,
        )

    size, wal, free = await asyncio.to_thread(sizes)
    return {
        "path": str(store.path),
        "sick": store.sick,
        "size_bytes": size,
        "wal_bytes": wal,
        "free_bytes": free,
        "last_commit_s": round(asyncio.get_running_loop().time() - store.last_commit, 1),
        "transactions": store.transactions,
        "rows_written": store.rows_written,
    }


def _owed(gateway: Gateway, wall: int) -> list[View]:
    return [
        {"account": account, "notes": count, "oldest_age_s": max(0.0, (wall - oldest) / 1000)}
        for account, (count, oldest) in sorted(gateway.outbox.counts().items())
    ]


def accounts(gateway: Gateway, rates: Rates) -> list[View]:
    """Who may submit, who is bound from where, and what each is owed."""
    wall = gateway.clock.wall_ms()
    owed = gateway.outbox.counts()
    binds: dict[str, list[View]] = {}
    for bind in gateway.smpp.binds() if gateway.smpp is not None else ():
        transport = bind.transport
        if bind.name and transport is not None:
            binds.setdefault(bind.name, []).append(
                {
                    "peer": transport.peer,
                    "mode": transport.session.state.value,
                    "since": moment(bind.since),
                    "submitted": bind.submitted,
                    "delivered": bind.delivered,
                }
            )
    found = []
    for account in sorted(gateway.accounts, key=lambda account: account.name):
        count, oldest = owed.get(account.name, (0, 0))
        found.append(
            {
                "name": account.name,
                "system_id": account.system_id,
                "binds": binds.get(account.name, []),
                "bound": account.bound,
                "max_binds": account.max_binds,
                "kinds": [kind_word(kind) for kind in sorted(account.kinds)],
                "window": account.window,
                "rate": account.rate,
                "admitted_per_s": round(rates.per_second(f"account {account.name}"), 2),
                "owed": count,
                "owed_oldest_s": max(0.0, (wall - oldest) / 1000) if oldest else None,
            }
        )
    return found
