"""The gateway as Prometheus sees it: figures read from the live parts when somebody scrapes.

Counters are the ledger's own tally, so the path of a message pays for nothing here but the three histograms
(latency.py). Labels are names of the configuration and words of tables: bearer, account, kind, status, alarm;
never a number, an id or a text. NAMES is the one list; docs/metrics.md explains each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder

import gateway as program
from gateway.control import waiting
from gateway.control.parts import Gateway, View
from gateway.control.roads import condition
from gateway.control.views import state_of, store_figures
from gateway.control.words import kind_word
from gateway.lifecycle import Cause
from gateway.model import Kind
from gateway.watchers.latency import Histogram, Latencies

__all__ = ["NAMES", "Metrics"]

LOOK = 0.25
"""Seconds between two looks at how late the loop is."""
MINUTE = 240
"""Looks of which the worst is shown."""
FRESH = 1.0
"""Seconds for which one collection serves every scraper."""
STATES = ("ready", "degraded", "drained", "refusing", "stopping")

_B, _A, _K, _S = "bearer", "account", "kind", "status"
NAMES: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "chappe_build_info": ("gauge", ("version",), "1, with the version that runs."),
    "chappe_start_time_seconds": ("gauge", (), "When it was started, Unix time."),
    "chappe_state": ("gauge", (_S,), "1 for the state that the gateway is in, 0 for the others."),
    "chappe_messages_total": ("counter", (_A, _K, _S), "Changes of state, by their cause in docs/lifecycle.md."),
    "chappe_bearer_messages_total": ("counter", (_B, _K, _S), "The same by bearer, once a message has one."),
    "chappe_submit_to_accept_seconds": ("histogram", (_B, _K), "From submission to the carrier's or network's answer."),
    "chappe_accept_to_receipt_seconds": ("histogram", (_B, _K), "From that answer to the final receipt."),
    "chappe_queue_wait_seconds": ("histogram", (_K,), "How long a message that was due waited to be taken."),
    "chappe_queue_messages": ("gauge", (_K,), "Messages that wait."),
    "chappe_queue_held_messages": ("gauge", (_K,), "Those of them that an operator holds."),
    "chappe_queue_oldest_seconds": ("gauge", (_K,), "The age of the oldest that waits; 0 when none does."),
    "chappe_in_flight_messages": ("gauge", (), "Given to a bearer, not answered yet."),
    "chappe_in_doubt_messages": ("gauge", (), "Perhaps sent: nobody has answered."),
    "chappe_bearer_up": ("gauge", (_B,), "1 while messages can leave by it."),
    "chappe_bearer_state": ("gauge", (_B, _S), "1, with its state: up, sick, paused, full, down, disabled, draining."),
    "chappe_bearer_credit_segments": ("gauge", (_B,), "Segments that it takes at this moment."),
    "chappe_bearer_unanswered_segments": ("gauge", (_B,), "Its window: sent and not answered."),
    "chappe_bearer_rate_segments": ("gauge", (_B, _S), "Segments a second: contracted, and after complaints."),
    "chappe_bearer_segments_total": ("counter", (_B, _S), "Segments accepted, refused, doubtful."),
    "chappe_modem_signal_dbm": ("gauge", (_B,), "Signal strength of a modem."),
    "chappe_sim_quota_left_segments": ("gauge", (_B,), "What a SIM may still send now."),
    "chappe_account_binds": ("gauge", (_A,), "SMPP binds that are up."),
    "chappe_account_owed_notes": ("gauge", (_A,), "Receipts and replies that it has not answered."),
    "chappe_account_owed_oldest_seconds": ("gauge", (_A,), "Since when about; 0 when nothing is owed."),
    "chappe_orphan_receipts_total": ("counter", (), "Receipts that matched no message."),
    "chappe_ambiguous_receipts_total": ("counter", (), "Receipts that matched more than one message."),
    "chappe_unowned_replies_total": ("counter", (), "Replies to numbers of no account."),
    "chappe_optouts": ("gauge", (), "Opt-outs that hold."),
    "chappe_store_up": ("gauge", (), "0 while the store cannot write: messages are refused."),
    "chappe_store_size_bytes": ("gauge", (), "The store's file."),
    "chappe_store_wal_bytes": ("gauge", (), "Its write-ahead log."),
    "chappe_store_free_bytes": ("gauge", (), "Free space on its disk."),
    "chappe_store_last_commit_seconds": ("gauge", (), "Since the last commit."),
    "chappe_store_transactions_total": ("counter", (), "Commits."),
    "chappe_store_rows_total": ("counter", (), "Rows written."),
    "chappe_loop_lag_seconds": ("gauge", (), "The latest that the event loop was within the last minute."),
    "chappe_alarms": ("gauge", (_S,), "Alarms that stand, by severity."),
    "chappe_alarm": ("gauge", ("alarm", _S), "1 for each alarm that stands; docs/alarms has a page for each."),
    "chappe_http_connections": ("gauge", (), "Open connections of the HTTP listener."),
    "chappe_http_requests_total": ("counter", ("method", "resource", _S), "HTTP requests by the path's pattern."),
    "chappe_http_slow_total": ("counter", (), "Connections closed since no request came in time."),
    "chappe_webhook_posts_total": ("counter", (_A, _S), "POSTs to webhooks: the HTTP status, or error."),
}  # fmt: skip
"""Name -> (type, labels, help)."""

Values = Iterable[tuple[tuple[Any, ...], float]]


class _Figures:
    """One collection, as prometheus_client wants it."""

    def __init__(self) -> None:
        self._families: list[Metric] = []

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)

    def put(self, name: str, values: Values | float) -> None:
        kind, labels, words = NAMES[name]
        family = GaugeMetricFamily if kind == "gauge" else CounterMetricFamily
        made: Any = family(name, words, labels=labels)
        for of, value in [((), values)] if isinstance(values, int | float) else values:
            made.add_metric([str(label) for label in of], value)
        self._families.append(made)

    def histogram(
        self, name: str, histogram: Histogram, shown: Callable[[tuple[Any, ...]], list[str]]
    ) -> None:
        _, labels, words = NAMES[name]
        made = HistogramMetricFamily(name, words, labels=labels)
        for of, buckets, total in histogram.rows():
            made.add_metric(shown(of), buckets, total)
        self._families.append(made)


class Metrics:
    """A Watcher. http, webhooks: figures of those two, asked at each collection (see HttpListener, Webhooks)."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.latencies = Latencies(gateway.clock.wall_ms)
        self.http: Callable[[], tuple[Mapping[tuple[str, str, int], int], int, int]] = lambda: ({}, 0, 0)
        self.webhooks: Callable[[], Mapping[tuple[str, str], int]] = dict
        self._lags: deque[float] = deque([0.0], maxlen=MINUTE)
        self._task: asyncio.Task[None] | None = None
        self._collected: tuple[float, _Figures] | None = None

    async def start(self) -> None:
        self._gateway.ledger.measure = self.latencies.add
        self._task = asyncio.create_task(self._watch_the_loop(), name="loop lag")

    async def stop(self) -> None:
        self._gateway.ledger.measure = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch_the_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LOOK
            await asyncio.sleep(LOOK)
            self._lags.append(loop.time() - due)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """The figures of this moment, as text or OpenMetrics: (octets, content type)."""
        now = self._gateway.clock.now()
        if self._collected is None or now - self._collected[0] >= FRESH:
            self._collected = (now, await self._collect())
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._collected[1])
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    # ── what is collected ────────────────────────────────────────────────────────────────────────────────
    async def _collect(self) -> _Figures:
        gateway, figures = self._gateway, _Figures()
        held = await gateway.held.count(gateway)
        store = await store_figures(gateway)
        _whole(figures, gateway)
        _flow(figures, gateway)
        _queue(figures, waiting.by_kind(gateway, held))
        self._latencies(figures)
        _bearers(figures, gateway)
        _accounts(figures, gateway)
        _store(figures, store)
        self._doors(figures)
        figures.put("chappe_loop_lag_seconds", max(self._lags))
        return figures

    def _latencies(self, figures: _Figures) -> None:
        for name, histogram in (
            ("chappe_submit_to_accept_seconds", self.latencies.accepted),
            ("chappe_accept_to_receipt_seconds", self.latencies.received),
        ):
            figures.histogram(name, histogram, lambda of: [of[0], kind_word(of[1])])
        figures.histogram("chappe_queue_wait_seconds", self.latencies.waited, lambda of: [kind_word(of[0])])

    def _doors(self, figures: _Figures) -> None:
        requests, connections, slow = self.http()
        figures.put("chappe_http_requests_total", requests.items())
        figures.put("chappe_http_connections", connections)
        figures.put("chappe_http_slow_total", slow)
        figures.put("chappe_webhook_posts_total", self.webhooks().items())


