"""`dsk completion`: completion for a shell."""

from __future__ import annotations

import click

from dsk.cli.printing import echo

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_DSK_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script that completes commands, options and nodes in SHELL.

    \b
    bash: eval "$(dsk completion bash)"     in ~/.bashrc
    zsh:  eval "$(dsk completion zsh)"      in ~/.zshrc, after compinit
    fish: dsk completion fish >~/.config/fish/completions/dsk.fish
    """  # noqa: D301 - click wants the character \b itself
    from click.shell_completion import get_completion_class

    from dsk.cli.main import dsk

    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - click has a class for each of SHELLS
    echo(kind(dsk, {}, "dsk", VARIABLE).source())
