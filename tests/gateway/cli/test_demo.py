"""`chappe demo`, as `make run` shows it to somebody new."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.cli import demo, demo_stage

REPO = Path(__file__).resolve().parents[3]


def run_in(folder, **options):
    environment = {**os.environ, "PYTHONPATH": str(REPO), "TMPDIR": str(folder)}
    return subprocess.Popen([sys.executable, "-m", "gateway", "demo"], env=environment, cwd=folder, **options)


def test_the_story_is_told_and_nothing_stays(tmp_path):
    began = time.monotonic()
    process = run_in(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert time.monotonic() - began < 15.0
    assert "\x1b" not in told, "no colours into a pipe"
    steps = [
        r"1\. A one-time password", r"submit_sm_resp: on disk", r"shop .*receipt for \d+, DELIVRD",
        r"2\. A long message", r"in 3 parts, every character as sent", r"shop .*receipt for \d+, DELIVRD",
        r"3\. The carrier goes down", r"bearer carrier is down", r"submit_sm_resp: on disk",
        r"modem .*Salle serveurs", r"status report for TP-MR 0", r"receipt for \d+, DELIVRD", r"waiting for the carrier: 1",
        r"shop .*\+33600000001 writes “J'y vais”",
        r"bearer carrier is up", r"carrier .*has it, every character as sent", r"shop .*receipt for \d+, DELIVRD",
        r"4\. A reply", r"shop .*\+33600000001 writes “Merci, à demain ! 👍”",
        r"5\. A campaign", r"has it, every character", r"36180: “STOP”", r"carrier .*prise en compte",
        r"submit_sm_resp: OPTED_OUT, stop: the recipient has opted out", r"receipt for \d+, DELIVRD", r"7 messages DELIVERED",
    ]  # fmt: skip
    assert re.search(".*".join(steps), told, re.DOTALL), told
    assert "route default falls back to sim" in told, (
        "told within a second of it, before or after the modem's line"
    )
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_it_stays_and_takes_messages_until_ctrl_c(tmp_path, chappe):
    ours, theirs = pty.openpty()
    process = run_in(tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    screen = ""
    while "chappe status" not in screen:
        screen += os.read(ours, 10_000).decode("utf-8", "replace")
    assert "\x1b[" in screen, "colours on a terminal"
    config = re.search(r"CHAPPE_CONFIG=(\S+)", screen)[1]
    sent = chappe("send", "--config", config, "--to", "+33600000001", "--text", "Bonjour 👋", "--wait")
    assert sent.returncode == 0, sent.stderr
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    os.close(ours)
    assert list(tmp_path.iterdir()) == []


def test_ended_early_it_leaves_nothing_either(tmp_path):
    process = run_in(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline()
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (1, "chappe: demo: ended by a signal\n")
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_does_not_come_is_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(demo_stage, "PATIENCE", 0.1)

    async def never():
        await demo.Story(tmp_path)._until(lambda: False, "the bind")

    import asyncio

    with pytest.raises(demo.StoryFailed, match=r"the bind: not within 0\.1 s"):
        asyncio.run(never())
