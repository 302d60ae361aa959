"""The operators' commands against a running gateway: what they print, their JSON, their exit codes."""

import json
import sqlite3
import stat
import sys
from subprocess import run

import pytest
from click.testing import CliRunner
from running_gateway import Running

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.simulator import SimulatedCarrier
from gateway.cli import output
from gateway.cli.messages import cancel, explain, find, hold, release, retry, trace
from gateway.cli.operate import backup, drain, link, orphans, reload
from gateway.cli.watch import accounts, links, queue_, status, tail

MOBILE = "+33612345678"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One gateway for all, bound to a carrier whose receipts never come: messages stay enroute."""
    carrier = SimulatedCarrier(Behaviour(receipts="none"))
    with Running(tmp_path_factory.mktemp("gateway"), carrier) as running:
        running.bound()
        yield running


@pytest.fixture
def chappe(gateway):
    """Runs one command with --config, and gives its result."""

    def invoke(command, *words, code=0, **options):
        arguments = [*words, "--config", str(gateway.path)]
        result = CliRunner().invoke(command, arguments, env={"NO_COLOR": "1"}, **options)
        assert result.exit_code == code, result.output
        return result

    return invoke


def waiting(gateway, **fields):
    """A message that stays here for an hour."""
    return gateway.submit(MOBILE, due=gateway.app.clock.wall_ms() + 3_600_000, **fields)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (status, ("lab is ready", "orange", "shop", "store      well")),
        (links, ("orange", "bound", "spare is down", "what helps", "next try after")),
        (accounts, ("shop", "0/8", "otp, alert")),
    ],
)
def test_a_view_says_what_matters(chappe, command, words):
    text = chappe(command).stdout
    assert [word for word in words if word not in text] == []
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("command", "kind"), [(status, dict), (links, list), (accounts, list), (queue_, list)]
)
def test_a_view_has_json(chappe, command, kind):
    assert isinstance(json.loads(chappe(command, "--json").stdout), kind)


def test_queue_says_why(chappe, gateway):
    waiting(gateway, tag="spring")
    text = chappe(queue_, "--by", "tag").stdout
    assert "spring" in text
    assert "scheduled: the first is due" in text
    chappe(cancel, "--tag", "spring", "--yes")


def test_find_trace_and_explain(chappe, gateway):
    message_id = gateway.submit(MOBILE, "for one pair of eyes", reference="r-1")
    gateway.until(lambda: gateway.app.ledger.tally.counts.get((13, 2, "shop", "orange")))
    found = chappe(find, "--ref", "r-1").stdout
    assert message_id in found
    assert "+336…678" in found
    assert json.loads(chappe(find, "--ref", "r-1", "--json", "--since", "1h").stdout)[0]["id"] == message_id
    told = chappe(trace, message_id).stdout
    assert "is enroute: the carrier has it" in told
    assert "accepted by orange" in told
    assert "pair of eyes" not in told
    assert "pair of eyes" in chappe(trace, message_id, "--text").stdout
    assert json.loads(chappe(trace, message_id, "--json").stdout)["id"] == message_id
    said = chappe(explain, "--to", MOBILE, "--text", "fête").stdout
    assert "taken; leaving now by orange" in said
    assert "because of ê" in said
    later = json.loads(chappe(explain, "--to", MOBILE, "--at", "2h", "--json").stdout)
    assert later["at"] > json.loads(chappe(explain, "--to", MOBILE, "--json").stdout)["at"]


# ── acting ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_hold_release_retry_cancel(chappe, gateway):
    one, two = waiting(gateway), waiting(gateway)
    assert "1 messages held" in chappe(hold, one, "--reason", "ask marketing").stdout
    assert "held: ask marketing" in chappe(trace, one).stdout
    assert "1 messages released" in chappe(release, one).stdout
    assert "1 messages tried now" in chappe(retry, two).stdout
    assert "held: tag autumn" in chappe(hold, "--tag", "autumn").stdout
    assert "released: tag autumn" in chappe(release, "--tag", "autumn").stdout
    assert "there is no hold" in chappe(release, "--tag", "autumn", code=1).stderr
    assert "not both" in chappe(hold, one, "--tag", "autumn", code=2).stderr
    waiting(gateway, tag="winter")
    chappe(cancel, "--tag", "winter", code=1, input="n\n")
    assert "1 messages cancelled" in chappe(cancel, "--tag", "winter", input="y\n").stdout


def test_link_drain_reload_and_orphans(chappe, gateway):
    result = CliRunner().invoke(link, ["disable", "spare", "--config", str(gateway.path)])
    assert "spare is disabled until the daemon restarts" in result.stdout
    assert "spare is disabled" in chappe(links).stdout
    for act, words in (("enable", "spare is enabled"), ("reset", "spare reconnects")):
        assert words in CliRunner().invoke(link, [act, "spare", "--config", str(gateway.path)]).stdout
    gone = CliRunner().invoke(link, ["reset", "sfr", "--config", str(gateway.path)])
    assert (gone.exit_code, "there are: orange, spare" in gone.stderr) == (1, True)
    assert "nothing new is taken" in chappe(drain).stdout
    assert "lab is drained" in chappe(status).stdout
    assert "taken again" in chappe(drain, "--off").stdout
    assert "nothing has changed" in chappe(reload).stdout
    assert "no orphans" in CliRunner().invoke(orphans, ["list", "--config", str(gateway.path)]).stdout
    assert "0 of 0" in CliRunner().invoke(orphans, ["rematch", "--config", str(gateway.path)]).stdout


def test_reload_of_a_bad_file_is_78_and_changes_nothing(chappe, gateway):
    text = gateway.path.read_text()
    gateway.path.write_text(text.replace("rate = 100\n", "rate = true\n"))
    try:
        assert "Nothing was changed" in chappe(reload, code=78).stderr
    finally:
        gateway.path.write_text(text)


def test_backup_is_the_whole_store_and_for_its_owner_only(chappe, gateway, tmp_path):
    gateway.submit(MOBILE)
    target = tmp_path / "copy.db"
    assert str(target) in chappe(backup, str(target)).stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    copy = sqlite3.connect(target)
    try:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM message").fetchone()[0] >= 1
    finally:
        copy.close()
    assert "is there already" in chappe(backup, str(target), code=1).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db"]
    state = gateway.path.parent / "var"
    assert [path.name for path in state.iterdir() if "backup" in path.name] == []


def test_tail_prints_one_line_a_change(gateway, monkeypatch):
    lines = [
        {"data": {"at": "2026-03-01T08:00:00.123Z", "event": "message", "id": "5", "cause": "take", "before": "queued",
                  "state": "inflight", "kind": "otp", "account": "shop", "to": "+336…678", "tag": "", "bearer": "orange",
                  "tries": 1, "error": "", "reason": ""}},
        {"data": {"at": "2026-03-01T08:00:01.000Z", "event": "bearer", "bearer": "orange", "up": False, "reason": "link.lost", "detail": ""}},
    ]  # fmt: skip
    monkeypatch.setattr(output.Daemon, "stream", lambda *_, **__: iter(lines))
    said = CliRunner().invoke(tail, ["--config", str(gateway.path)]).stdout.splitlines()
    assert said == [
        "08:00:00.123 5 queued → inflight (take) shop otp to +336…678 by orange",
        "08:00:01.000 bearer bearer orange, up False, reason link.lost",
    ]


# ── exit codes and words ─────────────────────────────────────────────────────────────────────────────────────
def test_exit_codes(tmp_path, chappe):
    def code(command, *words):
        return CliRunner().invoke(command, words, env={"CHAPPE_CONFIG": "", "CHAPPE_SOCKET": ""}).exit_code

    assert code(status, "--socket", str(tmp_path / "none.sock")) == 3
    assert code(status, "--config", str(tmp_path / "none.toml")) == 78
    (tmp_path / "bad.toml").write_text("[gateway\n")
    assert code(status, "--config", str(tmp_path / "bad.toml")) == 78
    assert code(status, "--no-such-option") == 2
    assert "no message 1" in chappe(trace, "1", code=1).stderr
    assert "no message id" in chappe(trace, "abc", code=2).stderr
    assert "use 7d" in chappe(find, "--tag", "x", "--since", "yesterday", code=2).stderr


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "-"), (0.044, "44 ms"), (1.44, "1.4 s"), (59.6, "60 s"), (61, "1 min"), (3599, "59 min"), (3600, "1 h 00"), (7900, "2 h 11"),
        (2 * 86_400 + 7200, "2 d 2 h"),
    ],
)  # fmt: skip
def test_durations(seconds, words):
    assert output.duration(seconds) == words


def test_a_table_aligns_numbers_to_the_right():
    assert output.table(("name", "count"), [("a", 5), ("long name", 1234), ("", None)]) == [
        "name       count",
        "a              5",
        "long name   1234",
        "-              -",
    ]


def test_the_verbs_start_without_what_only_the_daemon_needs():
    """pydantic, asyncio and the store cost more time than the answer of a status."""
    code = (
        "import sys, gateway.cli.watch, gateway.cli.messages, gateway.cli.operate\n"
        "print([m for m in ('pydantic', 'asyncio', 'sqlite3', 'structlog', 'smpplib') if m in sys.modules])"
    )
    assert (
        run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
