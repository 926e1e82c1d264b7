"""`dsk image save`: the image of this machine's engine as one file."""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsk.checks import driver
from dsk.cluster.model import Local
from dsk.connect import Server, open_server, processes
from dsk.errors import DskError, Unreachable, UserError
from dsk.image import archive, stall
from dsk.image.archive import CHUNK, GB, Manifest, Progress
from dsk.servers.progress import known_total
from dsk.survey.engine import engine_error
from dsk.survey.values import Image
from dsk.text import Text

INSPECT_LIMIT_S = 60.0
# What a packed image takes of its size, with room to spare (measured: docs/decisions/0009).
PACKED_PART = 0.6
NO_SUCH_IMAGE = "no such image"


def save(reference: str, file: Path, progress: Progress, *, force: bool) -> Manifest:
    """Writes the archive whole or not at all.

    Raises UserError (no such image, a file in the way), Unreachable (no engine), DskError (no
    room, or `docker save` failed).
    """
    _check_place(file, force=force)
    with open_server(Local(), Path()) as server:
        manifest = _described(server, reference)
        _check_room(file, manifest)
        text = Text("this machine is reading the image (docker save); packing starts after that")
        progress.say(text)

        def tick(done: int) -> None:
            progress.update(Text("packed"), done, known_total(done, manifest.size))

        try:
            return archive.write(file, manifest, _saved(server, reference), tick)
        except OSError as error:
            raise _write_error(error, file) from error


def _check_place(file: Path, *, force: bool) -> None:
    if not file.parent.is_dir():
        raise UserError(
            Text("the folder {parent} does not exist").filled(parent=file.parent), where=str(file)
        )
    if file.is_dir():
        raise UserError(
            Text("is a folder"), where=str(file), fix=Text("name a file: dsk-cu128.tar.zst")
        )
    if file.exists() and not force:
        raise UserError(Text("exists already"), where=str(file), fix=Text("--force overwrites it"))


def _described(server: Server, reference: str) -> Manifest:
    done = server.run(
        ["docker", "image", "inspect", "--format", "{{json .}}", reference],
        timeout=INSPECT_LIMIT_S,
    )
    if done.returncode:
        if NO_SUCH_IMAGE in done.error.lower():
            raise UserError(
                Text("this machine's engine has no image {reference}").filled(reference=reference),
                fix=Text(
                    "build it (make image), or name another: dsk image save --image REFERENCE FILE"
                ),
            )
        raise engine_error(done.error, server.where)
    told = json.loads(done.text)
    if not is_tag(reference, told["RepoTags"] or []):
        raise UserError(
            Text("{reference} is not a tag, and an image in a file has no other name").filled(
                reference=reference
            ),
            fix=Text(
                "docker tag {reference} NAME:TAG, then: dsk image save --image NAME:TAG FILE"
            ).filled(reference=reference),
        )
    image = Image.inspected(done.text)
    labels = {name: image.labels[name] for name in driver.LABELS if name in image.labels}
    return Manifest(reference, image.content, told["Architecture"], image.size, labels=labels)


def is_tag(reference: str, tags: Sequence[str]) -> bool:
    """Whether the engine's `tags` of the image hold this name, as it may be written. Pure."""
    name = reference.removeprefix("docker.io/").removeprefix("library/")
    return name in tags or f"{name}:latest" in tags


def _check_room(file: Path, manifest: Manifest) -> None:
    free = shutil.disk_usage(file.parent).free
    needed = manifest.size * PACKED_PART
    if free < needed:
        raise DskError(
            Text("the archive may need {needed:.1f} GB, and {free:.1f} GB are free").filled(
                needed=needed / GB, free=free / GB
            ),
            where=str(file.parent),
            fix=Text("free some space, or name a file on another disk"),
        )


def _saved(server: Server, reference: str) -> Iterator[bytes]:
    """`docker save`, to its good end or an error."""
    saver = server.popen(["docker", "save", reference])
    assert saver.stdout  # noqa: S101 - popen's default
    assert saver.stderr  # noqa: S101 - popen's default
    try:
        while True:
            if not select.select([saver.stdout], [], [], stall.LIMIT_S)[0]:
                text = Text("docker save has sent nothing for {minutes:.0f} min").filled(
                    minutes=stall.LIMIT_S / 60
                )
                raise stall.stalled(text, server.where)
            chunk = os.read(saver.stdout.fileno(), CHUNK)
            if not chunk:
                break
            yield chunk
        if saver.wait(INSPECT_LIMIT_S):
            said = saver.stderr.read().decode(errors="replace").strip()
            raise DskError(Text("docker save failed: {said}").filled(said=said), where=server.where)
    except processes.TimeoutExpired:
        raise Unreachable(Text("docker save does not end"), where=server.where) from None
    finally:
        processes.end(saver)


def _write_error(error: OSError, file: Path) -> DskError:
    if error.errno == errno.ENOSPC:
        return DskError(
            Text("the disk is full; the incomplete archive was removed"),
            where=str(file.parent),
            fix=Text("free some space, or name a file on another disk"),
        )
    return UserError(Text("cannot be written: {why}").filled(why=error.strerror), where=str(file))
