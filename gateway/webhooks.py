"""Receipts and replies to an account's webhook: batches from its outbox, signed, until they are answered with 2xx.

One task and one POST at a time for each account, so that a webhook that hangs costs itself alone. What is not
answered stays in the durable outbox and goes again, later and later, at most as long as store.retention.outbox
keeps it: at least once, in order. While a receiver of the account is bound by SMPP, that one carries the notes.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp
import structlog

import gateway as program
from gateway.config.sections import AccountSettings
from gateway.control.parts import Gateway
from gateway.model import Note
from gateway.throttle import Backoff
from gateway.webhook_address import PublicResolver
from gateway.webhook_body import body_of

__all__ = ["Webhooks", "signature"]

log = structlog.get_logger("gateway.webhook")

BATCH = 100
"""Notes of one POST."""
TIMEOUT = aiohttp.ClientTimeout(total=20.0, connect=10.0)
FIRST, LONGEST = 1.0, 300.0
"""Seconds before the second try, and at most between two."""
FAILING = 120.0
"""Seconds of failures before somebody is told."""
GOODBYE = 2.0
"""Seconds that a POST under way has when the gateway stops."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of Chappe-Signature: HMAC-SHA256 over the timestamp, a dot, and the body as it is sent."""
    return f"v1={hmac.new(secret, timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


class Webhooks:
    """All of them. draw: jitter, in [0, 1). posts: (account, HTTP status or "error") -> how many, for metrics."""

    def __init__(self, gateway: Gateway, draw: Callable[[], float]) -> None:
        self.gateway = gateway
        self.draw = draw
        self.posts: dict[tuple[str, str], int] = {}
        self._hooks: dict[str, _Hook] = {}
        self._ending: set[asyncio.Task[None]] = set()
        # No cookies, no proxies of the environment, no redirects: a POST goes where the file says or nowhere.
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, resolver=PublicResolver(), ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"User-Agent": f"chappe/{program.__version__}"},
        )

    def apply(self, accounts: Mapping[str, AccountSettings], secrets: Mapping[str, bytes]) -> None:
        """A new [accounts]: hooks come and go; one that only has a new address or secret keeps its batch."""
        wanted = {name: account.webhook for name, account in accounts.items() if account.webhook is not None}
        for name in self._hooks.keys() - wanted.keys():
            task = asyncio.ensure_future(self._hooks.pop(name).stop())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        for name, url in wanted.items():
            hook = self._hooks.get(name)
            if hook is None:
                hook = self._hooks[name] = _Hook(self, name)
            hook.apply(url, secrets.get(name, b""))

    async def stop(self) -> None:
        hooks = [hook.stop() for hook in self._hooks.values()]
        self._hooks.clear()
        await asyncio.gather(*hooks, *self._ending)
        await self.session.close()

    def count(self, account: str, status: str) -> None:
        self.posts[account, status] = self.posts.get((account, status), 0) + 1


