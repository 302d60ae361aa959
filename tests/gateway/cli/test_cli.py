"""The table of verbs: complete, lazy, quick."""

import re
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli import VERBS, chappe

REPO = Path(__file__).resolve().parents[3]
ALL = {name: verb for section in VERBS.values() for name, verb in section.items()}

PROMISED = [
    "init",
    "run",
    "demo",
    "check",
    "send",
    "find",
    "trace",
    "tail",
    "explain",
    "status",
    "links",
    "queue",
    "accounts",
    "hold",
    "release",
    "report",
    "cancel",
    "retry",
    "link",
    "drain",
    "reload",
    "orphans",
    "optouts",
    "suppressed",
    "consents",
    "privacy",
    "completion",
    "backup",
    "restore",
    "migrate",
    "hash-password",
    "simulate",
    "version",
]


def help_in_a_process():
    program = "import sys; sys.argv=['chappe','--help']; from gateway.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    return subprocess.run(
        [sys.executable, "-c", program], check=False, cwd=REPO, capture_output=True, text=True, timeout=20
    )


def test_every_promised_verb_is_there():
    assert sorted(ALL) == sorted(PROMISED)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_verb_leads_to_a_command_of_its_name(name):
    module, attribute, line = ALL[name]
    command = getattr(import_module(f"gateway.cli.{module}"), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help, "without help"
    assert line.endswith(".")


def test_help_lists_every_verb_and_imports_none_of_what_is_heavy():
    done = help_in_a_process()
    shown, modules = done.stdout.rsplit("\n", 2)[0], set(done.stdout.rsplit("\n", 2)[1].split())
    assert all(re.search(rf"^  {name} ", shown, re.MULTILINE) for name in PROMISED)
    heavy = {
        "pydantic",
        "asyncio",
        "structlog",
        "sqlite3",
        "smpplib",
        "uvloop",
        "aiohttp",
        "gateway.app",
        "drivers",
    }
    assert not heavy & modules


def test_help_is_quick():
    """In time of the processor: what others do on this machine meanwhile makes it wait, not work."""

    def seconds():
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert help_in_a_process().returncode == 0
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime

    assert min(seconds() for _ in range(5)) < 0.15  # 0.05 s of a machine of 2024, of which click takes 0.04


def test_an_unknown_verb_is_a_usage_error():
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "telegraph"],
        check=False,
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert "No such command 'telegraph'" in done.stderr


@pytest.mark.parametrize(("said", "hint"), [("statuss", " Did you mean 'status'?"), ("xyzzy", "")])
def test_the_nearest_verb_is_named(said, hint):
    result = CliRunner().invoke(chappe, [said], prog_name="chappe")
    assert result.exit_code == 2
    assert result.output.rstrip().endswith(f"Error: No such command '{said}'.{hint}")


def test_names_of_other_things_are_no_verbs():
    context = click.Context(chappe)
    assert chappe.get_command(context, "config_file") is None


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md"])
def test_documents_name_no_verb_that_is_not_there(document):
    text = (REPO / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^    |`)chappe ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= set(ALL)
