"""Kannel as an application of ours: bearerbox binds as a transceiver, smsbox takes our requests by HTTP.

    with Kannel(folder, port, "shop", "secret") as kannel:
        key = kannel.send("bonjour", to="+33600000001")
        kannel.receipt(key, Kannel.DELIVERED)

Receipts and messages from phones come to a small HTTP server here, and from it to two inboxes.
"""

from __future__ import annotations

import itertools
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from peers.install import environment, program
from peers.process import Inbox, Process, free_port

__all__ = ["Kannel"]

CONFIGURATION = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = tests
status-password = tests
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal
sms-resend-freq = 1
log-file = {folder}/bearerbox.log
log-level = 0

{group}
{smsc}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-file = {folder}/smsbox.log
log-level = 0

group = sendsms-user
username = tests
password = tests
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "{web}/mo?from=%p&to=%P&coding=%c&charset=%C&udh=%u&text=%b"
max-messages = 0
omit-empty = true
"""

SMPP = """\
group = smsc
smsc = smpp
smsc-id = chappe
host = 127.0.0.1
port = {port}
transceiver-mode = true
smsc-username = {system_id}
smsc-password = {password}
system-type = ""
interface-version = 34
reconnect-delay = 1
enquire-link-interval = 5
"""

AT = """\
group = smsc
smsc = at
smsc-id = modem
modemtype = generic
device = {system_id}
speed = 115200
pin = {password}
sms-center = +33609001390
my-number = +33700000001
sim-buffering = true
keepalive = 1

group = modems
id = generic
name = "Any modem"
message-storage = SM
init-string = "AT+CNMI=1,2,0,1,0"
"""

Fields = dict[str, str]


def _text(fields: Fields) -> Fields:
    """The octets of an MO (read as latin-1) as text; Kannel's coding 2 is UCS-2, 1 is binary and stays."""
    charset = {"0": "utf-8", "2": "utf-16-be"}.get(fields.get("coding", "0"))
    text = fields.get("text", "")
    return {**fields, "text": text.encode("latin-1").decode(charset) if charset else text}


class Kannel:
    """bearerbox and smsbox, bound to 127.0.0.1:`port`; `smsc` gives more lines of Kannel's smsc group."""

    DELIVERED: ClassVar = "1"  # the bits of Kannel's dlr-mask
    FAILED: ClassVar = "2"
    BUFFERED: ClassVar = "4"
    ACCEPTED: ClassVar = "8"
    REJECTED: ClassVar = "16"

    def __init__(
        self, folder: Path, port: int, system_id: str, password: str, *smsc: str, group: str = SMPP
    ) -> None:
        self.receipts: Inbox[Fields] = Inbox("Kannel's receipts")
        self.messages: Inbox[Fields] = Inbox("Kannel's messages from phones")
        self._keys = itertools.count(1)
        self._admin, self._smsbox, self._sendsms = free_port(), free_port(), free_port()
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._web.serve_forever, args=(0.05,), daemon=True)
        self._folder = folder / f"kannel-{Path(system_id).name}"
        self._folder.mkdir(exist_ok=True)
        file = self._folder / "kannel.conf"
        file.write_text(
            CONFIGURATION.format(
                admin=self._admin, smsbox=self._smsbox, sendsms=self._sendsms, folder=self._folder,
                group=group.format(port=port, system_id=system_id, password=password),
                smsc="\n".join(smsc), web=self._url(),
            )
        )  # fmt: skip
        self._boxes = [
            Process([program(name) or name, file], self._folder / f"{name}.out", environment())
            for name in ("bearerbox", "smsbox")
        ]

    def start(self) -> Self:
        """Starts both boxes; returns once smsbox takes requests. The bind may take longer: see wait_bound."""
        self._thread.start()
        for box, port in zip(self._boxes, (self._smsbox, self._sendsms), strict=True):
            box.start()
            box.wait_listening(port)
        return self

    def status(self) -> str:
        """bearerbox's own status page, as text."""
        return self._get(f"http://127.0.0.1:{self._admin}/status.txt?password=tests")[1]

    def wait_bound(self, timeout: float = 15.0) -> None:
        """Waits until bearerbox says that its bind is up."""
        self._boxes[0].wait_for(lambda: "(online " in self.status(), "bound", timeout)

    def send(self, text: str, to: str, sender: str = "38000", coding: int | None = None, **more: str) -> str:
        """sendsms with all receipts asked for; the key under which they come.

        `coding` is Kannel's: 0 GSM, 1 eight-bit, 2 UCS-2; `more` are other sendsms variables, with underscores
        for their dashes (validity, priority, udh, mclass…). A text beyond one segment is split by Kannel.
        """
        key = str(next(self._keys))
        fields = {"username": "tests", "password": "tests", "to": to, "from": sender, "text": text}
        fields |= {"charset": "UTF-8", "dlr-mask": "31"} | {k.replace("_", "-"): v for k, v in more.items()}
        fields["dlr-url"] = f"{self._url()}/dlr?key={key}&type=%d&answer=%A&id=%F"
        if coding is not None:
            fields["coding"] = str(coding)
        code, body = self._get(f"http://127.0.0.1:{self._sendsms}/cgi-bin/sendsms?{urlencode(fields)}")
        assert code == 202, f"Kannel refused to send: {code} {body}"
        return key

    def receipt(self, key: str, kind: str, count: int = 1, timeout: float = 10.0) -> list[Fields]:
        """The receipts of one kind (DELIVERED, …) to what was sent under the key."""
        return self.receipts.wait(count, timeout, lambda seen: (seen["key"], seen["type"]) == (key, kind))

    def stop(self) -> None:
        """smsbox first, as its manual asks, then bearerbox, which unbinds."""
        for box in reversed(self._boxes):
            box.stop(10.0)
        if self._thread.is_alive():
            self._web.shutdown()
        self._web.server_close()

    def _url(self) -> str:
        return f"http://127.0.0.1:{self._web.server_port}"

    def _get(self, url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode(errors="replace")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        kannel = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                pairs = parse_qs(url.query, keep_blank_values=True, encoding="latin-1")
                fields = {name: values[0] for name, values in pairs.items()}
                if url.path == "/dlr":
                    kannel.receipts.put(fields)
                else:
                    kannel.messages.put(_text(fields))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Stays quiet: what came is in the inboxes."""

        return Handler

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
