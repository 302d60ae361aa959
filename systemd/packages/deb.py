#!/usr/bin/env python3
"""Builds the Debian package, as nobody in particular: `make deb`, or python packages/deb.py [FOLDER].

What the package holds is an ordinary tree, put together here and packed by dpkg-deb --root-owner-group. The Python
packages come along in a venv of our own under /usr/lib/chappe, because Debian 12's are too old (pydantic 1.10,
aiohttp 3.8, structlog 22.3); so the package fits one minor version of Python, that of whoever builds it, and
says so in Depends. pip is needed to build, never to install: nothing is fetched by postinst.
"""

from __future__ import annotations

import email
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PARTS = REPO / "systemd" / "packages" / "deb"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
NEXT_MINOR = f"{sys.version_info.major}.{sys.version_info.minor + 1}"
PRIVATE = Path("usr/lib/chappe")
SITE = PRIVATE / f"lib/python{MINOR}/site-packages"
DOC = Path("usr/share/doc/chappe")
SCRIPTS = ("postinst", "prerm", "postrm")

NOT_NEEDED = (".*", "tests", "bench", "build", "dist", "docs", "*.egg-info", "__pycache__")

COPIES = {
    "systemd/chappe.service": "usr/lib/systemd/system",
    "systemd/chappe@.service": "usr/lib/systemd/system",
    "systemd/sysusers.d/chappe.conf": "usr/lib/sysusers.d",
    "systemd/tmpfiles.d/chappe.conf": "usr/lib/tmpfiles.d",
    "systemd/packages/deb/gateway.toml": "etc/chappe",
    "systemd/packages/deb/chappe": "usr/bin",
    "systemd/packages/deb/lintian-overrides": "usr/share/lintian/overrides/chappe",
    "config/gateway.toml": f"{DOC}/examples",
    "config/examples": f"{DOC}/examples",
    "systemd/chappe.service.d/hardware.conf": f"{DOC}/examples",
    "hardware/udev/70-chappe-modems.rules": f"{DOC}/examples",
    "README.md": f"{DOC}",
    "docs": f"{DOC}/docs",
    "systemd/README.md": f"{DOC}/systemd",
}
"""What is copied as it is: a file into a folder (or under a name without a dot), a folder's content into a folder."""


class CannotBuild(Exception):
    """The text says what is missing and what to do."""


def call(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Runs a command to its end; what it printed. CannotBuild with its last lines when it fails."""
    try:
        done = subprocess.run(command, env=env, text=True, capture_output=True, check=False)  # noqa: S603 - ours
    except FileNotFoundError as missing:
        raise CannotBuild(f"{command[0]} is not on this machine: apt-get install dpkg") from missing
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise CannotBuild(f"{' '.join(map(str, command[:4]))} … failed ({done.returncode}):\n{last}")
    return done.stdout


def version() -> str:
    found = re.search(r'^__version__ = "([^"]+)"', (REPO / "gateway/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise CannotBuild("gateway/__init__.py has no __version__")
    return found[1]


def vendored(tree: Path) -> None:
    """Chappe and what it stands on, in a venv written by hand: without pip, and with no path of the builder's."""
    site = tree / SITE
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"  # a copy: building a wheel leaves build/ and *.egg-info behind
        shutil.copytree(REPO, source, ignore=shutil.ignore_patterns(*NOT_NEEDED))
        call(*pip, "wheel", "--no-deps", "--wheel-dir", folder, source)
        (wheel,) = Path(folder).glob("chappe-*.whl")
        call(*pip, "install", "--no-compile", "--only-binary=:all:", "--target", site, f"{wheel}[gpio]")
    shutil.rmtree(site / "bin", ignore_errors=True)
    for path in [
        *site.rglob("*.pyx"),
        *site.rglob("*.pxd"),
        *site.rglob("*.pxi"),
        *site.rglob("direct_url.json"),
    ]:
        path.unlink()  # Cython's sources, and the builder's temporary folder
    if shutil.which("strip"):
        call("strip", "--strip-unneeded", "--remove-section=.comment", *site.rglob("*.so"))
    (tree / PRIVATE / "bin").mkdir()
    (tree / PRIVATE / "bin/python").symlink_to(f"../../../bin/python{MINOR}")
    (tree / PRIVATE / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {MINOR}\n"
    )


def copied(tree: Path) -> None:
    for name, target in COPIES.items():
        source, place = REPO / name, tree / target
        if source.is_dir():
            shutil.copytree(
                source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__")
            )
            continue
        into = place if target.endswith("overrides/chappe") else place / source.name
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, into)


