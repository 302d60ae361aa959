"""chappe privacy against a running gateway: what it prints, what it writes, what it refuses."""

import json
import stat

import pytest
import structlog
from click.testing import CliRunner
from running_gateway import CONFIG, Running

from gateway.cli.privacy import privacy

NUMBER = "+33612345678"


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
    """Runs `chappe privacy …`, and gives its result."""

    def invoke(*words, code=0):
        result = CliRunner().invoke(privacy, [*words, "--config", str(gateway.path)], env={"NO_COLOR": "1"})
        assert result.exit_code == code, result.output + result.stderr
        return result

    return invoke


def test_everything_as_people_read_it_and_as_json(gateway, chappe, tmp_path):
    sent = gateway.submit(NUMBER, "Votre colis", tag="march")
    gateway.ask("optouts.add", number=NUMBER, scope="global", evidence="letter of 3 March")
    told = chappe("export", "--number", NUMBER).stdout
    assert told.startswith(f"What is kept about {NUMBER} (known as ")
    for line in ("Messages to it: 1", f"  id: {sent}", "  text: Votre colis", "  evidence: letter of 3 March",
                 "Consents to marketing: none", "Acts of operators: none"):  # fmt: skip
        assert line in told.splitlines(), told
    assert json.loads(chappe("export", "--number", NUMBER, "--json").stdout)["messages"][0]["id"] == sent
    out = tmp_path / "answer.txt"
    assert "written" in chappe("export", "--number", NUMBER, "--output", str(out)).stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "  text: Votre colis\n" in out.read_text("utf-8")
    assert "File exists" in chappe("export", "--number", NUMBER, "--output", str(out), code=1).stderr


def test_erased_with_counts_and_only_once(gateway, chappe):
    gateway.submit(NUMBER, "Votre colis")
    gateway.ask("optouts.add", number=NUMBER, scope="global")
    assert "--also-waiting" in chappe("erase", "--number", NUMBER, code=1).stderr
    told = chappe("erase", "--number", NUMBER, "--also-waiting").stdout
    key = gateway.audit()[-1][2][:8]
    assert told.splitlines()[:2] == [f"erased (in the audit log as {key}):", "  1 messages"]
    assert "  1 waiting messages ended" in told and "goes on protecting" in told and "backups" in told
    assert chappe("erase", "--number", NUMBER).stdout.startswith("nothing was kept\n")
    assert json.loads(chappe("erase", "--number", NUMBER, "--json").stdout)["messages"] == 0
    assert "international form" in chappe("erase", "--number", "36180", code=2).stderr
    assert all(NUMBER not in detail for _, _, detail in gateway.audit())
