"""An application on smpplib: the client that most Python users have, so a peer that users will bring.

Its reading runs in a thread of its own; submits are written by the test's thread. smpplib's client keeps a
partly read PDU nowhere, so the thread reads only when bytes are there and then gives the PDU 5 s to be whole.
"""

from __future__ import annotations

import select
import threading
from typing import Any, Literal, Self

from peers.process import Inbox
from smpplib import consts, exceptions, gsm
from smpplib.client import Client

__all__ = ["SmpplibApp"]


class SmpplibApp:
    """A bound ESME. `responses` and `delivered` hold smpplib's PDU objects as they came."""

    def __init__(
        self,
        port: int,
        system_id: str,
        password: str,
        mode: Literal["transceiver", "transmitter", "receiver"] = "transceiver",
    ) -> None:
        self.responses: Inbox[Any] = Inbox("smpplib responses")
        self.delivered: Inbox[Any] = Inbox("smpplib deliver_sm")
        self.answer: int = consts.SMPP_ESME_ROK
        self._client = Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
        self._client.set_message_sent_handler(self._sent)
        self._client.set_message_received_handler(self._received)
        self._client.set_error_pdu_handler(
            lambda pdu: None
        )  # a refused submit_sm is in responses all the same
        self._credentials = {"system_id": system_id, "password": password}
        self._mode = mode
        self._write = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"smpplib-{system_id}", daemon=True)
        self.lost: Exception | None = None

    def start(self) -> Self:
        """Connects and binds; smpplib's PDUError with the status when the bind is refused."""
        try:
            self._client.connect()
            getattr(self._client, f"bind_{self._mode}")(**self._credentials)
        except (exceptions.ConnectionError, exceptions.PDUError):
            self._close()
            raise
        send = self._client.send_pdu

        def send_whole(pdu: Any) -> Any:  # two threads write: the test's and the one that answers deliver_sm
            with self._write:
                return send(pdu)

        self._client.send_pdu = send_whole
        self._thread.start()
        return self

    def submit(self, text: str, to: str, sender: str = "38000", **fields: Any) -> list[int]:
        """Sends the text as smpplib splits it (UDH when long); the sequence number of each part."""
        parts, data_coding, esm_class = gsm.make_parts(text)
        base = {"source_addr": sender, "destination_addr": to, "dest_addr_ton": 1, "dest_addr_npi": 1}
        base |= {"data_coding": data_coding, "esm_class": esm_class, "registered_delivery": True, **fields}
        return [self._client.send_message(short_message=part, **base).sequence for part in parts]

    def response(self, sequence: int, timeout: float = 10.0) -> Any:
        """The submit_sm_resp to that sequence number."""
        return self.responses.wait(1, timeout, lambda pdu: pdu.sequence == sequence)[0]

    def stop(self) -> None:
        """Unbinds when still bound, closes."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10.0)
        if self.lost is None and self._client._socket is not None:
            try:
                self._client.unbind()
            except (exceptions.ConnectionError, exceptions.PDUError) as gone:
                self.lost = gone
        self._close()

    def _close(self) -> None:
        self._client.state = consts.SMPP_CLIENT_STATE_OPEN  # else disconnect() warns that it was bound
        self._client.disconnect()

    def _sent(self, pdu: Any) -> None:  # smpplib passes it by this name
        self.responses.put(pdu)

    def _received(self, pdu: Any) -> int:
        self.delivered.put(pdu)
        return self.answer

    def _read(self) -> None:
        try:
            while not self._stopping.is_set():
                if select.select([self._client._socket], [], [], 0.05)[0]:
                    self._client.read_once(auto_send_enquire_link=False)
        except (exceptions.ConnectionError, exceptions.PDUError, OSError) as gone:
            self.lost = gone  # the test sees it by the response that does not come, and here

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
