"""make storm-versions: the same seeds by several Pythons; exit 1 with the first that is not the same run in all.

Each gets an environment of its own in .cache, with the packages of ours in the versions of ours: aiohttp takes part
in a seed. The storm itself is the one of this folder. One interpreter twice would compare nothing, and is refused.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[2]
WHO = "import sys, sqlite3; print(f'Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}')"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make storm-versions", description=__doc__)
    parser.add_argument("pythons", nargs="+", help="interpreters, beside the one that runs this")
    parser.add_argument("--seeds", type=int, default=40, help="how many, from --first on")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--days", type=float, default=0.25)
    given = parser.parse_args()
    pythons = {_said(sys.executable, "-c", WHO).strip(): sys.executable}
    for python in given.pythons:
        pythons.setdefault(_said(python, "-c", WHO).strip(), python)
    if len(pythons) < 2:
        parser.error(f"all of these are {next(iter(pythons))}: name another Python")
    asked = ["--digests", "--seeds", str(given.seeds), "--first", str(given.first), "--days", str(given.days)]
    runs = {
        name: _said(python if python == sys.executable else _ours(name, python), "-m", "simulation", *asked)
        for name, python in pythons.items()
    }
    return _compared({name: said.splitlines() for name, said in runs.items()}, given.seeds)


def _compared(runs: dict[str, list[str]], seeds: int) -> int:
    """runs: by interpreter, a line for each seed."""
    lacks = [name for name, lines in runs.items() if len(lines) != seeds]
    for name in lacks:
        print(f"{name}: {len(runs[name])} of {seeds} seeds")
    differ = [lines for lines in zip(*runs.values(), strict=False) if len(set(lines)) > 1]
    for lines in differ:
        print("\n".join(f"{name:<32} {line}" for name, line in zip(runs, lines, strict=True)))
    print(f"{seeds} seeds in {', '.join(runs)}: {len(differ)} differ")
    return 1 if differ or lacks else 0


def _ours(name: str, python: str) -> str:
    """The environment of that interpreter, made when it is not there."""
    folder = ROOT / ".cache" / "storm" / name.split()[1].strip(",")
    own = str(folder / "bin" / "python")
    if not Path(own).exists():
        _said(python, "-m", "venv", str(folder))
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    packages = [f"{each}=={version(each)}" for each in (Requirement(line).name for line in asked)]
    _said(own, "-m", "pip", "--disable-pip-version-check", "install", "-qq", *packages)
    return own


def _said(*command: str) -> str:
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
