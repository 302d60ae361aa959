"""The option --config, and a configuration read or explained: what every verb that needs the file starts with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["BAD_CONFIGURATION", "config_option", "fail", "load"]

BAD_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h: systemd is told not to restart after it."""

Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """--config FILE; the parameter `config` is a path as text, or None where the usual places are meant."""
    return click.option(
        "--config",
        "-c",
        metavar="FILE",
        help="The configuration; else $CHAPPE_CONFIG, else ./gateway.toml.",
    )(command)


def load(config: str | None) -> Config:
    """The configuration of that file; with faults, all of them are printed and the program exits 78."""
    from gateway.config import ConfigError, find_config, load_config
    from gateway.rulebook import law_of

    try:
        found = load_config(Path(config) if config else find_config(os.environ), os.environ)
        law_of(found)  # the countries' files are configuration too
    except ConfigError as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        count = len(error.faults)
        click.echo(f"{count} fault{'s' if count > 1 else ''}: nothing was started or changed", err=True)
        sys.exit(BAD_CONFIGURATION)
    return found


def fail(text: str, code: int = 1) -> NoReturn:
    """One line on stderr and the end."""
    click.echo(f"chappe: {text}", err=True)
    sys.exit(code)
