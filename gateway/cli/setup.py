"""The verbs around the daemon: init, check, hash-password, migrate, restore, version.

None of them needs a running daemon; migrate and restore refuse while one has the store.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway import __version__, initdir, secrets
from gateway.cli.config_file import BAD_CONFIGURATION, config_option, fail, load

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["check", "hash_password", "init", "migrate", "restore", "version"]


@click.command()
@click.argument("folder", metavar="DIR")
def init(folder: str) -> None:
    """Write a configuration that runs as it is into DIR, with made passwords.

    Says which commands come next. Overwrites nothing.
    """
    try:
        written = initdir.write(Path(folder), os.urandom)
    except initdir.AlreadyThere as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    else:
        for path in written:
            click.echo(f"wrote {path}")
        click.echo()
        for line in initdir.next_steps(Path(shlex.quote(folder))):
            click.echo(line)


@click.command()
@config_option
@click.option("--strict", is_flag=True, help="A warning fails the check too (exit 1).")
@click.option("--connect", is_flag=True, help="Try every bearer's bind for real, then unbind.")
@click.option("--print-effective", is_flag=True, help="Print all that is in force, defaults included.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def check(config: str | None, strict: bool, connect: bool, print_effective: bool, as_json: bool) -> None:
    """Judge a configuration: every fault at once, with file, line and the nearest key (exit 78)."""
    from gateway.config import describe_effective, warnings

    configuration = load(config)
    found = warnings(configuration)
    roads = _tried(configuration) if connect else []
    well = all(road["ok"] for road in roads) and not (strict and found)
    if as_json:
        answer = {"config": str(configuration.path), "warnings": found, "bearers": roads, "ok": well}
        click.echo(json.dumps(answer, ensure_ascii=False))
        sys.exit(0 if well else 1)
    if print_effective:
        click.echo(describe_effective(configuration), nl=False)
    for text in found:
        click.echo(f"warning: {text}", err=True)
    for road in roads:
        click.echo(f"{road['bearer']}: {'ok' if road['ok'] else 'FAILED'}, {road['detail']}", err=True)
    if not print_effective:
        click.echo(_verdict(configuration, len(found)))
    sys.exit(0 if well else 1)


def _verdict(config: Config, warned: int) -> str:
    counts = f"{len(config.accounts)} accounts, {len(config.bearers)} bearers, {len(config.routes)} routes"
    return f"{config.path}: no faults, {warned} warning{'' if warned == 1 else 's'} ({counts})"


def _tried(config: Config) -> list[dict[str, object]]:
    from gateway.cli.trial import try_bearers, try_broker

    roads = try_bearers(config)
    if (broker := try_broker(config)) is not None:
        roads.append(broker)
    return [{"bearer": t.bearer, "ok": t.ok, "detail": t.detail} for t in roads]


@click.command("hash-password")
@click.option("--stdin", is_flag=True, help="Read the password from standard input, one line.")
def hash_password(stdin: bool) -> None:
    """The text for `password_hash`: scrypt, with a salt of its own each time."""
    if stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
    if not (1 <= len(password) <= 8 and password.isascii() and password.isprintable()):
        fail("a password has 1 to 8 printable ASCII characters: SMPP 3.4 allows no more", 2)
    click.echo(secrets.hash_password(password.encode("ascii"), os.urandom))


@click.command()
@config_option
def migrate(config: str | None) -> None:
    """Bring the store to this program's schema, as `run` does when it starts."""
    from gateway.stores import files
    from gateway.stores.store import StoreError, StoreNewer

    path = load(config).store_path
    if not path.exists():
        fail(f"{path} is not there yet: `chappe run` makes it")
    try:
        with files.lock(path):
            db = files.connect(path)
            try:
                before, after = files.migrate(db, path)
            finally:
                db.close()
    except StoreNewer as error:
        fail(str(error), BAD_CONFIGURATION)
    except StoreError as error:
        fail(str(error))
    else:
        done = f"schema {before} -> {after}" if before != after else f"schema {after}, nothing to do"
        click.echo(f"{path}: {done}")


@click.command()
@config_option
@click.argument("backup", metavar="FILE", type=click.Path(path_type=Path))
def restore(config: str | None, backup: Path) -> None:
    """Put a backup in the place of the store; the daemon must be stopped.

    The backup is verified first, and the store that was there is kept beside it.
    """
    from gateway.stores.restore import BackupRefused, put_back
    from gateway.stores.store import StoreError, StoreNewer

    loaded = load(config)
    path = loaded.store_path
    try:
        restored = put_back(backup, path, loaded.store.hmac_key_file)
    except StoreNewer as error:
        fail(str(error), BAD_CONFIGURATION)
    except (StoreError, BackupRefused) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or path}: {error.strerror}; nothing was changed")
    else:
        if restored.kept is not None:
            click.echo(f"kept the old store as {restored.kept}")
        click.echo(f"restored {path}: {restored.messages} messages, schema {restored.schema}")
        if restored.waiting:
            click.echo(f"{restored.waiting} of them wait, and leave once the daemon runs")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def version(as_json: bool) -> None:
    """Versions of Chappe and of what it stands on."""
    from gateway.stores.files import SCHEMA_VERSION

    parts = {
        "chappe": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "schema": SCHEMA_VERSION,
    }
    if as_json:
        click.echo(json.dumps(parts))
    else:
        click.echo("chappe {chappe}, Python {python}, SQLite {sqlite}, store schema {schema}".format(**parts))
