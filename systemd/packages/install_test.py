#!/usr/bin/env python3
"""Installs the .deb into a clean Debian, in a folder, and tries what an operator would: `make package-test`, as root.

    python packages/install_test.py dist/chappe_*.deb

The Debian is made by mmdebstrap or debootstrap, with the proxy and mirror that this machine's apt uses; nothing is
installed on the machine itself, and the folder is removed at the end. Each step is a line; the first that fails
says what it saw and ends with 1.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SUITES = {"3.11": "bookworm", "3.13": "trixie"}
"""The Debian whose python3 a package fits, by the version that its Depends names."""
PASSED_ON = (
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
)
CONFIG = "/etc/chappe/gateway.toml"


class Failed(Exception):
    """A step did not go as it must; the text says what was seen."""


def run(command: Sequence[str | Path], *, may_fail: bool = False, timeout: float = 600) -> str:
    done = subprocess.run(  # noqa: S603 - our own commands
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=timeout,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
    )  # fmt: skip
    if done.returncode and not may_fail:
        last = "\n    ".join(done.stdout.strip().splitlines()[-12:])
        raise Failed(f"{' '.join(map(str, command))}\n    exit {done.returncode}: {last}")
    return done.stdout


def expect(true: bool, seen: str) -> None:
    if not true:
        raise Failed(seen)


class Debian:
    """A folder with a Debian in it."""

    def __init__(self, root: Path, deb: Path) -> None:
        self.root = root
        self.deb = deb

    def __call__(self, *command: str, user: str = "root", may_fail: bool = False) -> str:
        """A command inside, to its end; what it printed."""
        return run(self.inside(*command, user=user), may_fail=may_fail)

    def inside(self, *command: str, user: str = "root") -> list[str]:
        """That command as one of this machine's. /proc and /dev are there for it alone, and go with it."""
        enter = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$@"'
        chroot = [f"--userspec={user}", str(self.root), "env", "HOME=/tmp", *command]
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, str(self.root), *chroot]

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    # ── the steps ────────────────────────────────────────────────────────────────────────────────────────
    def bootstrapped(self) -> str:
        needs = run(["dpkg-deb", "-f", self.deb, "Depends"])
        python = re.search(r"python3 \(>= ([\d.]+)\)", needs)
        suite = SUITES.get(python[1] if python else "")
        if suite is None:
            raise Failed(f"no Debian is known for {needs.strip()}")
        mirror = os.environ.get("CHAPPE_DEBIAN_MIRROR", "http://deb.debian.org/debian")
        passed = [line for line in run(["apt-config", "dump"]).splitlines() if line.startswith(PASSED_ON)]
        if shutil.which("mmdebstrap"):
            options = [word for line in passed for word in ("--aptopt", line)]
            run(["mmdebstrap", "-q", "--mode=root", "--variant=minbase", *options, suite, self.root, mirror])
        elif shutil.which("debootstrap"):
            run(["debootstrap", "--variant=minbase", suite, self.root, mirror])
            self.path("/etc/apt/apt.conf.d/90passed-on").write_text("\n".join(passed) + "\n")
        else:
            raise Failed("neither mmdebstrap nor debootstrap is here: apt-get install mmdebstrap")
        self.path("/usr/sbin/policy-rc.d").write_text(
            "#!/bin/sh\nexit 101\n"
        )  # no service starts in a folder
        self.path("/usr/sbin/policy-rc.d").chmod(0o755)
        return suite

    def installed(self) -> str:
        shutil.copy(self.deb, self.path("/srv/chappe.deb"))
        self("apt-get", "-qq", "update")
        said = self("apt-get", "-qq", "-y", "--no-install-recommends", "install", "/srv/chappe.deb")
        expect("not started. Next: edit /etc/chappe/gateway.toml" in said, said)
        expect(self.path("/usr/lib/chappe/lib").is_dir(), "no /usr/lib/chappe")
        compiled = list(self.path("/usr/lib/chappe/lib").rglob("gateway/__pycache__/app.*.pyc"))
        expect(len(compiled) == 1, "postinst compiled nothing: each start would")
        return f"{self('chappe', 'version').strip()}"

    def user_and_folders(self) -> str:
        entry = self("getent", "passwd", "chappe").strip()
        expect(entry.endswith(("/usr/sbin/nologin", "/sbin/nologin")), entry)
        shown = self("stat", "-c", "%A %U:%G %n", "/etc/chappe", "/etc/chappe/credentials").split("\n")
        expect(shown[:2] == [
            "drwxr-x--- root:chappe /etc/chappe", "drwx------ root:root /etc/chappe/credentials",
        ], str(shown))  # fmt: skip
        return entry

    def apart(self) -> str:
        for name in ("pydantic", "gateway"):
            said = self("python3", "-c", f"import {name}", may_fail=True)
            expect("ModuleNotFoundError" in said, f"python3 imports {name}: {said}")
        said = self("env", "PYTHONPATH=/nowhere", "PYTHONHOME=/nowhere", "chappe", "version")
        expect(said.startswith("chappe "), said)
        return "pydantic is not importable, PYTHONPATH and PYTHONHOME do no harm"

    def units(self) -> str:
        said = self("systemd-analyze", "verify", "--man=no", "chappe.service", may_fail=True)
        ours = [line for line in said.splitlines() if "chappe" in line]
        expect(not ours, "\n".join(ours))
        enabled = self("systemctl", "is-enabled", "chappe.service", may_fail=True).strip()
        expect(enabled == "disabled", enabled)
        return f"no fault, {enabled}"

    def completion(self) -> str:
        script = (
            "source /usr/share/bash-completion/completions/chappe; COMP_WORDS=(chappe ver); COMP_CWORD=1;"
            ' _chappe_completion chappe; echo "${COMPREPLY[@]}"'
        )
        expect(self("bash", "-c", script).strip() == "version", "bash completed something else")
        # minbase leaves out what lies in man/ and doc/ only if dpkg was told so; ours are asked of dpkg
        listed = self("dpkg", "-L", "chappe")
        expect("/usr/share/man/man1/chappe.1.gz" in listed, listed)
        return "version, chappe(1)"

    def demo(self) -> str:
        began = time.monotonic()
        said = self("chappe", "demo", user="chappe:chappe")
        expect("exactly one final state" in said, said)
        return f"{len(said.splitlines())} lines in {time.monotonic() - began:.1f} s"

    def daemon(self) -> str:
        said = self("chappe", "check", "--config", CONFIG, user="chappe:chappe")
        expect("no faults" in said, said)
        for folder in ("/var/lib/chappe", "/run/chappe"):
            self("install", "-d", "-o", "chappe", "-g", "chappe", "-m", "0750", folder)  # as the unit does
        command = self.inside("chappe", "run", "--config", CONFIG, user="chappe:chappe")
        with (
            (self.root / "tmp/log").open("w") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as process,  # noqa: S603 - ours
        ):
            try:
                deadline = time.monotonic() + 20
                while "gateway.ready" not in (self.root / "tmp/log").read_text():
                    expect(
                        time.monotonic() < deadline and process.poll() is None,
                        (self.root / "tmp/log").read_text(),
                    )
                    time.sleep(0.05)
                said = self("chappe", "status", "--config", CONFIG)
            finally:
                process.send_signal(signal.SIGTERM)
        expect(process.returncode == 0, f"it ended with {process.returncode}")
        expect("chappe-1 is ready" in said, said)
        return said.splitlines()[0]

    def upgraded(self) -> str:
        config = self.path(CONFIG)
        config.write_text(config.read_text().replace('"chappe-1"', '"lyon-1"'))
        before = self.path("/var/lib/chappe/chappe.db").read_bytes()
        self("dpkg", "-i", "/srv/chappe.deb")
        expect('"lyon-1"' in config.read_text(), "the configuration was overwritten")
        expect(self.path("/var/lib/chappe/chappe.db").read_bytes() == before, "the store changed")
        return "both as they were"

    def removed(self) -> str:
        self("apt-get", "-qq", "-y", "remove", "chappe")
        left = (
            [str(path) for path in self.path("/usr/lib/chappe").rglob("*")]
            if self.path("/usr/lib/chappe").exists()
            else []
        )
        expect(not left, f"left behind: {left[:3]}")
        expect(self.path("/var/lib/chappe/chappe.db").exists(), "remove took the store")
        expect(self.path(CONFIG).exists(), "remove took the configuration")
        self("apt-get", "-qq", "-y", "purge", "chappe")
        for name in ("/var/lib/chappe", "/etc/chappe"):
            expect(not self.path(name).exists(), f"{name} is still there after purge")
        return "as said"


