"""The bench measures what it says: each of its own scenes once, in sizes that take a moment. No figure is judged."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from peers.install import why_missing

BENCH = Path(__file__).resolve().parents[1] / "bench"
ROWS = {
    "answers": ("chappe status, the process and all", "chappe --help, the process and all"),
    "growth": (
        "store, octets a finished message, text kept",
        "store, octets a finished message, text wiped at once",
    ),
    "idle": ("20 idle connections",),
    "many": ("3 bearers, CPU a message", "5 accounts, CPU a message"),
    "history": ("rate with a history of 20,000",),
    "restart": ("restart, 2,000 waiting, 1,000 opt-outs, to the first OTP",),
}


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.parametrize("name", ROWS)
def test_a_scene_runs_and_gives_its_rows(name):
    if missing := why_missing("smppload"):
        pytest.skip(missing)
    command = [sys.executable, BENCH / "run.py", "--small", "--only", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    rows = [re.split(r"  +", line)[0] for line in done.stdout.splitlines()]
    assert set(ROWS[name]) <= set(rows), done.stdout + done.stderr
