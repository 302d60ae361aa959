"""python-gsmmodem-new as a user of a modem, in PDU mode or in text mode.

with GsmmodemApp(link, pin="1234") as app:
    app.send("+33612345678", "bonjour");  app.reports.wait();  app.messages.wait()
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any, Self

from gsmmodem import GsmModem
from peers.process import Inbox

__all__ = ["GsmmodemApp"]


class GsmmodemApp:
    """reports: (recipient, reference, status) of reports; messages: (sender, text) from handsets."""

    def __init__(self, link: Path, pin: str = "", *, text_mode: bool = False) -> None:
        self.reports: Inbox[tuple[str, int, int]] = Inbox("gsmmodem's reports")
        self.messages: Inbox[tuple[str, str]] = Inbox("gsmmodem's messages")
        logging.getLogger("gsmmodem").setLevel(logging.ERROR)
        self._pin = pin
        self._modem = GsmModem(
            str(link),
            115_200,
            smsReceivedCallbackFunc=self._received,
            smsStatusReportCallback=self._reported,
            requestDelivery=True,
        )
        self._modem.smsTextMode = text_mode

    def send(self, to: str, text: str) -> int:
        """The reference under which it went out."""
        reference: int = self._modem.sendSms(to, text).reference
        return reference

    def balance(self, code: str) -> str:
        """The network's answer to a USSD code."""
        answer = self._modem.sendUssd(code)
        return str(answer.message)

    def _received(self, sms: Any) -> None:
        self.messages.put((sms.number, sms.text))

    def _reported(self, report: Any) -> None:
        self.reports.put((report.number, report.reference, report.deliveryStatus))

    def __enter__(self) -> Self:
        self._modem.connect(self._pin or None, waitingForModemToStartInSeconds=0)
        return self

    def __exit__(self, *_: object) -> None:
        """Its threads delete what they have told of, and would fail later, in somebody else's test."""
        for thread in threading.enumerate():
            if "threadedHandleModemNotification" in thread.name:
                thread.join(10)
        self._modem.close()
