"""gammu and its daemon gammu-smsd as users of a modem: what our simulated one must please.

gammu = Gammu(folder, link);  gammu.run("sendsms", "TEXT", "+33612345678", "-text", "bonjour", "-report")
with GammuSmsd(folder, link) as smsd: smsd.send("+33612345678", "bonjour");  smsd.sent()
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Self

from peers.install import environment, program
from peers.process import Process

__all__ = ["Gammu", "GammuSmsd"]

MODEM = """\
[gammu]
device = {link}
connection = at115200
synchronizetime = no
"""
SMSD = """
[smsd]
service = files
logfile = {folder}/smsd.log
debuglevel = 1
inboxpath = {folder}/inbox/
outboxpath = {folder}/outbox/
sentsmspath = {folder}/sent/
errorsmspath = {folder}/error/
inboxformat = standard
transmitformat = auto
deliveryreport = log
commtimeout = 1
sendtimeout = 10
loopsleep = 1
statusfrequency = 0
receivefrequency = 1
checkbattery = 0
checksignal = 0
"""


class Gammu:
    """One run of gammu for each verb, as people use it from scripts."""

    def __init__(self, folder: Path, link: Path) -> None:
        self._file = folder / "gammurc"
        self._file.write_text(MODEM.format(link=link))

    def run(self, *arguments: str, timeout: float = 30.0) -> str:
        """What it printed. AssertionError when it fails."""
        command = [program("gammu") or "gammu", "-c", self._file, *arguments]
        done = subprocess.run(
            command, text=True, capture_output=True, env=environment(), timeout=timeout, check=False
        )
        assert done.returncode == 0, f"gammu {arguments[0]}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


class GammuSmsd:
    """The daemon with its files backend, in a folder of its own."""

    def __init__(self, folder: Path, link: Path, pin: str = "") -> None:
        self._folder = folder / "gammu-smsd"
        for name in ("inbox", "outbox", "sent", "error"):
            (self._folder / name).mkdir(parents=True)
        file = self._folder / "smsdrc"
        lines = (MODEM + SMSD).format(link=link, folder=self._folder)
        file.write_text(lines + (f"pin = {pin}\n" if pin else ""))
        command = [program("gammu-smsd") or "gammu-smsd", "-c", file]
        self._process = Process(command, self._folder / "out", environment())

    def send(self, to: str, text: str) -> None:
        """A message into the outbox, with a report asked for, as gammu-smsd-inject would write it."""
        name = f"OUTA20260101_000000_00_{to}_{abs(hash(text)) % 1000:03}.txtd"
        (self._folder / "outbox" / name).write_text(text)

    def sent(self) -> list[str]:
        """Names of the messages that it counts as sent."""
        return sorted(path.name for path in (self._folder / "sent").iterdir())

    def received(self) -> dict[str, str]:
        """The texts of its inbox by file name."""
        return {path.name: path.read_text() for path in sorted((self._folder / "inbox").iterdir())}

    def log(self) -> str:
        """Its log so far."""
        file = self._folder / "smsd.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop(10.0)
