"""A job's events as lines for people."""

from __future__ import annotations

import click

from dsk.cli import words
from dsk.cli.printing import in_words
from dsk.errors import FIX
from dsk.text import Text
from dsk.wire.events import Failure, Finished, Notice, Output, Phase


def text(event: Phase | Notice | Output | Failure | Finished, width: int = 0) -> str:
    """`width`: that of the longest place before a line."""
    if isinstance(event, Output):
        who = place(event.node, event.rank).ljust(width)
        return f"{click.style(who, fg='cyan')} {event.line}"
    if isinstance(event, Phase):
        return click.style(f"dsk: {in_words(event.text)}", dim=True)
    if isinstance(event, Notice):
        return f"dsk: {in_words(event.text)}"
    if isinstance(event, Failure):
        return _failure(event)
    return _finished(event)


def place(node: int | None, rank: int | None) -> str:
    if node is None:
        return "[master]"
    return f"[node{node}]" if rank is None else f"[node{node} rank {rank}]"


def _failure(event: Failure) -> str:
    failed = Text("failed: {cause}").filled(cause=event.cause)
    lines = [click.style(line, fg="red") for line in in_words(failed).splitlines()]
    lines += [f"  | {line}" for line in event.lines]
    if event.fix:
        lines.append(f"  {in_words(FIX.filled(fix=event.fix))}")
    return "\n".join(lines)


def _finished(event: Finished) -> str:
    color = "green" if event.state == "succeeded" else "red"
    state = click.style(in_words(words.state(event.state)), fg=color)
    if event.saved_step is not None:
        saved = Text("{state}, with a checkpoint saved at step {step},")
        state = in_words(saved.filled(state=state, step=event.saved_step))
    text = Text(
        "{state} after {seconds:.1f} s\n  output: {output_dir}\n  logs and recipe: {folder}"
    ).filled(state=state, seconds=event.seconds, output_dir=event.output_dir, folder=event.folder)
    return in_words(text)
