"""Each seed in a forked child: what a run leaves behind (frozen tasks, patched modules) dies with it."""

from __future__ import annotations

import functools
import gc
import os
import pickle
import random
import select
import signal
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from simulation.faults import Fault
from simulation.mistakes import MISTAKES
from simulation.process import known_law
from simulation.shape import Cast, configuration
from simulation.storm import run
from system.gatewayconfig import written

from gateway.config import load_config

__all__ = ["Outcome", "in_child", "in_children"]

LONGEST = 300
"""Seconds of processor after which a child is given up."""


class Outcome:
    """What came of a seed: see storm.Result. cpu: seconds of processor. story: lines, "" apart."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.wrong: list[str] = []
        self.happened: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.days = self.cpu = 0.0
        self.asked = self.sent = self.told = self.lives = 0
        self.digest = ""
        self.story: list[str] = []


def _work(seed: int, faults: list[Fault] | None, days: float, mistake: str | None, story: bool) -> Outcome:
    outcome = Outcome(seed)
    began = time.process_time()
    try:
        if mistake is not None:
            MISTAKES[mistake].plant()
        result = run(seed, faults, days, story)
    except Exception:
        outcome.wrong = ["the storm itself failed: " + traceback.format_exc()]
        return outcome
    outcome.wrong = result.wrong
    outcome.happened = dict(result.happened)
    outcome.faults = result.faults
    outcome.days, outcome.cpu = result.days, time.process_time() - began
    outcome.asked, outcome.sent, outcome.told, outcome.lives = (
        result.asked,
        result.sent,
        result.told,
        result.lives,
    )
    outcome.digest = result.digest
    for at, who, what, args in result.story or ():
        outcome.story.append(f"{at:13.3f} {who:<9} {what} {' '.join(map(str, args))}".rstrip())
    return outcome


@functools.cache
def _prepare() -> None:
    """What each run would read and work out for itself, and is the same for all."""
    known_law("fr")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load_config(
            written(folder, configuration(folder, random.Random(0), Cast(True, True, True, True))), {}
        )


def _fork(*task: object) -> tuple[int, int]:
    _prepare()
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    os.close(read)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)  # a run that was stopped for a while goes on
    gc.disable()  # a run is short, and its memory dies with it
    try:
        with os.fdopen(write, "wb") as out:
            pickle.dump(_work(*task), out)  # type: ignore[arg-type]
    finally:
        os._exit(0)


def _result(seed: int, pid: int, read: int) -> Outcome:
    with os.fdopen(read, "rb") as source:
        octets = source.read()
    _, status = os.waitpid(pid, 0)
    if octets:
        outcome: Outcome = pickle.loads(octets)
        return outcome
    outcome = Outcome(seed)
    outcome.wrong = [f"the run ended with status {status} and no result: it hangs or crashed"]
    return outcome


def in_child(
    seed: int, faults: list[Fault] | None, days: float, mistake: str | None, story: bool = False
) -> Outcome:
    return _result(seed, *_fork(seed, faults, days, mistake, story))


def in_children(seeds: Iterable[int], jobs: int, days: float, mistake: str | None) -> Iterator[Outcome]:
    """In whatever order they end."""
    waiting = iter(seeds)
    running: dict[int, tuple[int, int]] = {}
    try:
        while True:
            while len(running) < jobs and (seed := next(waiting, None)) is not None:
                pid, read = _fork(seed, None, days, mistake, False)
                running[read] = (seed, pid)
            if not running:
                return
            for read in select.select(list(running), [], [])[0]:
                seed, pid = running.pop(read)
                yield _result(seed, pid, read)
    finally:
        for read, (_, pid) in running.items():
            os.close(read)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
