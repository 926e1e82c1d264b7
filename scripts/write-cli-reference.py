"""Writes docs/reference/cli.md from the commands' own help texts.

Usage: scripts/write-cli-reference.py [--check] [FOLDER]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from generated import write_or_check

from dsk.cli.main import dsk

WIDTH = 100
HEAD = """\
# Commands

What `dsk COMMAND --help` prints, for every command. `make reference` writes this page, and
`make lint` fails while it is out of date. How the commands are used together:
[quick start](../quick-start.md), [from zero to a tuned model](../guide/zero-to-model.md).

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the job or a check failed |
| 2 | wrong input |
| 3 | a node or an engine is unreachable |
| 130 | interrupted (Ctrl-C), or the job was stopped |
| 141 | the program that read the output has exited (`dsk logs … \\| head`) |
"""


def pages(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """The section of a command, and those of the commands below it."""
    settings = command.context_settings
    context = click.Context(
        command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH, **settings
    )
    path = context.command_path
    yield f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found and not found.hidden:
                yield from pages(found, context, child)


if __name__ == "__main__":
    text = "\n".join([HEAD, *pages(dsk, None, "dsk")])
    sys.exit(write_or_check(__doc__, {"cli.md": text}))
