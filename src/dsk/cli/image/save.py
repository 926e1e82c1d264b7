"""`dsk image save`: the image as a file."""

from __future__ import annotations

from pathlib import Path

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.printing import echo
from dsk.text import Text

GB = 1e9


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--image", "reference", metavar="REFERENCE", help="Another than that of dsk.yaml.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@pass_context
def command(context: Context, file: Path, *, reference: str | None, force: bool) -> None:
    """Write the image to FILE, to be carried where no network reaches.

    The image is the one in this machine's engine. FILE is there whole at the end or not at all;
    `dsk image load FILE` reads it, and so does `zstd -dc FILE | docker load`. No dsk.yaml is
    needed: dsk:cu128 is saved then.
    """
    from dsk.cli.progress import Progress
    from dsk.image.save import save

    with Progress() as progress:
        saved = save(reference or context.image(), file, progress, force=force)
    text = Text("wrote {file}: {reference}, {packed:.2f} GB ({tar:.2f} GB unpacked)")
    sizes = {"packed": saved.packed / GB, "tar": saved.tar / GB}
    echo(text.filled(file=file, reference=saved.reference, **sizes))
    echo(
        Text("next: copy it to the other machine, and there: dsk image load {file}").filled(
            file=file.name
        )
    )
