"""The comparison of interpreters can fail, and does not compare one with itself."""

import subprocess
import sys
from pathlib import Path

import pytest
from simulation.versions import _compared, main

TESTS = Path(__file__).resolve().parents[1]
SAME = ["seed 1 aa 3 sent, 0 violations", "seed 2 bb 4 sent, 0 violations"]


def test_a_seed_that_differs_is_named(capsys):
    assert _compared({"one": SAME, "other": SAME}, 2) == 0
    assert _compared({"one": SAME, "other": SAME, "third": [SAME[0], "seed 2 cc"]}, 2) == 1
    assert "seed 2 cc" in capsys.readouterr().out


def test_a_run_that_breaks_off_is_no_agreement():
    assert _compared({"one": SAME, "other": SAME[:1]}, 2) == 1
    assert _compared({"one": [], "other": []}, 2) == 1


def test_one_interpreter_twice_compares_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["versions", sys.executable])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert "name another Python" in capsys.readouterr().err


def test_what_it_reads_of_each_run():
    ran = subprocess.run(
        [sys.executable, "-m", "simulation", "--digests", "--first", "7", "--seeds", "2", "--days", "0.01"],
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parent}", "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["seed", "7"], ["seed", "8"]]
    assert len({line.split()[2] for line in lines}) == 2
    assert all(len(line.split()[2]) == 64 for line in lines)