STEPS: Mapping[str, Callable[[Debian], str]] = {
    "a clean Debian": Debian.bootstrapped,
    "installed by apt, with what it depends on": Debian.installed,
    "the user, its groups and folders": Debian.user_and_folders,
    "nothing of the system's Python changed": Debian.apart,
    "the units, as systemd there judges them": Debian.units,
    "bash completes verbs; the page is there": Debian.completion,
    "chappe demo, as the user chappe": Debian.demo,
    "the packaged configuration starts as it is": Debian.daemon,
    "an upgrade keeps the store and a changed configuration": Debian.upgraded,
    "remove keeps configuration and store, purge ends them": Debian.removed,
}


def main(deb: Path) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chappe-debian-") as folder:
        debian = Debian(Path(folder) / "root", deb)
        for name, step in STEPS.items():
            at = time.monotonic()
            seen = step(debian)
            print(f"{time.monotonic() - at:6.1f} s  {name}: {seen}", flush=True)
    print(f"{time.monotonic() - began:6.1f} s  in all, {deb.name} of {deb.stat().st_size / 1_000_000:.1f} MB")


if __name__ == "__main__":
    if os.geteuid():
        sys.exit("package-test: only root can install into a folder: sudo make package-test")
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("package-test: name a .deb: python packages/install_test.py dist/chappe_….deb")
    try:
        main(Path(sys.argv[1]))
    except Failed as why:
        sys.exit(f"package-test: {why}")
