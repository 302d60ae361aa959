"""chappe consents against a running gateway: what it prints, what it writes, what it refuses."""

import csv
import json

import pytest
import structlog
from click.testing import CliRunner
from running_gateway import CONFIG, Running

from gateway.cli.consents import consents

NUMBER, OTHER = "+33612345678", "+33600000002"
SHOP = ("--scope", "account:shop")
RULES = CONFIG.replace('["sender"]', '["sender", "consent"]').replace(
    "[accounts.shop]", '[accounts.shop]\nbrand = "Chappe"'
)


@pytest.fixture
def gateway(tmp_path):
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory()
    )  # one process here: its log is no answer
    with Running(tmp_path, config=RULES) as running:
        yield running
    structlog.reset_defaults()


@pytest.fixture
def chappe(gateway):
    """Runs `chappe consents …`, and gives its result."""

    def invoke(*words, code=0):
        result = CliRunner().invoke(consents, [*words, "--config", str(gateway.path)], env={"NO_COLOR": "1"})
        assert result.exit_code == code, result.output + result.stderr
        return result

    return invoke


def test_one_proof_by_hand(chappe):
    words = (NUMBER, *SHOP, "--reference", "form-12", "--source", "till", "--text", "I want offers")
    at = ("--at", "2026-03-01T08:00:00+01:00")
    assert chappe("add", *words, *at).stdout == "+336…678: consent kept (account:shop)\n"
    assert "was kept already" in chappe("add", *words, *at).stdout
    shown = chappe("list", "--number", NUMBER).stdout
    assert "1 consents: account:shop 1" in shown and "I want offers" in shown and NUMBER not in shown
    assert "2026-03-01T07:00:00.000Z" in shown
    assert "consent revoked" in chappe("revoke", NUMBER, *SHOP, "--source", "letter of 3 March").stdout
    assert "was revoked already" in chappe("revoke", NUMBER, *SHOP, "--source", "again").stdout
    story = json.loads(chappe("list", "--number", NUMBER, "--json").stdout)["story"]
    assert [(act["act"], act["source"]) for act in story] == [
        ("add", "till"),
        ("revoke", "letter of 3 March"),
    ]


def test_a_proof_for_many(chappe):
    many = ("--reference", "terms-2026")
    assert chappe("add", *SHOP, *many, "--source", "contract").stdout == (
        "reference terms-2026: consent kept (account:shop)\n"
    )
    assert "(many)" in chappe("list").stdout
    assert "consent revoked" in chappe("revoke", *SHOP, *many, "--source", "new terms").stdout
    assert "or --reference" in chappe("add", *SHOP, "--source", "till", code=2).stderr
    assert "account:NAME" in chappe("add", NUMBER, "--scope", "all", "--source", "x", code=2).stderr


def test_a_file_comes_in_and_what_goes_out_comes_in_again(chappe, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "number,reference,source,text,at,scope\n"
        f'{NUMBER},form-12,till,"Oui, je veux",2026-03-01T08:00:00+01:00,\n'
        f"{OTHER},form-13,,,,brand:Chappe\n"
        ",terms-2026,contract,,,\n",
        "utf-8",
    )
    assert chappe("import", str(path), *SHOP).stdout == "3 consents kept, 0 were already, of 3 lines\n"
    out = tmp_path / "out.csv"
    assert "3 consents" in chappe("export", str(out), "--unmasked").stderr
    rows = {row["number"]: row for row in csv.DictReader(out.read_text("utf-8").splitlines())}
    assert (rows[NUMBER]["text"], rows[NUMBER]["at"]) == ("Oui, je veux", "2026-03-01T07:00:00.000Z")
    assert (rows[OTHER]["scope"], rows[OTHER]["source"]) == ("brand:Chappe", "list.csv")
    assert rows[""]["reference"] == "terms-2026"
    assert chappe("import", str(out)).stdout == "0 consents kept, 3 were already, of 3 lines\n"
    lines = [json.loads(line) for line in chappe("export", "--json", *SHOP).stdout.splitlines()]
    assert len(lines) == 2


def test_faults_are_named_by_line_and_nothing_is_applied_unless_asked(gateway, chappe, tmp_path):
    path = tmp_path / "list.csv"
    lines = [
        "number,scope,reference,text,at,state",
        f"{NUMBER},account:shop,r,,,",
        "0612345678,account:shop,r,,,",
        ",account:shop,,,,",
        f"{OTHER},,r,,,",
        f"{OTHER},global,r,,,",
        f"{OTHER},account:shop,{'r' * 129},,,",
        f"{OTHER},account:shop,r,{'t' * 1001},,",
        f"{OTHER},account:shop,r,,soon,",
        f"{OTHER},account:shop,r,,,withdrawn",
    ]
    path.write_text("\n".join(lines), "utf-8")
    told = chappe("import", str(path), code=1).stdout
    assert "8 lines are refused" in told and "nothing was applied: --partial" in told
    assert gateway.ask("consents")["total"] == 0
    rejects = (tmp_path / "list.csv.rejects.csv").read_text("utf-8")
    faults = {row["line"]: row["reason"] for row in csv.DictReader(rejects.splitlines())}
    for line, words in {
        "3": "international form", "4": "no number", "5": "--scope", "6": "account:NAME", "7": "at most 128",
        "8": "at most 1000", "9": "no moment", "10": "given or revoked",
    }.items():  # fmt: skip
        assert words in faults[line], faults
    assert "1 consents kept" in chappe("import", str(path), "--partial", code=1).stdout


def test_what_was_withdrawn_moves_with_the_list(gateway, chappe, tmp_path):
    """Left behind, it would be no withdrawal on the other node, and marketing would go there."""
    words = ("--reference", "form-12", "--source", "till")
    for number in (NUMBER, OTHER):
        chappe("add", number, *SHOP, *words)
    chappe("revoke", NUMBER, *SHOP, "--source", "letter of 3 March")
    out = tmp_path / "out.csv"
    chappe("export", str(out), "--unmasked")
    assert "0 consents kept, 2 were already" in chappe("import", str(out)).stdout
    other = tmp_path / "other"
    other.mkdir()
    with Running(other, config=RULES) as node:
        told = CliRunner().invoke(consents, ["import", str(out), "--config", str(node.path)])
        assert told.stdout == "1 consents kept, 1 revoked, 0 were already, of 2 lines\n"
        (shown,) = node.ask("consents", number=NUMBER)["consents"]
        assert (shown["state"], shown["source"]) == ("revoked", "letter of 3 March")
        assert "consents import end" in [verb for _, verb, _ in node.audit()]
    twice = tmp_path / "twice.csv"
    twice.write_text(f"{OTHER},account:shop,r,,,,revoked\n{OTHER},account:shop,r,,,,given\n", "utf-8")
    assert "1 consents kept, 1 revoked, 0 were" in chappe("import", str(twice)).stdout
    assert gateway.ask("consents", number=OTHER)["consents"][0]["state"] == "given"
