"""What speaks HTTP, opened only where it is configured: the listener with its metrics, and the webhooks.

aiohttp and prometheus_client are imported here and when needed: a gateway without them neither waits for their
import nor carries their memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gateway.config import Config
from gateway.control.parts import Gateway
from gateway.secrets import SecretError, read_secret_file
from gateway.settings import ConfigError, Fault

if TYPE_CHECKING:
    from gateway.listeners.http.server import HttpListener
    from gateway.watchers.metrics import Metrics
    from gateway.webhooks import Webhooks

__all__ = ["Web"]


class Web:
    """See the module. draw: jitter, in [0, 1)."""

    def __init__(self, gateway: Gateway, draw: Callable[[], float]) -> None:
        self._gateway = gateway
        self._draw = draw
        self.http: HttpListener | None = None
        self.metrics: Metrics | None = None
        self.webhooks: Webhooks | None = None

    async def start(self) -> None:
        """Listen, and begin to post. Raises OSError, SecretError, ssl.SSLError."""
        gateway = self._gateway
        self._post(gateway.config, _secrets(gateway.config))
        if gateway.config.http is None:
            return
        from gateway.listeners.http.server import HttpListener  # noqa: PLC0415 - see the module
        from gateway.watchers.metrics import Metrics  # noqa: PLC0415

        self.metrics = Metrics(gateway)
        await self.metrics.start()
        accepted = self.metrics.latencies.accepted
        self.http = HttpListener(gateway, gateway.config.http, self.metrics.exposition, accepted)
        self.metrics.http = self.http.figures
        self.metrics.webhooks = lambda: self.webhooks.posts if self.webhooks is not None else {}
        await self.http.start()

    def check(self, new: Config) -> Callable[[], None]:
        """A reload's first half: reads what may be wrong. Raises ConfigError. Its second half is what this returns."""
        http = self.http
        try:
            tokens = http.read(new) if http is not None else {}
            secrets = _secrets(new)
        except SecretError as error:
            raise ConfigError([Fault((), str(error))]) from error

        renew = http.renewal() if http is not None else None

        def apply() -> None:
            if http is not None and renew is not None:
                http.apply(tokens)
                renew()
            self._post(new, secrets)

        return apply

    def _post(self, config: Config, secrets: Mapping[str, bytes]) -> None:
        if self.webhooks is None and any(account.webhook for account in config.accounts.values()):
            from gateway.webhooks import Webhooks  # noqa: PLC0415 - see the module

            self.webhooks = Webhooks(self._gateway, self._draw)
        if self.webhooks is not None:
            self.webhooks.apply(config.accounts, secrets)

    async def stop(self) -> None:
        """Requests under way are answered, a POST under way may end; what is not answered stays owed."""
        if self.http is not None:
            await self.http.drain(2.0)
            await self.http.stop()
        if self.metrics is not None:
            await self.metrics.stop()
        if self.webhooks is not None:
            await self.webhooks.stop()
        self.http = self.metrics = self.webhooks = None


def _secrets(config: Config) -> dict[str, bytes]:
    """Account -> what its webhook's POSTs are signed with. Raises SecretError."""
    return {
        name: read_secret_file(account.webhook_secret_file).encode()
        for name, account in config.accounts.items()
        if account.webhook is not None and account.webhook_secret_file is not None
    }
