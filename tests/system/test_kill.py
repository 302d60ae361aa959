"""No acknowledged message is lost by kill -9, no receipt either, and what is sent twice was in doubt and counted."""

from __future__ import annotations

import asyncio
import os

import pytest
from system.kills import rehearse

KILLS = int(os.environ.get("CHAPPE_KILLS", "5"))


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * KILLS)
def test_kill_9_under_load(tmp_path, capsys):
    verdict = asyncio.run(rehearse(tmp_path, KILLS, seed=int.from_bytes(os.urandom(4), "big")))
    with capsys.disabled():
        print(f"\n{verdict}")
    verdict.judge()
    assert verdict.acknowledged > 50 * KILLS  # else it was no load
    assert verdict.in_doubt  # else nothing was in flight, and nothing was tried
