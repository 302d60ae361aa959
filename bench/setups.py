"""The ways in which the product is run to be measured: rules on or off, watched or not, plain or compiled.

With its rules on, every rule judges every message: in permitted hours (the wall clock is put ahead to some), with
a STOP mention and a brand, a client's reference, a number that was counted before and a quota; a million opt-outs
and a million numbers that have had a message within the day stand in the store.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import fill
from parts import COMPILED, NO_RULES, REPO, Bearer, Gateway, free_port, sink

from gateway.model import Kind
from gateway.rules.country_file import load_law
from gateway.rules.hours import HoursRule
from gateway.stores import files, rows
from gateway.stores.optout_table import KEY_OCTETS

sys.path.append(str(REPO / "tests"))
from peers.mosquitto import Broker

__all__ = ["KNOWN", "LOAD", "OPTOUTS", "SINK", "Setup", "objections", "permitted", "seed"]

OPTOUTS = 1_000_000
KNOWN = 1_000_000
"""Numbers that had a message within the day."""
SCOPES = {"short_code:36180": 0.7, "global": 0.1, "account:load": 0.1, "brand:Chappe": 0.1}
RULES = (
    '[rules]\norder = ["sender", "content", "stop", "consent", "hours", "frequency", "quota"]\n'
    '[rules.frequency.marketing]\nmessages = 1000\nper = "7d"\n'
)
ACCOUNT = (
    'brand = "Chappe"\nstop_number = "36180"\nmax_segments = 6\n'
    "quota = { segments_per_day = 1000000000, segments_per_month = 1000000000 }\n"
)
LOAD = (
    *("-n", "4", "-w", "250", "-t", "20", "-s", "36180", "-l", "80"),
    *("--text", "Chappe: tout a -50%! STOP 36180 "),
)
REFERENCES = ("--reference", "bench-")
SINK = ("--dlr-delay", "300", "--dlr-window", "2000")
SCRAPED_EVERY = 5.0
SEED_HOURS = 6


class Setup:
    """One of the ways. rules: all of them, else none. watched: "" not at all; "on" with MQTT to a broker and its
    metrics scraped; "hole" the same with a broker that has stopped to read. tree: plain or compiled sources.
    """

    def __init__(self, rules: bool = False, watched: str = "", tree: Path = REPO, known: int = 0) -> None:
        self.rules = rules
        self.watched = watched
        self.tree = tree
        self.known = known

    @property
    def load(self) -> tuple[str, ...]:
        """What is loaded into it."""
        return (*LOAD, *REFERENCES) if self.rules else LOAD

    @contextlib.contextmanager
    def running(self, folder: Path) -> Iterator[tuple[Gateway, int]]:
        """A gateway of this kind with a fresh store and a fresh carrier, up; and the port of its applications."""
        with contextlib.ExitStack() as stack:
            if self.rules:
                seed(folder / "state", OPTOUTS, self.known)
            tables = ""
            if self.watched:
                broker, web = stack.enter_context(Broker(folder)), free_port()
                tables = f'[mqtt]\nurl = "mqtt://127.0.0.1:{broker.port}"\n[listeners.http]\nport = {web}\n'
            smsc, port = free_port(), free_port()
            stack.enter_context(sink(folder, smsc, *SINK))
            gateway = Gateway(
                folder, port, [Bearer("sink", smsc)], {"load": "marketing"}, "--ahead", f"{permitted():.0f}",
                rules=RULES if self.rules else NO_RULES, more=ACCOUNT, tables=tables, tree=self.tree,
            )  # fmt: skip
            stack.enter_context(gateway)
            gateway.wait_until("up", 120)
            self._check(gateway)
            if self.watched:
                broker.read("chappe/v1/#", count=1, timeout=20)  # it has said that it is there
                stack.enter_context(_scraped(f"http://127.0.0.1:{web}/metrics"))
            if self.watched == "hole":
                stack.enter_context(_frozen(broker))
            yield gateway, port

    def _check(self, gateway: Gateway) -> None:
        compiled = gateway.ask()["compiled"]
        if (compiled > 0) != (self.tree == COMPILED):
            raise RuntimeError(f"{compiled} compiled modules run from {self.tree}: make compiled")


# ── what stands in its store ─────────────────────────────────────────────────────────────────────────────────
def seed(state: Path, count: int, known: int = 0) -> None:
    """A store as `objections` and `fill.history` make it; made once, then copied while it is young."""
    kept = REPO / ".cache" / "bench" / f"seed-{count}-{known}-{files.SCHEMA_VERSION}"
    if not kept.is_dir() or time.time() - kept.stat().st_mtime > SEED_HOURS * 3600:
        shutil.rmtree(kept, ignore_errors=True)
        making = kept.with_name(f"making-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        objections(making, count)
        if known:
            fill.history(making / "chappe.db", known, "load", "sink", Kind.MARKETING, ahead=permitted())
        making.rename(kept)
        os.utime(kept)
    shutil.copytree(kept, state)


def objections(state: Path, count: int) -> None:
    """A store with so many opt-outs, and the key of their digests. Nobody of the load's numbers is among them."""
    state.mkdir(parents=True)
    (state / "hmac.key").write_bytes(os.urandom(KEY_OCTETS))
    (state / "hmac.key").chmod(0o600)
    db = files.connect(state / "chappe.db")
    files.migrate(db, state / "chappe.db")
    draw = random.Random(count)
    db.execute("BEGIN")
    for number, (scope, share) in enumerate(SCOPES.items(), 1):
        db.execute(rows.STATEMENTS[rows.PUT_NAME], (number, scope))
        keys = sorted(draw.getrandbits(63) for _ in range(int(count * share)))
        held = ((number, key, f"+336{key % 10**8:08}", 1, 1, 0, "bench", "bench", 0) for key in keys)
        db.executemany(rows.STATEMENTS[rows.PUT_OPTOUT], held)
    db.execute("COMMIT")
    close(db)


def close(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def permitted(number: str = "+33600000000") -> float:
    """Seconds from now until marketing may leave for an hour at least."""
    hours = HoursRule(load_law("fr").places, "fr-seeds")
    now = at = time.time_ns() // 1_000_000
    while hours.next_open(number, at) != at or hours.next_open(number, at + 3_600_000) != at + 3_600_000:
        at += 1_800_000
    return (at - now) / 1000


# ── who watches it ───────────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def _frozen(broker: Broker) -> Iterator[None]:
    """A broker that keeps its connections and reads nothing from them."""
    broker._process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        broker._process.send(signal.SIGCONT)


@contextlib.contextmanager
def _scraped(url: str) -> Iterator[None]:
    """Somebody reads the metrics, as Prometheus would. Raises RuntimeError at the end when he once could not."""
    over, failed = threading.Event(), list[str]()

    def scrape() -> None:
        while not over.is_set():
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    if b"chappe_messages_total" not in answer.read():
                        failed.append(f"{url} shows no chappe_messages_total")
            except OSError as error:
                failed.append(f"{url}: {error}")
            over.wait(SCRAPED_EVERY)

    thread = threading.Thread(target=scrape, name="scraper")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failed:
        raise RuntimeError(failed[0])
