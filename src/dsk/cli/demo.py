"""`dsk demo`: two nodes train on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dsk.cli.printing import echo
from dsk.cluster.model import DEFAULT_IMAGE
from dsk.text import Text, joined

if TYPE_CHECKING:
    from dsk.demo.run import Demo
    from dsk.wire.events import Event


@click.command()
@click.option("--image", default=DEFAULT_IMAGE, show_default=True, help="The image to use.")
@click.option("--gpus", is_flag=True, help="One GPU for each of the two nodes.")
@click.option("--keep", is_flag=True, help="Leave the workers and their files for a look around.")
@click.option("--clean", "only_clean", is_flag=True, help="Remove what --keep left.")
@click.option("-v", "--verbose", is_flag=True, help="Show every line of the training.")
def command(*, image: str, gpus: bool, keep: bool, only_clean: bool, verbose: bool) -> None:
    """Train a tiny model on two nodes on this machine: no GPU, no download needed."""
    from dsk.cli.screen import Screen
    from dsk.cli.steps import Printer
    from dsk.demo.run import clean, run
    from dsk.demo.site import lock

    tell = Printer()  # nothing is sent to this machine itself: no bar to end
    screen = Screen(world_size=2, nodes=2)

    def show(event: Event) -> None:
        if verbose or _is_news(event):
            screen.show(event)

    with lock():
        clean(tell)  # also what a demo that was cut off has left
        if only_clean:
            return
        try:
            demo = run(image, "cuda" if gpus else "cpu", tell, show)
            echo(summary(demo))
            echo(_kept(demo) if keep else Text("all of it is removed again; --keep keeps it"))
        finally:
            if not keep:
                clean(tell)


def _is_news(event: Event) -> bool:
    """What happens, and the loss that rank 0 logs at each step."""
    from dsk.wire.events import Output

    return not isinstance(event, Output) or (event.rank == 0 and "'loss'" in event.line)


def summary(demo: Demo) -> Text:
    line = Text("{nodes} nodes trained together, {steps} steps")
    loss = Text("  loss     {first:.3f} at the first step, {last:.3f} at the last")
    part = Text("  {seconds:5.1f} s  {part}")
    lines = [
        line.filled(nodes=len(demo.cluster.nodes), steps=len(demo.losses)),
        loss.filled(first=demo.losses[0], last=demo.losses[-1]),
        Text("  adapter  {path}").filled(path=demo.adapter),
        *(part.filled(part=name, seconds=seconds) for name, seconds in demo.parts),
    ]
    return joined(lines, "\n")


def _kept(demo: Demo) -> Text:
    name = f"dsk-{demo.cluster.name}-{demo.cluster.master.name}"
    return Text(
        "kept: the workers (docker exec -it {name} bash) and their files\n"
        "remove them with: dsk demo --clean"
    ).filled(name=name)
