"""make storm: many seeds, each in a child of its own, and a table of what happened; or one seed, told and shrunk.

PYTHONHASHSEED is part of the seed: without it the order of sets would be the machine's.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, islice

from simulation.children import Outcome, in_child, in_children
from simulation.mistakes import MISTAKES
from simulation.shape import Cast
from simulation.shrink import shrunk

__all__ = ["main"]


def main() -> int:
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable,
            [sys.executable, "-m", "simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    parser = argparse.ArgumentParser(prog="make storm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument(
        "--seed", type=int, help="this one alone: its story, and the fewest faults that suffice"
    )
    parser.add_argument("--days", type=float, default=1.0, help="of storm, before the calm")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="stop after so long; 0: when all seeds are done"
    )
    parser.add_argument("--mistake", choices=sorted(MISTAKES), help="plant this one")
    parser.add_argument(
        "--whole", action="store_true", help="the whole story, not only the messages concerned"
    )
    parser.add_argument("--digests", action="store_true", help="a line for each seed, and nothing else")
    parser.add_argument("--until-found", action="store_true", help="stop at the first violation")
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given)
    return _digests(given) if given.digests else _many(given)


def _digests(given: argparse.Namespace) -> int:
    """For versions.py. A run that came to no end has none, and is the last."""
    for outcome in in_children(range(given.first, given.first + given.seeds), 1, given.days, given.mistake):
        if not outcome.digest:
            print(f"seed {outcome.seed}: {outcome.wrong[0]}", file=sys.stderr)
            return 1
        print(
            f"seed {outcome.seed} {outcome.digest} {outcome.sent} sent, {len(outcome.wrong)} violations",
            flush=True,
        )
    return 0


def _concerned(given: argparse.Namespace) -> Iterator[int]:
    """The seeds from the first on; with a mistake, those in whose cast it could matter."""
    among = MISTAKES[given.mistake].among if given.mistake else ""
    return (seed for seed in count(given.first) if not among or getattr(Cast.of(seed), among))


def _many(given: argparse.Namespace) -> int:
    began = time.monotonic()
    seeds = islice(_concerned(given), given.seeds)
    happened: Counter[str] = Counter()
    days = cpu = 0.0
    done = asked = sent = lives = 0
    failed: list[Outcome] = []
    for outcome in in_children(seeds, given.jobs, given.days, given.mistake):
        done += 1
        days += outcome.days
        cpu += outcome.cpu
        asked += outcome.asked
        sent += outcome.sent
        lives += outcome.lives
        happened.update(outcome.happened)
        if outcome.wrong:
            failed.append(outcome)
            print(f"seed {outcome.seed}: {_shown(outcome.wrong[0])}", flush=True)
        if failed and given.until_found:
            break
        if given.seconds and time.monotonic() - began > given.seconds:
            break
    print(f"\n{'fault':<28}{'times':>9}")
    for name, times in sorted(happened.items()):
        print(f"{name:<28}{times:>9}")
    rate = f"{days / cpu * 60:.0f}" if cpu else "?"
    print(f"\n{done} seeds, {days:.0f} simulated days ({rate} per minute of a core), {lives} lives of the gateway,"
          f" {asked} messages asked, {sent} segments sent: {len(failed)} seeds with violations")  # fmt: skip
    for outcome in failed[:20]:
        print(f"  make storm SEED={outcome.seed}")
    return 1 if failed else 0


def _shown(words: str) -> str:
    """A traceback of the storm's own tells most at its end."""
    return words[:400] if "Traceback" not in words else words[-1200:]


def _one(given: argparse.Namespace) -> int:
    outcome = in_child(given.seed, None, given.days, given.mistake, story=True)
    if outcome.wrong:
        print(
            f"seed {given.seed}: {len(outcome.wrong)} violations with {len(outcome.faults)} faults; shrinking ...",
            flush=True,
        )
        fewest = shrunk(outcome, given.days, given.mistake)
        outcome = in_child(given.seed, fewest, given.days, given.mistake, story=True)
    concerned = set(re.findall(r"[MRS]\d{6}", " ".join(outcome.wrong[:3])))
    for line in outcome.story:
        if given.whole or " FAULT " in line or " WRONG " in line or any(token in line for token in concerned):
            print(line)
    print(f"\nseed {given.seed}, digest {outcome.digest}: {outcome.days:.2f} days, {outcome.lives} lives,"
          f" {outcome.asked} asked, {outcome.sent} sent")  # fmt: skip
    print(
        f"{len(outcome.faults)} faults:" if outcome.wrong else f"{len(outcome.faults)} faults, no violation"
    )
    for fault in outcome.faults if outcome.wrong else ():
        print(f"  {fault}")
    for words in outcome.wrong:
        print(f"VIOLATION {words}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
