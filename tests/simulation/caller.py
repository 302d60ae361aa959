"""An application that submits over HTTP: POST /v1/messages on connections of its own, some of which it leaves.

Its receipts come where all of the account's do, on its SMPP binds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from simulation.books import Ask

if TYPE_CHECKING:
    from simulation.application import Application
    from simulation.network import Plug

__all__ = ["PORT", "Caller", "token_of"]

PORT = 8080
PATIENCE = 30.0
KINDS = {"OTP": "otp", "ALERT": "alert", "TRANS": "transactional", "PROMO": "marketing"}


def token_of(account: str) -> str:
    return f"{account}-token-of-the-storm-0123456789"


class _Call:
    """One request on one connection."""

    def __init__(self, caller: Caller, ask: Ask, plug: Plug) -> None:
        self.caller = caller
        self.ask = ask
        self.plug = plug
        self.heard = b""
        self.done = False
        plug.on_data = self._data
        plug.on_end = self._ended

    def _data(self, octets: bytes) -> None:
        self.heard += octets
        head, _, body = self.heard.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), -1
        )
        if length >= 0 and len(body) >= length and not self.done:
            self.done = True
            self.caller.answered(self.ask, int(head.split()[1]), json.loads(body))
            self.plug.end()

    def _ended(self) -> None:
        if not self.done:
            self.done = True
            self.caller.owner.unsure(self.ask)

    def give_up(self) -> None:
        if not self.done:
            self.plug.reset()


class Caller:
    """See the module."""

    def __init__(self, owner: Application) -> None:
        self.owner = owner

    def post(self, ask: Ask) -> None:
        self.owner.network.connect_in(PORT, lambda plug: self._opened(ask, plug))

    def _opened(self, ask: Ask, plug: Plug | None) -> None:
        owner = self.owner
        if plug is None or not plug.open:
            owner.unsure(ask)
            return
        call = _Call(self, ask, plug)
        table = {"to": ask.to, "text": ask.text.decode(), "kind": KINDS[ask.kind], "from": owner.sender,
                 "receipt": bool(ask.registered)}  # fmt: skip
        table.update({name: word for name, word in (("reference", ask.reference), ("tag", ask.tag)) if word})
        body = json.dumps(table).encode()
        plug.send(
            f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nAuthorization: Bearer {token_of(owner.name)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        owner.books.happened["application.posts"] += 1
        leaves = owner.random.random() < 0.05
        owner.world.after(0.01 * owner.random.random() if leaves else PATIENCE, call.give_up)

    def answered(self, ask: Ask, status: int, said: dict[str, str]) -> None:
        """In the words of SMPP: 202 is 0, "again later" what an application asks again for."""
        if status == 202:
            self.owner.answered(ask, 0, said["id"])
        elif status in (429, 503):
            self.owner.answered(ask, 0x14, "")
        else:
            self.owner.answered(ask, int(said.get("code", "0x45"), 16), "")
