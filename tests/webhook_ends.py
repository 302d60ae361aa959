"""A webhook: a real HTTP server in a thread that keeps what it is sent and answers as it is told.

with Hook() as hook:
    hook.answers = [500, 200]       # the last one goes on for ever; "hang" answers when the hook is left
    hook.url, hook.posts, hook.ids
"""

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Post:
    """One POST: its path, headers (names in lower case), body, and the events in it."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.events = json.loads(body)["events"]

    def is_signed_with(self, secret: bytes) -> bool:
        """As an application checks it."""
        signed = self.headers["chappe-timestamp"].encode() + b"." + self.body
        expected = "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.headers["chappe-signature"], expected)


class Hook:
    def __init__(self, port: int = 0):
        self.posts: list[Post] = []
        self.answers: list = [200]
        self.location = ""
        self._left = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append(Post(self.path, self.headers, body))
                answer = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
                if answer == "hang":
                    hook._left.wait(30)
                    answer = 500
                if answer == "cut":
                    self.close_connection = True
                    return
                self.send_response(answer)
                if hook.location:
                    self.send_header("Location", hook.location)
                body = b"" if answer == 204 else b"ok"  # RFC 9110 §15.3.5: 204 has none
                if body:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that has gone away is what some tests are about

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/sms"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._left.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    @property
    def events(self) -> list[dict]:
        return [event for post in list(self.posts) for event in post.events]

    @property
    def ids(self) -> list[str]:
        """Of the messages that receipts are about, in the order in which they came."""
        return [event["message"]["id"] for event in self.events if event["type"] == "receipt"]

    def until(self, true, timeout: float = 8.0):
        deadline = time.monotonic() + timeout
        while not (found := true(self)):
            assert time.monotonic() < deadline, f"waited in vain; {len(self.posts)} posts"
            time.sleep(0.02)
        return found
