"""The storm as a user meets it: some seconds of it without a violation, and a seed that is the same run twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.mistakes import MISTAKES

QUICK = ("counts_from_zero", "off_by_one", "overtakes")
TESTS = Path(__file__).resolve().parents[1]


def storm(*arguments):
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "simulation", *map(str, arguments)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=890, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.timeout(300)
def test_some_seconds_without_a_violation():
    code, said = storm("--seeds", 100_000, "--seconds", 15, "--days", 0.5)
    assert code == 0, said
    counts = dict(re.findall(r"^([a-z_.]+) +(\d+)$", said, re.MULTILINE))
    assert int(counts["process.killed"]) > 0, said  # it was weather, and not a calm day


def test_a_seed_is_the_same_run_twice():
    """To the octet, with its moment; in another process and another folder, with its story told and without."""
    told = re.search(r"digest (\w{64})", storm("--seed", 5, "--days", 0.1)[1])[1]
    assert storm("--digests", "--first", 5, "--seeds", 1, "--days", 0.1)[1].split()[2] == told


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MISTAKES if os.environ.get("STORM_MISTAKES") == "all" else QUICK)
def test_a_planted_mistake_is_found(name):
    """A few in every run; all of them with `make storm-mistakes`."""
    seeds = MISTAKES[name].within
    code, said = storm("--seeds", seeds, "--days", 0.25, "--mistake", name, "--until-found")
    assert code == 1, said
    assert "the storm itself failed" not in said, said


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_failing_seed_is_told_with_the_faults_that_suffice():
    """And replays from what is printed."""
    code, said = storm("--seed", 1, "--days", 0.05, "--mistake", "owes_twice")
    assert code == 1, said
    before = int(re.search(r"with (\d+) faults; shrinking", said)[1])
    after = int(re.search(r"^(\d+) faults:", said, re.MULTILINE)[1])
    assert after < before
    assert re.search(r"VIOLATION .* receipt: M\d{6}", said)
    assert re.search(r" trace +M\d{6} \|   receipt +its receipt was given", said), "what `chappe trace` tells"


def test_enough_mistakes_are_planted():
    assert len(MISTAKES) >= 30
    assert set(QUICK) <= set(MISTAKES)
