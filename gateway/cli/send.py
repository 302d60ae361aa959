"""`chappe send`: one message over SMPP, as an application submits it, and what became of it.

Long texts go in parts, as applications send them; each part has its id and its receipt. Exit 0 when all was
accepted (and, with --wait, delivered), 1 when not, 3 when nothing listens.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.config_file import config_option, fail, load

if TYPE_CHECKING:
    from gateway.cli.smpp_client import Outgoing
    from gateway.config import Config
    from gateway.config.sections import AccountSettings, SmppListenerSettings

__all__ = ["parts_of", "send"]

NOT_RUNNING = 3
_SERVICE_TYPES = {"otp": "OTP", "alert": "ALERT", "transactional": "TRANS", "marketing": "PROMO"}
_HERE = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}


@click.command()
@click.option("--to", required=True, metavar="NUMBER", help="International: +33600000001; or a short code.")
@click.option("--text", required=True, help="Of any length and alphabet.")
@click.option("--kind", type=click.Choice(list(_SERVICE_TYPES)), help="Else the account's default_kind.")
@click.option("--from", "sender", metavar="SENDER", help="Else the first of the account's senders.")
@click.option("--wait", is_flag=True, help="Wait for the receipt; anything but DELIVRD is exit 1.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds that --wait waits.")
@click.option("--account", metavar="NAME", help="Which of [accounts], when there are several.")
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="Else the configuration's, else asked."
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def send(
    to: str,
    text: str,
    kind: str | None,
    sender: str | None,
    wait: bool,
    timeout: float,
    account: str | None,
    password_file: Path | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Submit one message over SMPP, as an application does, and print its id."""
    from gateway.cli.smpp_client import BindRefused, Gone, SmppClient

    configuration = load(config)
    chosen = _account(configuration, account)
    listener = configuration.smpp
    if listener is None:
        fail("listeners.smpp is switched off in this configuration: nobody can submit")
    recipient, source = _addresses(to, sender)
    parts = parts_of(text, chosen.default_alphabet)
    password = _password(chosen, password_file)
    client = SmppClient(_HERE.get(listener.host, listener.host), listener.port, _tls(listener))
    sent: list[Outgoing] = []
    try:
        client.bind(chosen.system_id, password, receives=wait)
        for data_coding, header, octets in parts:
            service_type = _SERVICE_TYPES[kind] if kind else ""
            sent.append(client.submit(source, recipient, service_type, data_coding, header, octets))
            if not as_json:
                _say_accepted(sent[-1], len(sent), len(parts))
            if sent[-1].status:
                break
        if wait:
            client.wait(timeout)
        client.leave()
    except BindRefused as error:
        fail(_refused_bind(chosen.system_id, error.status))
    except Gone as error:
        where = f"{listener.host}:{listener.port}"
        fail(
            f"{where}: {error}" + ("" if sent else "; does the gateway run? (chappe run)"),
            1 if sent else NOT_RUNNING,
        )
    _report(sent, wait, timeout, as_json)


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────────────
def parts_of(text: str, default_alphabet: str) -> list[tuple[int, bytes, bytes]]:
    """(data_coding, header, octets) of each part; never inside a pair. One without header where it fits."""
    from drivers.sms.alphabet import encode_as, fit
    from drivers.sms.split import split

    data_coding, payload = fit(text)
    if (
        default_alphabet != "gsm7" and data_coding == 0
    ):  # data_coding 0 means another alphabet to this account
        latin = encode_as(text, "latin1")
        data_coding, payload = (3, latin) if latin is not None else (8, text.encode("utf-16-be"))
    reference = int.from_bytes(os.urandom(1), "big")
    try:
        return [(data_coding, header, octets) for header, octets in split(payload, data_coding, reference)]
    except ValueError as error:
        fail(str(error))


def _addresses(to: str, sender: str | None) -> tuple[str, str]:
    from drivers.sms import address

    try:
        recipient = address.destination(0, 0, to.replace(" ", "").encode("latin-1", "replace"))
        source = address.source(0, 0, sender.encode("latin-1", "replace")) if sender else ""
    except address.AddressError as error:
        fail(str(error), 2)
    return recipient, source


# ── who sends ────────────────────────────────────────────────────────────────────────────────────────────
def _account(config: Config, name: str | None) -> AccountSettings:
    accounts = config.accounts
    known = ", ".join(accounts) or "none"
    if name is None and len(accounts) != 1:
        fail(f"--account is needed, one of: {known}", 2)
    if name is not None and name not in accounts:
        fail(f"no account {name} in {config.path}; there are: {known}", 2)
    return accounts[name] if name is not None else next(iter(accounts.values()))


def _password(account: AccountSettings, file: Path | None) -> str:
    from gateway.secrets import SecretError, read_secret_file

    if file is not None:
        try:
            return read_secret_file(file)
        except SecretError as error:
            fail(str(error))
    if account.password is not None:
        return account.password
    password: str = click.prompt(f"Password of {account.system_id}", hide_input=True, err=True)
    return password


def _tls(listener: SmppListenerSettings) -> ssl.SSLContext | None:
    """Trusts the very certificate that the configuration names, whatever host stands in it."""
    if listener.tls_certificate_file is None:
        return None
    context = ssl.create_default_context(cafile=str(listener.tls_certificate_file))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────
def _refused_bind(system_id: str, status: int) -> str:
    from drivers.smpp.pdu import status_name

    why = "wrong password, or see bind.refused in the gateway's log"
    return f"bind of {system_id} refused ({status_name(status)}): {why}"


def _say_accepted(outgoing: Outgoing, number: int, total: int) -> None:
    from drivers.smpp.pdu import status_name

    part = f" part {number} of {total}" if total > 1 else ""
    if outgoing.status:
        words = f": {outgoing.words}" if outgoing.words else ""
        click.echo(f"refused{part}, {status_name(outgoing.status)} ({outgoing.status:#06x}){words}", err=True)
    else:
        click.echo(f"{outgoing.id}{part} accepted in {_ms(outgoing.accepted_at - outgoing.at)}")


def _report(sent: list[Outgoing], wait: bool, timeout: float, as_json: bool) -> None:
    refused = any(outgoing.status for outgoing in sent)
    undelivered = wait and any(outgoing.stat != "DELIVRD" for outgoing in sent if outgoing.id)
    if as_json:
        click.echo(json.dumps({"messages": [_row(outgoing) for outgoing in sent]}, ensure_ascii=False))
    elif wait:
        for outgoing in sent:
            if outgoing.id and outgoing.stat:
                way = " (asked: the receipt went to another bind)" if outgoing.queried else ""
                took = _ms(outgoing.receipt_at - outgoing.at)
                click.echo(f"{outgoing.id} {outgoing.stat} err {outgoing.err} after {took}{way}")
            elif outgoing.id:
                click.echo(f"{outgoing.id} no receipt in {timeout:g} s: chappe trace {outgoing.id}", err=True)
    sys.exit(1 if refused or undelivered else 0)


def _row(outgoing: Outgoing) -> dict[str, object]:
    from drivers.smpp.pdu import status_name

    return {
        "id": outgoing.id or None,
        "status": status_name(outgoing.status or 0),
        "detail": outgoing.words,
        "stat": outgoing.stat or None,
        "err": outgoing.err or None,
    }


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
