"""What Prometheus scrapes: every name that is promised, with the figures that are true; and the files that use them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from peers import install
from prometheus_client.parser import text_string_to_metric_families
from running_http import BANK, SHOP, Site

from gateway.watchers.metrics import NAMES

REPO = Path(__file__).parents[3]
PAGE = REPO / "docs" / "metrics.md"
RULES = REPO / "config" / "prometheus" / "alerts.yml"
BOARD = REPO / "config" / "grafana" / "chappe.json"
SAMPLES = re.compile(r"\bchappe_[a-z0-9_]+")


def family(name: str) -> str:
    """The name as it is promised, of a sample's."""
    for end in ("_bucket", "_count", "_sum"):
        if name.endswith(end) and name.removesuffix(end) in NAMES:
            return name.removesuffix(end)
    return name


class Scrape:
    def __init__(self, site):
        site.app.web.metrics._collected = None
        self.text = site.http("GET", "/metrics").body.decode()
        families = text_string_to_metric_families(self.text)
        self.samples = [sample for family in families for sample in family.samples]

    def __call__(self, name, **labels):
        found = [s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()]
        assert found, name
        return sum(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as running:
        running.http(
            "POST", "/v1/messages", SHOP, [{"to": f"+3361234{n:04}", "text": "x"} for n in range(20)]
        )
        running.send(token=BANK)
        running.send(send_at="2030-01-01T00:00:00Z", kind="marketing")
        running.until(lambda: sum(n for k, n in running.app.ledger.tally.counts.items() if k[0] == 19) == 21)
        yield running


def test_every_name_is_there_and_no_other(site):
    scrape = Scrape(site)
    typed = dict(re.findall(r"^# TYPE (\S+) (\S+)$", scrape.text, re.MULTILINE))
    for name, (kind, labels, words) in NAMES.items():
        assert typed.pop(name) == kind
        assert words.endswith(".")
        assert len(set(labels)) == len(labels)
    assert not typed


def test_figures_are_true(site):
    scrape = Scrape(site)
    assert scrape("chappe_messages_total", account="shop", status="deliver") == 20
    assert scrape("chappe_messages_total", account="bank", kind="otp", status="deliver") == 1
    assert scrape("chappe_bearer_messages_total", bearer="sim", status="accept") == 21
    assert scrape("chappe_bearer_segments_total", bearer="sim", status="accepted") == 21
    assert scrape("chappe_submit_to_accept_seconds_count", bearer="sim") == 21
    assert scrape("chappe_accept_to_receipt_seconds_count", bearer="sim") == 21
    assert scrape("chappe_queue_wait_seconds_count") == 21
    assert scrape("chappe_queue_messages", kind="marketing") == 1
    assert scrape("chappe_queue_messages", kind="otp") == 0
    assert scrape("chappe_bearer_up", bearer="sim") == 1
    assert scrape("chappe_bearer_credit_segments", bearer="sim") > 0
    assert scrape("chappe_state", status="ready") == 1
    assert scrape("chappe_state") == 1
    assert scrape("chappe_store_up") == 1
    assert scrape("chappe_store_size_bytes") + scrape("chappe_store_wal_bytes") > 10_000
    assert scrape("chappe_store_transactions_total") > 2
    assert 0 <= scrape("chappe_loop_lag_seconds") < 5
    assert scrape("chappe_http_requests_total", resource="/v1/messages", status="202") >= 3


def test_a_bearer_that_is_down_shows_and_so_does_its_alarm(tmp_path):
    with Site(tmp_path) as site:
        site.ask("link", name="sim", act="disable")
        site.call(site.app.alarms.raise_, "bearer.sim", "critical", "it is down")
        scrape = Scrape(site)
        assert scrape("chappe_bearer_up", bearer="sim") == 0
        assert scrape("chappe_bearer_state", bearer="sim", status="disabled") == 1
        assert scrape("chappe_alarm", alarm="bearer.sim", status="critical") == 1
        assert scrape("chappe_alarms", status="critical") == 1
        assert scrape("chappe_state", status="degraded") == 1


def test_a_modem_shows_its_signal(site, monkeypatch):
    road = site.app.dispatcher.roads["sim"]
    monkeypatch.setitem(road.status, "modem", {"signal_dbm": -71, "quota_left": 12})
    scrape = Scrape(site)
    assert (
        scrape("chappe_modem_signal_dbm", bearer="sim"),
        scrape("chappe_sim_quota_left_segments", bearer="sim"),
    ) == (-71, 12)


def test_labels_are_words_of_the_configuration(site):
    text = Scrape(site).text
    assert "+336" not in text
    assert not re.search(r'"\d{15,}"', text), "no message id"
    labels = set(re.findall(r'(\w+)="', text))
    assert labels <= {"bearer", "account", "kind", "status", "alarm", "version", "method", "resource", "le"}


def test_scrapers_share_a_collection(site):
    first = site.http("GET", "/metrics").body
    collected = site.app.web.metrics._collected
    site.http("GET", "/metrics")
    assert site.app.web.metrics._collected is collected
    assert first


def test_who_does_not_scrape_pays_nothing(tmp_path):
    with Site(tmp_path) as site:
        assert site.app.ledger.measure is not None
        site.run(site.app.web.stop())
        assert site.app.ledger.measure is None


# ── the files ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_page_explains_every_name():
    named = set(re.findall(r"^\| `(chappe_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE))
    assert named == set(NAMES)


@pytest.mark.parametrize("file", [RULES, BOARD, PAGE], ids=lambda file: file.name)
def test_every_metric_that_a_file_names_exists(file):
    used = {family(name) for name in SAMPLES.findall(file.read_text("utf-8"))}
    assert used
    assert used <= set(NAMES), used - set(NAMES)


def test_the_board_is_one_that_grafana_takes():
    board = json.loads(BOARD.read_text("utf-8"))
    assert board["title"] == "Chappe"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] == "row" or panel["targets"], panel["title"]
        assert set(panel["gridPos"]) == {"h", "w", "x", "y"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    places = [(p["gridPos"]["y"], p["gridPos"]["x"]) for p in panels]
    assert len(set(places)) == len(places)


def test_a_critical_rule_pages_and_says_what_to_do():
    text = RULES.read_text("utf-8")
    rules = re.findall(r"- alert: (\w+)(.*?)(?=- alert:|\Z)", text, re.DOTALL)
    assert len(rules) >= 8
    for name, body in rules:
        assert re.search(r"severity: (critical|warning)", body), name
        assert "summary:" in body, name
        assert "expr:" in body, name


@pytest.mark.peers("promtool")
def test_promtool_reads_every_query_of_the_board(tmp_path):
    panels = json.loads(BOARD.read_text("utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    texts = [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in queries]
    rules = [{"record": f"x:{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "board.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    done = subprocess.run(
        [install.program("promtool"), "check", "rules", file], capture_output=True, check=False, text=True, timeout=30,
        env=install.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.peers("promtool")
def test_promtool_accepts_the_rules():
    promtool = install.program("promtool")
    done = subprocess.run(
        [promtool, "check", "rules", RULES],
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
        env=install.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.peers("promtool")
def test_promtool_accepts_the_metrics(site):
    promtool = install.program("promtool")
    text = Scrape(site).text
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
        env=install.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
