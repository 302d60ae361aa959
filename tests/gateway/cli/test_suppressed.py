"""chappe suppressed against a running gateway: what it prints, what it writes, what it refuses."""

import csv
import json
import stat

import pytest
import structlog
from click.testing import CliRunner
from running_gateway import CONFIG, Running

from gateway.cli.suppressed import suppressed

NUMBER, OTHER = "+33612345678", "+33600000002"


@pytest.fixture
def gateway(tmp_path):
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory()
    )  # one process here: its log is no answer
    with Running(tmp_path, config=CONFIG.replace('["sender"]', '["sender", "stop"]')) as running:
        yield running
    structlog.reset_defaults()


@pytest.fixture
def chappe(gateway):
    """Runs `chappe suppressed …`, and gives its result."""

    def invoke(*words, code=0):
        result = CliRunner().invoke(
            suppressed, [*words, "--config", str(gateway.path)], env={"NO_COLOR": "1"}
        )
        assert result.exit_code == code, result.output + result.stderr
        return result

    return invoke


def test_one_number_by_hand(chappe):
    assert chappe("list").stdout == "0 suppressed\n"
    assert chappe("add", NUMBER, "--reason", "letters come back").stdout == "+336…678 suppressed\n"
    assert "was suppressed already" in chappe("add", NUMBER).stdout
    shown = chappe("list").stdout
    assert "1 suppressed" in shown and "by hand" in shown and NUMBER not in shown
    assert json.loads(chappe("list", "--json", "--unmasked").stdout)["suppressed"][0]["number"] == NUMBER
    assert "may have marketing again" in chappe("remove", NUMBER).stdout
    assert "was not suppressed" in chappe("remove", NUMBER).stdout
    assert "international form" in chappe("add", "0612345678", code=2).stderr


def test_a_file_comes_in_and_what_goes_out_comes_in_again(chappe, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"reason,number,until\nbounced,{NUMBER},2036-03-01T08:00:00+01:00\n,{OTHER},\n", "utf-8")
    assert chappe("import", str(path)).stdout == "2 suppressed, 0 were already, of 2 lines\n"
    out = tmp_path / "out.csv"
    assert "2 suppressed" in chappe("export", str(out), "--unmasked").stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    rows = {row["number"]: row for row in csv.DictReader(out.read_text("utf-8").splitlines())}
    assert (rows[NUMBER]["reason"], rows[NUMBER]["until"]) == ("bounced", "2036-03-01T07:00:00.000Z")
    assert rows[OTHER]["reason"] == "imported" and rows[OTHER]["source"].startswith("import of list.csv by ")
    assert chappe("import", str(out)).stdout == "0 suppressed, 2 were already, of 2 lines\n"
    lines = [json.loads(line) for line in chappe("export", "--json").stdout.splitlines()]
    assert {line["number"] for line in lines} == {"+336…678", "+336…002"}
    assert "File exists" in chappe("export", str(out), code=1).stderr


def test_faults_are_named_by_line_and_nothing_is_applied_unless_asked(gateway, chappe, tmp_path):
    path = tmp_path / "list.csv"
    lines = [NUMBER, "0612345678", f"{OTHER},soon", f"{OTHER},2026-03-01T08:00:00Z,2026-02-01T08:00:00Z",
             f"{OTHER},,,{'x' * 201}"]  # fmt: skip
    path.write_text("\n".join(lines), "utf-8")
    told = chappe("import", str(path), code=1).stdout
    assert "4 lines are refused" in told and "nothing was applied: --partial" in told
    assert gateway.ask("suppressed")["total"] == 0
    rejects = tmp_path / "list.csv.rejects.csv"
    faults = {row["line"]: row["reason"] for row in csv.DictReader(rejects.read_text("utf-8").splitlines())}
    assert [faults[line].split(":")[0] for line in ("3",)] == ["'soon' is no moment"]
    assert "international form" in faults["2"] and "later than since" in faults["4"]
    assert faults["5"] == "reason has 201 characters: at most 200"
    assert (
        "1 suppressed, 0 were already, of 5 lines" in chappe("import", str(path), "--partial", code=1).stdout
    )
    assert gateway.ask("suppressed")["total"] == 1
