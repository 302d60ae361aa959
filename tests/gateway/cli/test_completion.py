"""What the shells are given works in a real bash, and completes what the program knows."""

import shutil
import subprocess
import sys

import lab
import pytest

from gateway.cli import VERBS

VERB_NAMES = {name for verbs in VERBS.values() for name in verbs}


@pytest.fixture
def chappe_on_path(tmp_path):
    """A folder with a program `chappe`, as an installation has one."""
    program = tmp_path / "chappe"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gateway "$@"\n')
    program.chmod(0o755)
    return tmp_path


def completed(folder, *words):
    """What bash offers after these words; the last one is being typed."""
    line = " ".join(f"'{word}'" for word in words)
    script = (
        f'PATH="{folder}:$PATH"; source <(chappe completion bash) 2>/dev/null; COMP_WORDS=({line}); '
        f'COMP_CWORD={len(words) - 1}; _chappe_completion chappe; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=lab.environment(), cwd=lab.REPO, timeout=20,
        check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("chappe", ""), VERB_NAMES),
        (("chappe", "re"), {name for name in VERB_NAMES if name.startswith("re")}),
        (("chappe", "optouts", "a"), {"add"}),
        (("chappe", "send", "--kind", "o"), {"otp"}),
    ],
    ids=["verbs", "verbs that begin so", "verbs below a verb", "values of an option"],
)
def test_bash_offers_what_there_is(chappe_on_path, words, offered):
    assert completed(chappe_on_path, *words) == offered


@pytest.mark.parametrize(("shell", "line"), [("zsh", "#compdef chappe"), ("fish", "complete --no-files")])
def test_the_other_shells_get_theirs(shell, line):
    done = lab.chappe("completion", shell)
    assert done.returncode == 0
    assert line in done.stdout


def test_another_shell_is_refused_in_words():
    done = lab.chappe("completion", "ksh")
    assert done.returncode == 2
    assert "'bash', 'zsh', 'fish'" in done.stderr