class _Hook:
    """One account's: a Sink of the outbox (gateway.outbox.Sink) with a task that posts what it is given."""

    def __init__(self, webhooks: Webhooks, account: str) -> None:
        self._all = webhooks
        self._gateway = webhooks.gateway
        self._account = account
        self._url = ""
        self._secret = b""
        self._batch: list[Note] = []
        self._size = BATCH
        self._tries = 0
        self._failing_since = 0.0
        self._resting = self._stopping = False
        self._given = asyncio.Event()
        self._changed = asyncio.Event()
        self._backoff = Backoff(FIRST, LONGEST)
        self._task = asyncio.create_task(self._live(), name=f"webhook {account}")
        self._gateway.outbox.attach(account, self)

    def apply(self, url: str, secret: bytes) -> None:
        """Something new is tried at once."""
        if (url, secret) != (self._url, self._secret):
            self._url = url
            self._secret = secret
            self._changed.set()

    async def stop(self) -> None:
        """What is not answered is owed still."""
        self._stopping = True
        if self._batch:
            await asyncio.wait([self._task], timeout=GOODBYE)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._gateway.outbox.detach(self._account, self, self._batch)
        self._gateway.alarms.clear(f"webhook.{self._account}")

    # ── the outbox's sink ────────────────────────────────────────────────────────────────────────────────
    def room(self) -> int:
        """None while it posts or rests, nor while a bind carries the account's notes."""
        if (
            self._batch
            or self._resting
            or self._stopping
            or not self._gateway.outbox.alone(self._account, self)
        ):
            return 0
        return self._size

    def deliver(self, notes: Sequence[Note]) -> None:
        self._batch = list(notes)
        self._given.set()

    # ── posting ──────────────────────────────────────────────────────────────────────────────────────────
    async def _live(self) -> None:
        while not self._stopping:
            await self._given.wait()
            self._given.clear()
            try:
                failed = await self._post()
            except Exception as error:  # a fault of ours is no reason to lose notes: logged, and tried again
                log.exception("webhook.fault", account=self._account)
                failed = f"a fault of the gateway: {type(error).__name__}"
            if not failed:
                self._succeeded()
            elif not self._stopping:  # else it is owed still
                await self._rest(failed)
            self._gateway.outbox.pump(self._account)

    async def _post(self) -> str:
        """Why it was not taken, "" when it was."""
        self._changed.clear()  # a change from here on is tried at once, even if this POST is under way
        body = body_of(self._batch)
        if not body:  # all of them dropped by retention: nobody can be told any more
            return ""
        timestamp = str(self._gateway.clock.wall_ms() // 1000)
        headers = {
            "Content-Type": "application/json",
            "Chappe-Timestamp": timestamp,
            "Chappe-Delivery": f"{self._batch[0].seq}-{self._batch[-1].seq}",
            "Chappe-Account": self._account,
        }
        if self._secret:
            headers["Chappe-Signature"] = signature(self._secret, timestamp, body)
        try:
            async with self._all.session.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                status = (
                    response.status
                )  # the rest of the answer is nobody's: what has not come is not waited for
        except TimeoutError:
            self._all.count(self._account, "error")
            return f"no answer within {TIMEOUT.total:g} s"
        except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
            # Their own words hold the whole address, with the secrets in it, and octets of the peer's.
            self._all.count(self._account, "error")
            return f"its answer is no HTTP ({type(error).__name__})"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._all.count(self._account, "error")
            return f"{error}" or type(error).__name__
        self._all.count(self._account, str(status))
        if status == 413:
            self._size = max(1, self._size // 2)
        if 200 <= status < 300:
            return ""
        return f"it answered {status}" + (": redirects are not followed" if 300 <= status < 400 else "")

    def _succeeded(self) -> None:
        notes, self._batch = self._batch, []
        if self._tries:
            log.info("webhook.recovered", account=self._account, tries=self._tries)
            self._gateway.alarms.clear(f"webhook.{self._account}")
        self._tries = 0
        self._gateway.outbox.answered(self._account, notes)

    async def _rest(self, why: str) -> None:
        """Give the batch back, and wait; a bind that comes meanwhile takes it."""
        now = self._gateway.clock.now()
        host = urlsplit(self._url).hostname
        if not self._tries:
            self._failing_since = now
            log.warning(
                "webhook.failed", account=self._account, host=host, reason=why, notes=len(self._batch)
            )
        self._tries += 1
        if now - self._failing_since >= FAILING:
            lasts = f"{now - self._failing_since:.0f} s"
            text = f"the webhook of {self._account} at {host} has taken nothing for {lasts}: {why}"
            self._gateway.alarms.raise_(f"webhook.{self._account}", "warning", text)
        notes, self._batch, self._resting = self._batch, [], True
        self._gateway.outbox.again(self._account, notes)
        self._gateway.outbox.pump(self._account)
        try:
            async with asyncio.timeout(self._backoff.wait(self._tries, self._all.draw())):
                await self._changed.wait()
        except TimeoutError:
            pass  # nothing has changed: the wait is over
        self._resting = False
