"""smstools' smsd as a user of a modem: files in an outgoing folder, files in sent, report and incoming.

with Smsd(folder, link, pin="1234") as smsd:
    smsd.send("33612345678", "bonjour");  smsd.files("sent")
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from peers.install import environment, program
from peers.process import Process

__all__ = ["Smsd"]

CONFIGURATION = """\
devices = GSM1
outgoing = {folder}/outgoing
checked = {folder}/checked
incoming = {folder}/incoming
report = {folder}/report
sent = {folder}/sent
failed = {folder}/failed
stats = {folder}/stats
logfile = {folder}/smsd.log
infofile = {folder}/smsd.running
pidfile = {folder}/smsd.pid
loglevel = 7
delaytime = 1
delaytime_mainprocess = 1
errorsleeptime = 1
blocktime = 1
decode_unicode_text = yes
os_cygwin = no

[GSM1]
device = {link}
baudrate = 115200
init = AT+CPMS="ME","ME","ME"
init2 = AT+CNMI=2,1,0,2,1
incoming = yes
report = yes
keep_open = yes
rtscts = no
check_memory_method = 2
pinsleeptime = 0
{pin}
"""
FOLDERS = ("outgoing", "checked", "incoming", "report", "sent", "failed", "stats")


class Smsd:
    """The daemon, in a folder of its own, in the foreground."""

    def __init__(self, folder: Path, link: Path, pin: str = "") -> None:
        self._folder = folder / "smstools"
        for name in FOLDERS:
            (self._folder / name).mkdir(parents=True)
        file = self._folder / "smsd.conf"
        file.write_text(
            CONFIGURATION.format(folder=self._folder, link=link, pin=f"pin = {pin}" if pin else "")
        )
        command = [program("smsd") or "smsd", f"-c{file}", "-t"]
        self._process = Process(command, self._folder / "out", environment())

    def send(self, to: str, text: str) -> None:
        """A message into the outgoing folder, with a report asked for. to: without +."""
        draft = self._folder / "draft"
        draft.write_text(f"To: {to}\nReport: yes\nAlphabet: UTF-8\n\n{text}")
        draft.replace(self._folder / "outgoing" / f"{to}-{abs(hash(text))}")

    def files(self, name: str) -> list[str]:
        """The texts of one of its folders: sent, report, incoming, failed."""
        return [path.read_text(errors="replace") for path in sorted((self._folder / name).iterdir())]

    def log(self) -> str:
        """Its log so far."""
        file = self._folder / "smsd.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop(10.0)
