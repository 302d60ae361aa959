"""`chappe simulate …`: other people's machines, played. `smsc` is a carrier that does, and errs, as told.

Every field of Behaviour is an option of its own, with the field's own help. One line for each bind, message,
receipt and reply.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

from drivers.smpp.behaviour import Behaviour
from drivers.smpp.pdu import CommandStatus
from gateway.cli.config_file import fail

__all__ = ["line_of", "simulate", "smsc"]

Command = TypeVar("Command", bound=Callable[..., Any])

_COLOURS = {"message": "green", "receipt": "cyan", "mo": "magenta", "closed": "yellow", "bind_refused": "red"}


@click.group()
def simulate() -> None:
    """Play a carrier, to try with."""


def _status(value: str | int) -> int:
    """A command_status: 0x58, 88 or ESME_RTHROTTLED."""
    text = str(value)
    try:
        return int(text, 0) if text[:1].isdigit() else int(CommandStatus[text.upper()])
    except (ValueError, KeyError):
        raise click.BadParameter(f"{text!r} is no command_status: give 0x58 or ESME_RTHROTTLED") from None


def _behaviour_options(command: Command) -> Command:
    """One option a field, in the fields' order."""
    hints = get_type_hints(Behaviour)
    for field in reversed(fields(Behaviour)):
        name = field.name.replace("_", "-")
        kind = hints[field.name]
        declared = f"--{name}/--no-{name}" if kind is bool else f"--{name}"
        command = click.option(
            declared,
            field.name,
            type=_type_of(field.name, kind),
            default=field.default,
            show_default=field.default not in ("", None),
            help=field.metadata["help"],
        )(command)
    return command


def _type_of(name: str, kind: Any) -> Any:
    if name.endswith("_status"):
        return _status
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    plain = [part for part in get_args(kind) if part is not NoneType]
    return plain[0] if plain else kind


@simulate.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=2776, show_default=True, type=click.IntRange(0, 65_535), help="0: any free one."
)
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="The password from this file's first line."
)
@_behaviour_options
def smsc(host: str, port: int, password_file: Path | None, **behaviour: Any) -> None:
    """A carrier's SMSC that takes messages and sends receipts; Ctrl-C ends it.

    Without options it accepts everything and delivers at once. Every fault below can be asked for.
    """
    from gateway.cli.daemon import event_loop
    from gateway.secrets import SecretError, read_secret_file

    try:
        if password_file is not None:
            behaviour["password"] = read_secret_file(password_file)
        carrier = Behaviour(**behaviour)
    except SecretError as error:
        fail(str(error))
    except ValueError as error:
        field, _, rest = str(error).partition(" ")
        fail(f"--{field.replace('_', '-')} {rest}", 2)
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        try:
            runner.run(_play(carrier, host, port))
        except OSError as error:
            fail(f"{host}:{port} can't be listened on: {error.strerror or error}; take another --port")


async def _play(behaviour: Behaviour, host: str, port: int) -> None:
    """Serve until a signal ends it; then the counts."""
    from drivers.smpp.simulator import SimulatedCarrier

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    carrier = SimulatedCarrier(behaviour, _tell)
    await carrier.start(host, port)
    try:
        await stop.wait()
    finally:
        await carrier.stop()
    counted = {"submits": "submit_sm", "refused": "refused", "receipts": "receipts", "mos": "replies"}
    click.echo(", ".join(f"{carrier.counts[key]} {words}" for key, words in counted.items()))


def _tell(event: Any) -> None:
    """One line at once, also into a pipe."""
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    click.secho(f"{now} {line_of(event.kind, event.fields)}", fg=_COLOURS.get(event.kind))
    sys.stdout.flush()


def line_of(kind: str, told: dict[str, Any]) -> str:
    """One event in words."""
    if kind == "listening":
        return f"listening on {told['host']}:{told['port']}"
    if kind == "message":
        parts = f" in {told['parts']} parts" if told["parts"] > 1 else ""
        missing = "" if told["complete"] else ", some missing"
        ids = " ".join(told["ids"]) if told["status"] == "ESME_ROK" else told["status"]
        return f"message {told['source'] or '-'} -> {told['destination']}{parts}{missing} [{ids}] {told['text']!r}"
    if kind in ("receipt", "mo"):
        what = f"receipt {told['id']} {told['stat']}" if kind == "receipt" else "reply"
        return what if told["status"] == "ESME_ROK" else f"{what}, answered {told['status']}"
    words = " ".join(f"{name}={value}" for name, value in told.items())
    return f"{kind.replace('_', ' ')} {words}".rstrip()
