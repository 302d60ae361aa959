"""`chappe report`: what is printed of the gateway's answer, and its JSON."""

import csv
import json

import pytest
from click.testing import CliRunner

from gateway.cli.report import report
from gateway.control.report import LINES, shares

COUNTS = [3969, 8, 18, 112, 4, 267, 1]
ANSWER = {
    "since": "2026-11-15T00:00:00.000Z", "until": "2026-11-22T00:00:00.000Z", "tag": "noël", "account": None,
    "messages": 4379, "segments": 8758,
    "lines": [
        {"line": key, "name": name, "messages": count, "segments": 2 * count, "percent": percent}
        for (key, name), count, percent in zip(LINES, COUNTS, shares(COUNTS), strict=True)
    ],
    "waiting": {"messages": 7, "segments": 14}, "latency_s": {"p50": 1.5, "p95": 62.0},
    "optouts": {"stops": 12, "percent": 0.3},
}  # fmt: skip


@pytest.fixture
def chappe(monkeypatch):
    """Runs the command against that answer; what it was asked with is kept."""
    asked = []

    def call(path, verb, args, tell):
        asked.append((verb, args))
        return ANSWER

    monkeypatch.setattr("gateway.control_client.call", call)

    def invoke(*words):
        result = CliRunner().invoke(report, [*words, "--socket", "control.sock"], env={"NO_COLOR": "1"})
        assert result.exit_code == 0, result.output
        return result.output

    invoke.asked = asked
    return invoke


def test_the_case_of_the_seeds_as_printed(chappe):
    lines = [line.rstrip() for line in chappe("--tag", "noël").splitlines()]
    assert lines[0] == "tag noël, 2026-11-15T00:00:00.000Z to 2026-11-22T00:00:00.000Z"
    table = [" ".join(line.split()) for line in lines[3:11]]
    assert table == [
        "reçu 3969 90.6 % 7938",
        "échec de la transmission 8 0.2 % 16",
        "erreur lors de la réception 18 0.4 % 36",
        "numéro inconnu 112 2.6 % 224",
        "non routé 4 0.1 % 8",
        "transmis 267 6.1 % 534",
        "recrédité 1 <0.1 % 2",
        "total 4379 - 8758",
    ]
    assert lines[-3:] == [
        "still waiting: 7 messages, 14 segments",
        "opt-outs: 12, 0.3 % of the marketing received",
        "delivered within 1.5 s (half), 1 min (95 %)",
    ]
    assert chappe.asked[0][0] == "report"
    assert chappe.asked[0][1]["tag"] == "noël"


GROUPED = ANSWER | {
    "by": "tag", "groups": [{**ANSWER, "tag": ""}, {**ANSWER, "tag": "noël", "latency_s": {"p50": None, "p95": None}}]
}  # fmt: skip


def test_a_line_for_each_group(chappe, monkeypatch):
    monkeypatch.setattr("gateway.control_client.call", lambda *_: GROUPED)
    lines = [" ".join(line.split()) for line in chappe("--by", "tag").splitlines()]
    assert lines[2].startswith("tag messages reçu échec erreur inconnu non routé transmis recrédité segments")
    counts = "3969 (90.6 %) 8 (0.2 %) 18 (0.4 %) 112 (2.6 %) 4 (0.1 %) 267 (6.1 %) 1 (<0.1 %) 8758 7 0.3 %"
    assert lines[3:6] == [
        f"(none) 4379 {counts} 1.5 s",
        f"noël 4379 {counts} -",
        f"total 4379 {counts} 1.5 s",
    ]


def test_csv_has_a_row_for_the_whole_or_for_each_group(chappe, monkeypatch):
    head, row = csv.reader(chappe("--csv").splitlines())
    whole = dict(zip(head, row, strict=True))
    assert (whole["messages"], whole["recu"], whole["recu_percent"]) == ("4379", "3969", "90.6")
    assert (whole["recredite_percent"], whole["waiting"], whole["optouts_percent"], whole["p95_s"]) == (
        "<0.1",
        "7",
        "0.3",
        "62.0",
    )
    monkeypatch.setattr("gateway.control_client.call", lambda *_: GROUPED)
    head, *rows = csv.reader(chappe("--csv", "--by", "tag").splitlines())
    assert (head[0], [row[0] for row in rows]) == ("tag", ["", "noël"])
    assert dict(zip(head, rows[1], strict=True))["p50_s"] == ""


def test_json_is_the_answer(chappe):
    assert json.loads(chappe("--json")) == ANSWER
