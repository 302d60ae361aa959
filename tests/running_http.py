"""A whole gateway with [listeners.http], asked over a real port.

with Site(tmp_path) as site:
    site.http("POST", "/v1/messages", SHOP, {"to": "+33612345678", "text": "hello"}).status == 202
"""

import http.client
import json
import socket
import ssl
from pathlib import Path

from peers.process import free_port
from running_gateway import Running

SHOP, BANK = "token-of-shop-0123456789", "token-of-bank-0123456789"
VIEWER, OPERATOR, ADMIN = "token-of-viewer-012345", "token-of-operator-0123", "token-of-admin-01234567"

CONFIG = """
[gateway]
name = "lab"
[store]
min_free_disk = "1MB"
[listeners.smpp]
enabled = false
[listeners.http]
port = {http}
{listener}
[[listeners.http.tokens]]
name = "eye"
token_file = "viewer"
[[listeners.http.tokens]]
name = "ops"
token_file = "operator"
role = "operator"
[[listeners.http.tokens]]
name = "root"
token_file = "admin"
role = "admin"
[accounts.shop]
password = "secret08"
default_kind = "transactional"
senders = ["CHAPPE", "36180"]
mo = ["36180"]
http_token_file = "shop"
{shop}
[accounts.bank]
password = "secret09"
default_kind = "otp"
kinds = ["otp"]
senders = ["BANK"]
http_token_file = "bank"
{bank}
[bearers.sim]
driver = "simulated"
rate = 1000
[bearers.sim.link]
{link}
[routes.mobile]
match = {{ to = ["+336", "+337"] }}
bearers = ["sim"]
{more}
"""
RULES = '[rules]\norder = ["sender", "stop"]'


class Answer:
    """status, headers (names in lower case), body; json: its value."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def sort(self) -> str:
        """Of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        assert self.json["title"]
        return self.json["type"].removeprefix("urn:chappe:")

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:300]!r}"


class Site(Running):
    """The gateway of CONFIG; parts are lines of TOML that go into its places: shop, bank, link, more, listener."""

    def __init__(self, folder: Path, more: str = RULES, **parts: str) -> None:
        self.http_port = free_port()
        places = {
            "shop": "",
            "bank": "",
            "link": 'latency = "1ms"\nreceipt_delay = "5ms"',
            "listener": "",
            **parts,
        }
        text = CONFIG.format(http=self.http_port, more=more, **places)
        super().__init__(folder, None, text.replace("{", "{{").replace("}", "}}"))
        for name, token in (
            ("shop", SHOP),
            ("bank", BANK),
            ("viewer", VIEWER),
            ("operator", OPERATOR),
            ("admin", ADMIN),
        ):
            (folder / name).write_text(f"{token}\n")

    def connection(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout)

    def stream(self, timeout: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.http_port), timeout)

    def http(
        self, method: str, path: str, token: str = "", value=None, body: bytes | None = None,
        headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None,
    ) -> Answer:  # fmt: skip
        """One request on a connection of its own. value: sent as JSON; body: as it is."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if value is not None:
            body = json.dumps(value).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection()
        if tls is not None:
            connection = http.client.HTTPSConnection("127.0.0.1", self.http_port, timeout=10, context=tls)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def send(self, to: str = "+33612345678", text: str = "hello", token: str = SHOP, **fields) -> str:
        """The id of a message that was taken."""
        answer = self.http("POST", "/v1/messages", token, {"to": to, "text": text, **fields})
        assert answer.status == 202, answer
        return answer.json["id"]

    def state(self, message_id: str, token: str = SHOP) -> str:
        return self.http("GET", f"/v1/messages/{message_id}", token).json["state"]