def _whole(figures: _Figures, gateway: Gateway) -> None:
    state, _ = state_of(gateway)
    figures.put("chappe_build_info", [((program.__version__,), 1)])
    figures.put("chappe_start_time_seconds", gateway.started_at / 1000)
    figures.put("chappe_state", [((word,), int(word == state)) for word in STATES])
    severities = dict.fromkeys(("critical", "warning"), 0)
    for alarm in gateway.alarms:
        severities[alarm.severity] = severities.get(alarm.severity, 0) + 1
    figures.put("chappe_alarms", [((word,), count) for word, count in severities.items()])
    figures.put("chappe_alarm", [((alarm.id, alarm.severity), 1) for alarm in gateway.alarms])
    figures.put("chappe_optouts", len(gateway.stops.optouts))


def _flow(figures: _Figures, gateway: Gateway) -> None:
    """From the tally: by account and by bearer apart, so that their product is no series."""
    by_account: dict[tuple[str, str, str], int] = {}
    by_bearer: dict[tuple[str, str, str], int] = {}
    for (cause, kind, account, bearer), count in gateway.ledger.tally.counts.items():
        words = kind_word(kind), Cause(cause).name.lower()
        by_account[account, *words] = by_account.get((account, *words), 0) + count
        if bearer:
            by_bearer[bearer, *words] = by_bearer.get((bearer, *words), 0) + count
    figures.put("chappe_messages_total", by_account.items())
    figures.put("chappe_bearer_messages_total", by_bearer.items())
    figures.put("chappe_orphan_receipts_total", gateway.receipts.orphans)
    figures.put("chappe_ambiguous_receipts_total", gateway.receipts.ambiguous)
    figures.put("chappe_unowned_replies_total", gateway.mo.unowned)


