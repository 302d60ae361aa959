"""chappe(1), written from the command itself, so that the page can't tell of an option that is not there.

python packages/manpage.py > chappe.1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from gateway import __version__
from gateway.cli import VERBS, chappe

DESCRIPTION = """\
An SMPP gateway: applications submit short messages to it as to an SMSC, it keeps them on disk, sends them to carriers
at exactly the rate that was agreed, and brings receipts and replies home.
.PP
.B chappe run
is the daemon. The other verbs begin a configuration, judge it, or speak to the daemon over its control socket.
The configuration is the file of
.BR \\-\\-config ,
else of
.BR $CHAPPE_CONFIG ,
else
.I gateway.toml
in the current folder."""

END = """\
.SH EXIT STATUS
0 done; 1 failed; 2 usage; 3 the daemon does not run; 78 bad configuration, or a store from a newer version.
.SH ENVIRONMENT
.TP
.B CHAPPE_CONFIG
The configuration, where
.B \\-\\-config
does not name it.
.TP
.B NO_COLOR
No colours on a terminal.
.SH FILES
.TP
.I /etc/chappe/gateway.toml
The configuration of chappe.service.
.TP
.I /var/lib/chappe/chappe.db
The store: messages, receipts, replies, opt\\-outs, audit.
.TP
.I /run/chappe/control.sock
The operators' door: members of the group chappe.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1);
.I /usr/share/doc/chappe/docs/operations.md"""


def escaped(text: str) -> str:
    """As roff reads it: backslashes and hyphens are meant, and a line that opens with a dot is text."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def page() -> str:
    """The whole page."""
    lines = [
        f'.TH CHAPPE 1 "" "Chappe {__version__}" "User Commands"',
        ".SH NAME",
        "chappe \\- SMPP gateway that stores, throttles and relays short messages",
        ".SH SYNOPSIS",
        ".B chappe",
        ".I VERB",
        "[OPTIONS] [ARGUMENTS]",
        ".SH DESCRIPTION",
        DESCRIPTION,
    ]
    context = click.Context(chappe, info_name="chappe")
    for section, verbs in VERBS.items():
        lines.append(f".SH {escaped(section).upper()}")
        for name in verbs:
            command = chappe.get_command(context, name)
            if command is not None:
                lines += _verb(command, [name], context)
    return "\n".join([*lines, END, ""])


def _verb(command: click.Command, words: list[str], parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=words[-1], parent=parent)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _verb(below, [*words, name], context)
        return
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    yield f".SS {escaped(' '.join(['chappe', *words, *arguments]))}"
    yield escaped(" ".join((command.help or "").replace("\b\n", "").split()))
    for option in command.params:
        if isinstance(option, click.Option) and (record := option.get_help_record(context)) is not None:
            yield ".TP"
            yield f".B {escaped(record[0])}"
            yield escaped(record[1]) or "\\&"


if __name__ == "__main__":
    sys.stdout.write(page())
