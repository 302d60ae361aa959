"""The command `chappe`: one table of verbs, each imported only when it is asked for.

So that `chappe --help`, completion and the verbs that only talk to a daemon start in a blink: this module
imports click and nothing else. Exit codes: 0 done, 1 failed, 2 usage, 3 daemon not running, 78 bad
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

__all__ = ["VERBS", "LazyGroup", "main"]

Verb = tuple[str, str, str]

VERBS: Mapping[str, Mapping[str, Verb]] = {
    "To begin": {
        "demo": ("demo", "demo", "A gateway against a simulated carrier: a message's whole story."),
        "init": ("setup", "init", "Write a configuration that runs as it is."),
        "check": ("setup", "check", "Judge a configuration: every fault at once."),
        "run": ("daemon", "run", "The gateway itself, in the foreground."),
        "send": ("send", "send", "Submit one message over SMPP, as an application does."),
        "simulate": ("simulate", "simulate", "Play a carrier, to try with."),
    },
    "To watch (the daemon runs)": {
        "status": ("watch", "status", "How the gateway is."),
        "links": ("watch", "links", "Each bearer and its binds."),
        "queue": ("watch", "queue_", "What waits, by kind and account."),
        "accounts": ("watch", "accounts", "Each application and its binds."),
        "tail": ("watch", "tail", "What happens, live and masked."),
    },
    "Messages (the daemon runs)": {
        "find": ("messages", "find", "Messages by number, reference or carrier's id."),
        "trace": ("messages", "trace", "The whole story of one message."),
        "explain": ("messages", "explain", "What would happen to a message, and why."),
        "report": ("report", "report", "What became of a campaign, in seven lines."),
        "hold": ("messages", "hold", "Keep waiting messages back."),
        "release": ("messages", "release", "Let held messages go."),
        "cancel": ("messages", "cancel", "End waiting messages."),
        "retry": ("messages", "retry", "Send now what waits for its next try."),
    },
    "To operate (the daemon runs)": {
        "link": ("operate", "link", "Enable, disable or reset a bearer."),
        "drain": ("operate", "drain", "Take nothing new, finish what is on the wire."),
        "reload": ("operate", "reload", "Read the configuration again."),
        "orphans": ("operate", "orphans", "Receipts that matched nothing."),
        "optouts": ("optouts", "optouts", "Who wants no marketing, with proof."),
        "suppressed": ("suppressed", "suppressed", "Numbers out of use, which get no marketing."),
        "consents": ("consents", "consents", "Who has agreed to marketing, with proof."),
        "privacy": ("privacy", "privacy", "What is kept about a number: export, erase."),
        "backup": ("operate", "backup", "Copy the store while the gateway runs."),
    },
    "To look after": {
        "restore": ("setup", "restore", "Put a backup in the place of the store."),
        "migrate": ("setup", "migrate", "Bring the store to this program's schema."),
        "hash-password": ("setup", "hash_password", "The text for `password_hash`."),
        "completion": ("completion", "completion", "The lines that make a shell complete verbs."),
        "version": ("setup", "version", "Versions of Chappe and of what it stands on."),
    },
}
"""Section -> verb -> (module of this package, its attribute, one line of help)."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and help by heart, and imports a command to run it."""

    def __init__(self, verbs: Mapping[str, Mapping[str, Verb]], help: str) -> None:  # noqa: A002 - click's word
        super().__init__(help=help, context_settings={"help_option_names": ["-h", "--help"]})
        self._sections = verbs
        self._verbs = {name: verb for section in verbs.values() for name, verb in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in self._verbs:
            return None
        module, attribute, _ = self._verbs[cmd_name]
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """click's, with the nearest verb beside an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # only for who has mistyped

            near = get_close_matches(args[0], self._verbs, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        width = max(map(len, self._verbs))
        for title, verbs in self._sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, (_, _, line) in verbs.items()])


chappe = LazyGroup(
    VERBS,
    "Chappe, an SMPP gateway: stores, throttles and relays short messages, and brings their receipts home.\n\n"
    "The configuration is --config FILE, else $CHAPPE_CONFIG, else ./gateway.toml.",
)


def main() -> None:
    """The program."""
    chappe(prog_name="chappe")
