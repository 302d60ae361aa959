#!/usr/bin/env python3
"""A copy of the repository whose hot modules are compiled by mypyc: `make compiled`, `make dist-compiled`.

    python systemd/packages/compiled.py [--wheel dist]

The copy is build/compiled: the same files, and beside each module that compiled.txt names its extension, which
Python prefers. The checkout itself stays plain. Nothing is compiled again while no module has changed. Whoever
runs the gateway, the tests or the bench from there, or installs the wheel, runs the compiled modules.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
TREE = REPO / "build" / "compiled"
LIST = REPO / "systemd" / "packages" / "compiled.txt"
STAMP = "compiled.stamp"

LEFT_OUT = {".git", ".venv", ".ci", "build", "dist", "node_modules", "__pycache__"}
LINKED = (".cache",)
"""What tests fetched, and the bench's work: shared with the checkout."""

SETUP = """\
# Written by systemd/packages/compiled.py.
from mypyc.build import mypycify
from setuptools import setup

setup(ext_modules=mypycify(["--strict", *{modules!r}], opt_level="3", multi_file=False))
"""


class CannotBuild(Exception):
    """The text says what is missing and what to do."""


def listed() -> list[str]:
    """The modules of compiled.txt, as paths."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text(encoding="utf-8").splitlines())
    modules = [line for line in lines if line]
    missing = [module for module in modules if not (REPO / module).is_file()]
    if missing:
        raise CannotBuild(f"{LIST.name} names what is not there: {', '.join(missing)}")
    return modules


def wanted(folder: Path, inside: Path = Path()) -> Iterator[Path]:
    """Every file and link of the checkout, without what is built, cached or hidden."""
    for entry in sorted(os.scandir(folder / inside), key=lambda entry: entry.name):
        path = inside / entry.name
        if entry.name in LEFT_OUT or entry.name in LINKED or entry.name.endswith((".egg-info", "_cache")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from wanted(folder, path)
        else:
            yield path


def copied(tree: Path) -> None:
    """`tree` as the checkout is now; what was built there stays."""
    tree.mkdir(parents=True, exist_ok=True)
    here = set(wanted(REPO))
    for path in here:
        source, target = REPO / path, tree / path
        if source.is_symlink() or not _same(source, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    for path in set(wanted(tree)) - here:
        if path.suffix != ".so" and path.name not in {"setup.py", STAMP}:
            (tree / path).unlink()
    for name in LINKED:
        (REPO / name).mkdir(exist_ok=True)
        if not (tree / name).is_symlink():
            (tree / name).symlink_to(os.path.relpath(REPO / name, tree))


def _same(source: Path, target: Path) -> bool:
    if not target.is_file() or target.is_symlink():
        return False
    one, other = source.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def digest(modules: list[str]) -> str:
    """Of all that the extensions depend on: the sources (a compiled module trusts the types of the plain ones)."""
    whole = hashlib.sha256(f"{sys.version}\n{importlib.metadata.version('mypy')}\n{modules}\n".encode())
    for package in ("drivers", "gateway"):
        for path in sorted((REPO / package).rglob("*.py")):
            whole.update(f"{path.relative_to(REPO)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def compiled(tree: Path, modules: list[str]) -> bool:
    """Build the extensions in `tree`; whether there was anything to do."""
    stamp = tree / STAMP
    now = digest(modules)
    if stamp.is_file() and stamp.read_text() == now and all(_extension(tree, module) for module in modules):
        return False
    stamp.unlink(missing_ok=True)
    for old in [path for path in wanted(tree) if path.suffix == ".so"]:
        (tree / old).unlink()
    (tree / "setup.py").write_text(SETUP.format(modules=modules))
    _run(tree, sys.executable, "setup.py", "-q", "build_ext", "--inplace")
    stamp.write_text(now)
    return True


def _extension(tree: Path, module: str) -> Path | None:
    path = tree / module
    return next(path.parent.glob(f"{path.stem}.*.so"), None)


def wheel(tree: Path, into: Path) -> Path:
    """A wheel of `tree`, which fits this Python and machine only."""
    into.mkdir(parents=True, exist_ok=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "wheel", "--no-deps")
    _run(tree, *pip, "--no-build-isolation", "--wheel-dir", str(into), ".")
    return max(into.glob("chappe-*-cp*.whl"), key=lambda path: path.stat().st_mtime_ns)


def _run(tree: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=tree, text=True, capture_output=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise CannotBuild(f"{' '.join(command[:3])} failed ({done.returncode}):\n{last}")


def tools() -> None:
    if shutil.which(os.environ.get("CC", "cc")) is None:
        raise CannotBuild("No C compiler: apt-get install gcc python3-dev")
    for name in ("mypy", "setuptools"):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as missing:
            raise CannotBuild(f"{name} is not installed: pip install 'chappe[compiled]'") from missing


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wheel", metavar="FOLDER", type=Path, help="also pack a wheel into this folder")
    options = parser.parse_args()
    try:
        tools()
        modules = listed()
        began = time.monotonic()
        copied(TREE)
        fresh = compiled(TREE, modules)
        took = f"in {time.monotonic() - began:.0f} s" if fresh else "as before"
        size = sum(path.stat().st_size for path in TREE.glob("*__mypyc*.so")) / 1e6
        print(f"{TREE.relative_to(REPO)}: {len(modules)} modules, {size:.1f} MB of machine code, {took}")
        for package in sorted({str(Path(module).parent) for module in modules}):
            names = " ".join(sorted(Path(m).stem for m in modules if str(Path(m).parent) == package))
            print(f"  {package}: {names}")
        if options.wheel is not None:
            print(wheel(TREE, options.wheel.resolve()))
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
