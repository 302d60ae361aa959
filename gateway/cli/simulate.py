"""`chappe simulate …`: other people's machines, played. `smsc` is a carrier that does, and errs, as told; `modem`
a GSM modem with its SIM and its network.

Every field of their behaviours is an option of its own, with the field's own help. One line for each bind,
message, receipt and reply.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NoReturn, TypeVar, get_args, get_origin, get_type_hints

import click

from drivers.modem.sim_behaviour import ModemBehaviour
from drivers.modem.sim_faults import KINDS, Fault
from drivers.smpp.behaviour import Behaviour
from drivers.smpp.pdu import CommandStatus
from drivers.sms.address import mask
from gateway.cli.config_file import fail

__all__ = ["line_of", "modem", "modem_line_of", "simulate", "smsc"]

Command = TypeVar("Command", bound=Callable[..., Any])

_COLOURS = {"message": "green", "receipt": "cyan", "mo": "magenta", "closed": "yellow", "bind_refused": "red"}
_COLOURS |= {"submitted": "green", "report": "cyan", "fault": "yellow", "refused": "red", "pin": "yellow"}


@click.group()
def simulate() -> None:
    """Play a carrier or a modem, to try with."""


def _status(value: str | int) -> int:
    """A command_status: 0x58, 88 or ESME_RTHROTTLED."""
    text = str(value)
    try:
        return int(text, 0) if text[:1].isdigit() else int(CommandStatus[text.upper()])
    except (ValueError, KeyError):
        raise click.BadParameter(f"{text!r} is no command_status: give 0x58 or ESME_RTHROTTLED") from None


def _options_of(behaviour: type[Behaviour | ModemBehaviour]) -> Callable[[Command], Command]:
    """One option a field, in the fields' order."""
    hints = get_type_hints(behaviour)

    def decorate(command: Command) -> Command:
        for field in reversed(fields(behaviour)):
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

    return decorate


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
@_options_of(Behaviour)
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
        _refuse_option(error)
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        try:
            runner.run(_play(carrier, host, port))
        except OSError as error:
            fail(f"{host}:{port} can't be listened on: {error.strerror or error}; take another --port")


def _refuse_option(error: ValueError) -> NoReturn:
    """A behaviour's error names its field first."""
    field, _, rest = str(error).partition(" ")
    fail(f"--{field.replace('_', '-')} {rest}", 2)


async def _play(behaviour: Behaviour, host: str, port: int) -> None:
    """Serve until a signal ends it; then the counts."""
    from drivers.smpp.simulator import SimulatedCarrier

    carrier = SimulatedCarrier(behaviour, _tell)
    await carrier.start(host, port)
    try:
        await _signalled()
    finally:
        await carrier.stop()
    counted = {"submits": "submit_sm", "refused": "refused", "receipts": "receipts", "mos": "replies"}
    click.echo(", ".join(f"{carrier.counts[key]} {words}" for key, words in counted.items()))


async def _signalled() -> None:
    """Until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _tell(event: Any) -> None:
    _show(event.kind, line_of(event.kind, event.fields))


def _show(kind: str, words: str) -> None:
    """One line at once, also into a pipe."""
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    click.secho(f"{now} {words}", fg=_COLOURS.get(kind))
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


@simulate.command()
@click.option(
    "--link", type=click.Path(path_type=Path), help="Make a pty and this link to it: give it as port."
)
@click.option("--tcp", metavar="HOST:PORT", help="Listen there instead: give socket://HOST:PORT as port.")
@click.option("--commands/--no-commands", help="Show each command line too.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="'SECONDS KIND [match=] [times=] [seconds=] [text=]'",
    help="What goes wrong, and when; may be given often. Kinds: "
    + "; ".join(f"{kind}: {words}" for kind, words in KINDS.items()),
)
@_options_of(ModemBehaviour)
def modem(
    link: Path | None, tcp: str | None, commands: bool, faults: tuple[str, ...], **behaviour: Any
) -> None:
    """A GSM modem with its SIM and its network, for any program that drives one; Ctrl-C ends it."""
    from gateway.cli.daemon import event_loop

    if (link is None) == (tcp is None):
        fail("give either --link PATH or --tcp HOST:PORT", 2)
    try:
        script = [Fault.parse(line) for line in faults]
    except ValueError as error:
        fail(f"--fault: {error}", 2)
    try:
        played = ModemBehaviour(**behaviour)
    except ValueError as error:
        _refuse_option(error)
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        try:
            runner.run(_play_modem(played, script, link, tcp or "", commands))
        except OSError as error:
            fail(f"{link or tcp}: {error.strerror or error}: take another place", 1)


async def _play_modem(
    behaviour: ModemBehaviour, script: Sequence[Fault], link: Path | None, tcp: str, commands: bool
) -> None:
    """Serve until a signal ends it; then the counts."""
    from drivers.modem.sim_modem import SimulatedModem
    from drivers.modem.simulator import PtyModem, TcpModem

    counts: Counter[str] = Counter()

    def tell(kind: str, told: dict[str, Any]) -> None:
        counts[kind] += 1
        if kind != "command" or commands:
            _show(kind, modem_line_of(kind, told))

    core = SimulatedModem(behaviour, wall=time.time(), script=script, on_event=tell)
    host, _, port = tcp.rpartition(":")
    if link is None and not port.isdecimal():
        fail(f"--tcp {tcp}: write HOST:PORT", 2)
    shell = PtyModem(core, link) if link else TcpModem(core, host or "127.0.0.1", int(port))
    async with shell:
        _show("listening", f"listening on {shell.place}")
        await _signalled()
    counted = {"submitted": "submits taken", "refused": "refused", "report": "reports", "mo": "replies"}
    click.echo(", ".join(f"{counts[kind]} {words}" for kind, words in counted.items()))


def modem_line_of(kind: str, told: dict[str, Any]) -> str:
    """One event in words; numbers are masked, PINs never come here."""
    if kind == "command":
        return f"command {told['line']}"
    if kind == "submitted":
        return f"submit {told['reference']} -> {mask(told['destination'])} {told['text']!r}"
    if kind == "report":
        return f"report {told['reference']} {mask(told['destination'])} status={told['status']:#04x}"
    if kind == "mo":
        return f"reply {mask(told['source'])} {told['text']!r}"
    if kind == "pin":
        return f"PIN {'right' if told['right'] else 'wrong'}, {told['left']} tries left"
    words = " ".join(f"{name}={value}" for name, value in told.items() if value != "")
    return f"{kind} {words}".rstrip()