def written(tree: Path) -> None:
    """The pages that are made from the program itself, run from the tree."""
    env = {**os.environ, "PYTHONPATH": str(tree / SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-S", "-m", "gateway", "completion"]
    completions = {
        "bash": "usr/share/bash-completion/completions/chappe",
        "zsh": "usr/share/zsh/vendor-completions/_chappe",
        "fish": "usr/share/fish/vendor_completions.d/chappe.fish",
    }
    for shell, name in completions.items():
        _write(tree / name, call(*command, shell, env=env))
    manual = call(sys.executable, "-P", "-S", REPO / "systemd/packages/manpage.py", env=env)
    _write(tree / "usr/share/man/man1/chappe.1.gz", manual)
    _write(tree / DOC / "changelog.gz", (REPO / "CHANGELOG.md").read_text(encoding="utf-8"))
    debian = (
        f"chappe ({version()}-1) unstable; urgency=medium\n\n  * See changelog.gz.\n\n"
        " -- Chappe maintainers <chappe@localhost>  Sun, 22 Nov 2026 00:00:00 +0000\n"
    )
    _write(tree / DOC / "changelog.Debian.gz", debian)
    _write(tree / DOC / "copyright", "\n".join(_copyright(tree / SITE)))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    octets = text.encode()
    path.write_bytes(gzip.compress(octets, 9, mtime=0) if path.suffix == ".gz" else octets)


def _copyright(site: Path) -> Iterator[str]:
    yield "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    yield "Upstream-Name: chappe"
    yield "Source: the repository that README.md belongs to\n"
    yield "Files: *"
    yield "Copyright: 2026 The Chappe authors"
    yield "License: Apache-2.0\n"
    for name, about in sorted(_bundled(site).items()):
        if name == "chappe":
            continue
        licence = about["License-Expression"] or about["License"] or "as said there"
        yield f"Files: {SITE}/{name.replace('-', '_')}*"
        yield f"Copyright: {about['Author'] or about['Author-email'] or 'its authors'}"
        yield f"License: {'-'.join(licence.split()) if len(licence) < 40 else 'as-said-there'}"
        yield f"Comment: {name} {about['Version']}, unchanged from PyPI; its terms stand in its dist-info folder.\n"
    yield "License: Apache-2.0"
    yield " On Debian systems the text is in /usr/share/common-licenses/Apache-2.0."
    yield ""


def _bundled(site: Path) -> dict[str, Message]:
    """Name -> metadata of each distribution in the tree."""
    texts = [path.read_text(encoding="utf-8") for path in site.glob("*.dist-info/METADATA")]
    return {about["Name"].lower(): about for about in map(email.message_from_string, texts)}


def libc(site: Path) -> str:
    """The glibc that the wheels ask for: of each one's tags the oldest, of these the newest."""
    needed = [(2, 17)]
    for path in site.glob("*.dist-info/WHEEL"):
        tags = re.findall(r"manylinux_(\d+)_(\d+)_", path.read_text())
        if tags:
            needed.append(min((int(major), int(minor)) for major, minor in tags))
    return ".".join(map(str, max(needed)))


def controlled(tree: Path, architecture: str) -> None:
    """DEBIAN/: control with its figures, the scripts, checksums."""
    debian = tree / "DEBIAN"
    octets = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file())
    debian.mkdir()
    text = (PARTS / "control").read_text()
    for word, value in {
        "VERSION": f"{version()}-1", "ARCHITECTURE": architecture, "SIZE": octets // 1024 + 1,
        "PYTHON": MINOR, "NEXT_PYTHON": NEXT_MINOR, "LIBC": libc(tree / SITE),
    }.items():  # fmt: skip
        text = text.replace(f"@{word}@", str(value))
    (debian / "control").write_text(text)
    (debian / "conffiles").write_text("/etc/chappe/gateway.toml\n")
    for script in SCRIPTS:
        shutil.copyfile(PARTS / script, debian / script)
    sums = [
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}"  # noqa: S324 - the format's own
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink() and debian not in path.parents
    ]
    (debian / "md5sums").write_text("\n".join([*sums, ""]))


def modes(tree: Path) -> None:
    """0755 for folders and programs, 0644 for all else, whatever the checkout and the umask say."""
    programs = {tree / "usr/bin/chappe", *(tree / "DEBIAN" / name for name in SCRIPTS)}
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in programs else 0o644)


def main(folder: Path) -> Path:
    architecture = call("dpkg", "--print-architecture").strip()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"chappe_{version()}-1_{architecture}.deb"
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="chappe-deb-") as made:
        tree = Path(made) / "tree"
        vendored(tree)
        copied(tree)
        written(tree)
        controlled(tree, architecture)
        modes(tree)
        call("dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, target)
    return target


if __name__ == "__main__":
    try:
        built = main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPO / "dist")
    except CannotBuild as why:
        sys.exit(f"deb: {why}")
    print(f"{built} ({built.stat().st_size / 1_000_000:.1f} MB)")
