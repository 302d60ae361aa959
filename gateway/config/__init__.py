"""gateway.toml: read it, judge it, show it, compare it.

    config = load_config(find_config(os.environ), os.environ)     or ConfigError: every fault, file and line
    warnings(config)                what is allowed but unwise
    describe_effective(config)      the TOML in force, secrets hidden
    diff(old, new)                  what a reload changes, and what each key takes

The tables' own classes stand in sections.py, roads.py and policy.py; a part imports only its own.
"""

from __future__ import annotations

from gateway.config.document import Config
from gateway.config.effective import RELOAD, Change, Effect, describe_effective, diff
from gateway.config.load import find_config, load_config
from gateway.config.warn import warnings
from gateway.settings import ConfigError, Fault

__all__ = [
    "RELOAD",
    "Change",
    "Config",
    "ConfigError",
    "Effect",
    "Fault",
    "describe_effective",
    "diff",
    "find_config",
    "load_config",
    "warnings",
]
