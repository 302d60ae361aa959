"""No telephone number leaves whole: what logs, topics and pages show goes through here. Pure."""

from __future__ import annotations

import re
from typing import Any

from drivers.sms.address import mask

__all__ = ["masked"]

_NUMBER = re.compile(r"\+[0-9]{7,15}|(?<![0-9A-Za-z.+-])[0-9]{9,15}(?![0-9A-Za-z.-])")


def masked(value: Any) -> Any:
    """The same plain data with every number in its texts masked, however deep; message ids are longer and stay."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda found: mask(found.group()), value)
    if isinstance(value, dict):
        return {key: masked(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(inner) for inner in value]
    return value
