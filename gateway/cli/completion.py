"""`chappe completion SHELL`: the script that makes a shell complete verbs, options and files."""

from __future__ import annotations

import click

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """The lines that make your shell complete chappe's verbs and options.

    For this session: source <(chappe completion bash). The package installs them for all.
    """
    from click.shell_completion import get_completion_class

    from gateway.cli import chappe

    made = get_completion_class(shell)
    if made is None:  # Choice lets only shells through that click knows
        raise click.UsageError(f"no completion for {shell}")
    click.echo(made(chappe, {}, "chappe", "_CHAPPE_COMPLETE").source())
