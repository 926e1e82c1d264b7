"""Writes docs/reference/cli.md, or FILE, from the commands' own help texts.

Usage: scripts/write-cli-reference.py [--check] [FILE]

With --check nothing is written: exit code 1 where the file differs from what would be written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dsk.cli.main import dsk

FILE = Path(__file__).resolve().parents[1] / "docs/reference/cli.md"
WIDTH = 100
HEAD = """\
# Commands

What `dsk COMMAND --help` prints, for every command. `make cli-reference` writes this page, and
`make lint` fails while it is out of date. How the commands are used together:
[README](../../README.md), [guides](../guide).

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    args = parser.parse_args()
    text = "\n".join([HEAD, *pages(dsk, None, "dsk")])
    if not args.check:
        args.file.write_text(text, encoding="utf-8")
        return 0
    try:
        same = args.file.read_text(encoding="utf-8") == text
    except FileNotFoundError:
        same = False
    if not same:
        print(f"{args.file} is out of date; write it with: make cli-reference", file=sys.stderr)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
