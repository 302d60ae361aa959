"""What the operators' pages tell people to type exists: verbs, sub-verbs and options; and nothing of this machine."""

import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.cli import chappe

REPO = Path(__file__).resolve().parents[2]
PAGES = [
    *(REPO / f"docs/{name}.md" for name in ("operations", "backup", "troubleshooting", "logs", "rules")),
    *(REPO / f"docs/migration-{name}.md" for name in ("kannel", "jasmin")),
    *sorted((REPO / "docs/alarms").glob("*.md")),
    REPO / "README.md",
]
ROOT = click.Context(chappe, info_name="chappe")


def commands(text):
    """What follows "chappe" where a command may stand: after a prompt, in code, behind && or exec NAME."""
    for span in re.findall(r"`(chappe [^`]+)`|^ {4,}(?:\$ )?(chappe [^\n]+)$", text, re.MULTILINE):
        for part in re.split(r"&&|\||;|<|>|…|  #", next(filter(None, span))):
            if part.strip().startswith("chappe "):
                yield part.strip()


def fault(line):
    """What is wrong with a command; None when nothing is."""
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        words = line.split()[1:]
    command, context = chappe, ROOT
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name.isupper():
            return None
        found = command.get_command(context, name)
        if found is None:
            return f"no verb {name}"
        command = found
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {
        "--help",
        "-h",
    }
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"no option {unknown}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(REPO).as_posix() for page in PAGES])
def test_every_command_exists(page):
    text = page.read_text(encoding="utf-8")
    output = r"^ {4,}chappe: .*$|^ {4,}chappe-?\d.*$|^ {4,}chappe [0-9].*$"
    faults = {
        line: why for line in commands(re.sub(output, "", text, flags=re.MULTILINE)) if (why := fault(line))
    }
    assert faults == {}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("chappe status --watch", False),
        ("chappe stats", True),
        ("chappe link disable NAME", False),
        ("chappe link kill NAME", True),
        ("chappe status -c x", True),
        ("chappe optouts export /srv/x.csv", False),
    ],
)
def test_a_command_that_is_not_there_would_be_found(line, wrong):
    assert bool(fault(line)) is wrong


@pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(REPO).as_posix() for page in PAGES])
def test_no_whole_number_of_a_person_and_no_path_of_a_workplace(page):
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"/tmp/\w+", text) == []
    whole = [number for number in re.findall(r"\+\d{9,15}", text) if number != "+33600000001"]
    assert whole == []
