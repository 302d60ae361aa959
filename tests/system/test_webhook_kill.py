"""kill -9 while receipts are on their way to a webhook: each message's verdict is told, at least once, under one id."""

import json
import random
import sqlite3
import time
import urllib.request

import pytest
from peers.process import free_port
from system.gatewayconfig import configuration
from system.gatewayprocess import GatewayProcess
from webhook_ends import Hook

TOKEN = "token-of-shop-0123456789"
KILLS, EACH = 4, 60


def submit(port: int, count: int, start: int) -> list[str]:
    body = json.dumps([{"to": f"+3361{start + n:07}", "text": f"n {n}"} for n in range(count)]).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/messages", body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [one["id"] for one in json.loads(answer.read())["messages"]]


@pytest.mark.slow
def test_no_verdict_is_lost(tmp_path):
    draw = random.Random(11)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "shop-http").write_text(TOKEN)
    port = free_port()
    with Hook() as hook:
        hook.answers = [200, 500, 200, "cut"] * 500 + [200]
        changes = {
            "listeners": {"smpp": {"enabled": False}, "http": {"port": port}},
            "accounts": {"shop": {"http_token_file": "shop-http", "webhook": hook.url, "max_segments": 1}},
            "bearers": {
                "sim": {
                    "driver": "simulated",
                    "rate": 500,
                    "link": {"latency": "1ms", "receipt_delay": "50ms"},
                }
            },
            "routes": {"all": {"bearers": ["sim"]}},
        }
        gateway = GatewayProcess(tmp_path, configuration(tmp_path, free_port(), {}, changes))
        sent: list[str] = []
        with gateway:
            for life in range(KILLS):
                sent += submit(port, EACH, life * EACH)
                time.sleep(draw.uniform(0.05, 0.4))
                gateway.kill()
                gateway.start()
            hook.answers = [200]
            hook.until(lambda h: set(h.ids) >= set(sent) - _resting(gateway, sent), 20.0)
            told: dict[str, set[str]] = {}
            for event in hook.events:
                told.setdefault(event["message"]["id"], set()).add(event["id"])
            assert set(told) <= set(sent)
            assert all(len(ids) == 1 for ids in told.values()), (
                "the same verdict has the same id, however often it is told"
            )
            assert len(told) >= len(sent) // 2, "most were delivered before they could be in doubt"


def _resting(gateway, sent):
    """Those of which no carrier has said anything: in doubt, or accepted by a simulated one that died with us."""
    db = sqlite3.connect(f"file:{gateway.file.parent / 'state' / 'chappe.db'}?mode=ro", uri=True, timeout=5)
    try:
        rows = db.execute("SELECT id FROM message WHERE state NOT IN (2, 3, 4, 5, 7, 8)").fetchall()
    finally:
        db.close()
    return {str(row[0]) for row in rows}
