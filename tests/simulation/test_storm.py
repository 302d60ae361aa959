"""The storm as a user meets it: some seconds of it without a violation, and a seed that is the same run twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from simulation.mistakes import MISTAKES

TESTS = Path(__file__).resolve().parents[1]


def storm(*arguments):
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "simulation", *map(str, arguments)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def test_some_seconds_without_a_violation():
    code, said = storm("--seeds", 100_000, "--seconds", 15, "--days", 0.5)
    assert code == 0, said
    counts = dict(re.findall(r"^([a-z_.]+) +(\d+)$", said, re.MULTILINE))
    assert int(counts["process.killed"]) > 0, said  # it was weather, and not a calm day


def test_a_seed_is_the_same_run_twice():
    """To the octet, with its moment; under another PYTHONHASHSEED and in another process."""
    first, second = (re.search(r"digest (\w{64})", storm("--seed", 5, "--days", 0.1)[1])[1] for _ in "12")
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_found(name):
    """Beginning with a seed that found it when it was planted; the product's later changes may take it elsewhere."""
    mistake = MISTAKES[name]
    code, said = storm(
        "--first", mistake.first, "--seeds", mistake.within, "--days", 0.25, "--mistake", name, "--until-found"
    )
    assert code == 1, said
    assert "the storm itself failed" not in said, said


@pytest.mark.slow
def test_a_failing_seed_is_told_with_fewer_faults_and_replays():
    """What is printed is enough to see why: the faults that suffice, and the messages concerned."""
    code, said = storm("--seed", MISTAKES["keeps_no_parts"].first, "--days", 0.25, "--mistake", "keeps_no_parts")
    assert code == 1, said
    before = int(re.search(r"with (\d+) faults; shrinking", said)[1])
    after = int(re.search(r"^(\d+) faults:", said, re.MULTILINE)[1])
    assert after < before
    assert "VIOLATION" in said
    assert "FAULT" in said
