"""A listener's TLS: TLS 1.2 or later, and a certificate that a reload reads again while connections stand.

Certificates are renewed every few weeks under the same names. Each handshake is given the newest one; what was
shaken before goes on. A new certificate that can't be used refuses the reload, and the former one stays.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.settings import ConfigError, Fault

__all__ = ["Certificate"]


class Certificate:
    """context: for the server, as long as it listens. clients: of whom clients must have theirs, None for anybody.

    Raises ssl.SSLError and OSError for files that can't be used.
    """

    def __init__(
        self, certificate: Path, key: Path, clients: Path | None = None, protocols: Sequence[str] = ()
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._clients = clients
        self._protocols = list(protocols)
        self.context = self._newest = self._read()
        # Not load_cert_chain on the context that stands: that would keep a former certificate of another key type.
        self.context.sni_callback = self._present

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._protocols:
            context.set_alpn_protocols(self._protocols)
        context.load_cert_chain(self._certificate, self._key)
        if self._clients is not None:
            context.load_verify_locations(self._clients)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _present(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Asked at each ClientHello, whether it names a server or not."""
        connection.context = self._newest

    def renewal(self, listener: str) -> Callable[[], None]:
        """The files as they are now, in force once this is called. Raises ConfigError, which names listeners.…"""
        try:
            fresh = self._read()
        except OSError as error:  # ssl.SSLError is one
            why = getattr(error, "reason", None) or error.strerror or str(error)
            where = ("listeners", listener, "tls_certificate_file")
            text = f"{self._certificate} and {self._key} can't be used: {why}"
            raise ConfigError([Fault(where, text)]) from error

        def renew() -> None:
            self._newest = fresh

        return renew