def _queue(figures: _Figures, by_kind: View) -> None:
    kinds = by_kind["kinds"]
    words = [kind_word(kind) for kind in Kind]
    figures.put("chappe_queue_messages", [((word,), kinds[word]["count"]) for word in words])
    figures.put("chappe_queue_held_messages", [((word,), kinds[word]["held"]) for word in words])
    figures.put(
        "chappe_queue_oldest_seconds", [((word,), kinds[word]["oldest_age_s"] or 0.0) for word in words]
    )


def _bearers(figures: _Figures, gateway: Gateway) -> None:
    now = gateway.clock.now()
    roads = sorted(gateway.dispatcher.roads.items())
    rates, segments = [], []
    for name, road in roads:
        settings = gateway.config.bearers.get(name)
        rates.append(((name, "contracted"), settings.rate if settings is not None else road.adaptive.rate))
        rates.append(((name, "adaptive"), road.adaptive.rate))
        segments += [((name, word), getattr(road, word)) for word in ("accepted", "refused", "doubtful")]
    figures.put("chappe_bearer_up", [((name,), int(road.open)) for name, road in roads])
    figures.put("chappe_bearer_state", [((name, condition(road, now)[0]), 1) for name, road in roads])
    figures.put("chappe_bearer_credit_segments", [((name,), road.bearer.credit()) for name, road in roads])
    figures.put(
        "chappe_bearer_unanswered_segments", [((name,), len(road.unanswered)) for name, road in roads]
    )
    figures.put("chappe_bearer_rate_segments", rates)
    figures.put("chappe_bearer_segments_total", segments)
    for metric, field in (
        ("chappe_modem_signal_dbm", "signal_dbm"),
        ("chappe_sim_quota_left_segments", "quota_left"),
    ):
        shown = [
            (name, fields[field])
            for name, road in roads
            for fields in road.status.values()
            if field in fields
        ]
        figures.put(metric, [((name,), float(value)) for name, value in shown])
    flying = sum(len(road.unanswered) + road.staged_count + road.taking for _, road in roads)
    figures.put("chappe_in_flight_messages", flying)
    figures.put("chappe_in_doubt_messages", len(gateway.doubts))


def _accounts(figures: _Figures, gateway: Gateway) -> None:
    wall, owed = gateway.clock.wall_ms(), gateway.outbox.counts()
    names = sorted(account.name for account in gateway.accounts)
    binds = {account.name: account.bound for account in gateway.accounts}
    oldest = {
        name: max(0.0, (wall - owed[name][1]) / 1000) if name in owed and owed[name][1] else 0.0
        for name in names
    }
    figures.put("chappe_account_binds", [((name,), binds[name]) for name in names])
    figures.put("chappe_account_owed_notes", [((name,), owed.get(name, (0, 0))[0]) for name in names])
    figures.put("chappe_account_owed_oldest_seconds", [((name,), oldest[name]) for name in names])


def _store(figures: _Figures, store: View) -> None:
    figures.put("chappe_store_up", int(not store["sick"]))
    figures.put("chappe_store_size_bytes", store["size_bytes"])
    figures.put("chappe_store_wal_bytes", store["wal_bytes"])
    figures.put("chappe_store_free_bytes", store["free_bytes"])
    figures.put("chappe_store_last_commit_seconds", store["last_commit_s"])
    figures.put("chappe_store_transactions_total", store["transactions"])
    figures.put("chappe_store_rows_total", store["rows_written"])
