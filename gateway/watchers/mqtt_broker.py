"""Where the broker is, what we show it, and in an operator's words why it did not let us in."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiomqtt import MqttError

from gateway.config.policy import MqttSettings

__all__ = ["CLOSED", "GONE", "SILENT", "BrokerError", "TlsContext", "address_of", "credentials", "refusal_of"]

_UNSUPPORTED = 0x84
_REFUSED = {0x85: "identifier", 0x86: "password", 0x87: "not_authorized", 0x8A: "banned", 0x8C: "password"}
CLOSED, GONE, SILENT = "closed before CONNACK", "connection lost", "no answer"
"""How the adapter says what aiomqtt has no words for."""


class BrokerError(Exception):
    """The broker cannot be used, or not any more; the text says why and what to do.

    reason: settings, unreachable, certificate, closed, silent, identifier, password, not_authorized, banned,
    refused, taken (another client uses our identifier), lost.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def address_of(settings: MqttSettings) -> tuple[str, int, bool]:
    """(host, port, TLS) of the url. Raises BrokerError("settings")."""
    parts = urlsplit(settings.url)
    tls = parts.scheme == "mqtts"
    try:
        port = parts.port or (8883 if tls else 1883)
    except ValueError as error:
        raise BrokerError("settings", f"mqtt.url: {error}") from error
    if not parts.hostname:
        raise BrokerError("settings", f"mqtt.url names no host: {settings.url}")
    return parts.hostname, port, tls


class TlsContext(ssl.SSLContext):
    """Verifies certificate and name. made: the socket that it wrapped last, for whoever must close it."""

    made: ssl.SSLSocket | None = None

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        self.made = super().wrap_socket(*arguments, **options)
        return self.made


def credentials(settings: MqttSettings, tls: bool) -> tuple[str | None, TlsContext | None]:
    """Password and certificates, read anew for each connection: they may be renewed while the daemon runs."""
    try:
        password = _line(settings.password_file) if settings.password_file is not None else None
        if not tls:
            return password, None
        context = TlsContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        else:
            context.load_default_certs()
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except ssl.SSLError as error:
        raise BrokerError(
            "settings", f"mqtt: ca_file, certificate_file or key_file: {error.reason or error}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerError("settings", f"mqtt: {error}") from error
    return password, context


def _line(file: Path) -> str:
    return file.read_text(encoding="utf-8").rstrip("\r\n")


def refusal_of(error: MqttError, where: str, named: bool) -> BrokerError:
    """Why a connection did not open, in an operator's words."""
    text = str(error)
    rc = getattr(error, "rc", None)
    code = getattr(rc, "value", rc)
    if code == _UNSUPPORTED or CLOSED in text:
        return BrokerError(
            "closed", f"{where} closed the connection: is it an MQTT broker, and does it want TLS?"
        )
    if code in _REFUSED:
        hint = (
            "look at mqtt.username and mqtt.password_file"
            if named
            else "it wants mqtt.username and mqtt.password_file"
        )
        return BrokerError(_REFUSED[code], f"{where} refuses us ({rc}): {hint}")
    if code is not None:
        return BrokerError("refused", f"{where} refuses us ({text})")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("verify failed: ")[2].partition(" (_ssl")[0] or text
        return BrokerError(
            "certificate", f"the certificate of {where} is not valid: {why}; look at mqtt.ca_file"
        )
    if "SSL" in text or "TLS" in text:
        return BrokerError(
            "certificate", f"no TLS with {where}: {text}; look at mqtt.url and the certificate files"
        )
    if SILENT in text:
        return BrokerError("silent", f"{where} took the connection and says nothing: is it an MQTT broker?")
    return BrokerError("unreachable", f"{where} cannot be reached: {text}")
