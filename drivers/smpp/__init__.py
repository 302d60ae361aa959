"""The driver named 'smpp': a bearer over a carrier's SMSC, SMPP 3.3 to 5.0, plain or TLS.

esme.py is the bearer; bind.py one bind; segments.py and inbound.py are what goes out and what comes in;
session.py and below know SMPP and nothing of bearers.
"""

from __future__ import annotations

import os
import random as _random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.bearer import StateStore
from drivers.smpp.settings import Reconnect, Settings

if TYPE_CHECKING:
    import ssl

    from drivers.smpp.esme import Esme

__all__ = ["Reconnect", "Settings", "open"]


def open(  # noqa: A001 - the name that every driver gives it
    name: str,
    settings: Settings,
    state: StateStore | None = None,  # noqa: ARG001 - nothing here outlives a process: the store has the ids
    *,
    dialects: Sequence[Path] | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    random: Callable[[], float] = _random.random,
    by_hand: float = 300.0,
) -> Esme:
    """A bearer, not yet connected.

    dialects: folders with <name>.toml. clock: steady seconds; wall: Unix seconds; random: 0 to 1; by_hand:
    seconds between tries while only a human can help. Raises DialectError, and OSError (ssl.SSLError is one)
    for TLS or password files that can't be used.
    """
    # Late: every module of this package, the pure ones and the settings too, is imported through this file.
    from drivers.smpp import dialect  # noqa: PLC0415 - see above
    from drivers.smpp.bind import Seams  # noqa: PLC0415 - see above
    from drivers.smpp.esme import Esme  # noqa: PLC0415 - see above

    folders = _dialect_folders() if dialects is None else dialects
    if not settings.password and settings.password_file is not None:
        secret = settings.password_file.read_text(encoding="ascii").strip()
        settings = replace(settings, password=secret)
    seams = Seams(clock=clock, wall=wall, random=random, by_hand=by_hand)
    return Esme(name, settings, dialect.load(settings.dialect, folders), _tls(settings), seams)


def _dialect_folders() -> list[Path]:
    """$CONFIGURATION_DIRECTORY (systemd's; colons between several) overrides what is shipped."""
    own = os.environ.get("CONFIGURATION_DIRECTORY", "").split(":")
    shipped = Path(__file__).parent / "dialects"
    return [*(Path(folder) / "dialects" for folder in own if folder), shipped]


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The SMSC's certificate and host name are verified, always."""
    if not settings.tls:
        return None
    import ssl  # noqa: PLC0415 - see open()

    context = ssl.create_default_context(cafile=settings.tls_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_certificate_file is not None:
        context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    return context
