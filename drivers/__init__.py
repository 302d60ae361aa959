"""How to reach a handset; knows nothing of the gateway.

To write a driver: a module (or package) with a `Settings` frozen dataclass, read from `[bearers.NAME.link]`,
and `open(name, settings, state) -> Bearer`. A driver that needs keys of the bearer's own table names them in
a class `Terms` and is given one last (drivers/terms.py). Where opening a road changes something already, the
module has `async try_out(name, settings, terms) -> (ok, words)` for `chappe check --connect`. The contract is
drivers/bearer.py; tests/contracts runs on it.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

BUILT_IN = ("smpp", "modem", "simulated")


def load(name: str) -> ModuleType:
    """Find a driver by its name in the configuration: `smpp`, or `my_company.rcs` for another package's.

    Raises LookupError when there is none, with what to do.
    """
    path = name if "." in name else f"drivers.{name}"
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if error.name and path.startswith(error.name):
            raise LookupError(
                f"no driver {name!r}: use one of {', '.join(BUILT_IN)}, or a dotted module"
            ) from error
        raise
    for needed in ("Settings", "open"):
        if not hasattr(module, needed):
            raise LookupError(f"{path} is no driver: it has no {needed!r} (see drivers/__init__.py)")
    return module
