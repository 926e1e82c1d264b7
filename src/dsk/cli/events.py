"""A job's events as lines for people, or as JSON for programs."""

from __future__ import annotations

import click

from dsk.wire.events import Event, Exited, Failure, Finished, Notice, Output, Phase, Step, encode


def show(event: Event, *, as_json: bool = False) -> None:
    if as_json:
        click.echo(encode(event))
    # The ranks' own lines and the failure say the same to people.
    elif not isinstance(event, Step | Exited):
        click.echo(text(event))


def text(event: Phase | Notice | Output | Failure | Finished) -> str:
    if isinstance(event, Output):
        return f"{click.style(_place(event.node, event.rank), fg='cyan')} {event.line}"
    if isinstance(event, Phase):
        return click.style(f"dsk: {event.text}", dim=True)
    if isinstance(event, Notice):
        return f"dsk: {event.text}"
    if isinstance(event, Failure):
        return _failure(event)
    return _finished(event)


def _place(node: int | None, rank: int | None) -> str:
    if node is None:
        return "[master]"
    return f"[node{node}]" if rank is None else f"[node{node} rank {rank}]"


def _failure(event: Failure) -> str:
    lines = [click.style(f"failed: {event.cause}", fg="red")]
    lines += [f"  | {line}" for line in event.lines]
    if event.fix:
        lines.append(f"  fix: {event.fix}")
    return "\n".join(lines)


def _finished(event: Finished) -> str:
    color = "green" if event.state == "succeeded" else "red"
    state = click.style(event.state, fg=color)
    return (
        f"{state} after {event.seconds:.1f} s\n"
        f"  output: {event.output_dir}\n  logs and recipe: {event.folder}"
    )
