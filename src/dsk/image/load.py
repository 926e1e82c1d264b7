"""`dsk image load`: an archive into engines, only after all of it was found good."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from dsk.accelerators import Accelerator
from dsk.checks import transfer
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Server, open_server, processes
from dsk.errors import DskError, Unreachable, UserError
from dsk.image import archive, stall
from dsk.image.archive import Manifest, Progress
from dsk.servers.contact import open_fleet
from dsk.servers.survey import ask, with_engine
from dsk.survey.server import ServerFacts
from dsk.text import Text

# After the last byte the engine still unpacks, on a slow disk.
LOAD_LIMIT_S = 3600.0

# Of a server that need not be a node no driver is asked.
ANY = Accelerator("")


def load_here(file: Path, progress: Progress) -> Text:
    """Gives the archive to this machine's engine; what came of it, in words. Raises DskError."""
    manifest = archive.read_manifest(file)
    with open_server(Local(), Path()) as server:
        there = _fit(server, manifest, ANY)
        if manifest.image.same_as(there.image):
            return _there(manifest)
        _check(file, manifest, progress)
        return _load(server, file, manifest, there, progress)


def load_nodes(
    cluster: Cluster, nodes: Sequence[Node], file: Path, progress: Progress
) -> tuple[dict[int, Text], list[DskError]]:
    """Gives the archive to the nodes' engines side by side.

    What came of it by node index, and the errors of the nodes where it failed. Raises UserError
    where the archive is no good, and has touched no engine then.
    """
    manifest = archive.read_manifest(file)
    with open_fleet(cluster, nodes) as fleet:
        engines = fleet.each(lambda _, server: _fit(server, manifest, cluster.devices))
        lacking = [
            node for node in fleet.good if not manifest.image.same_as(engines[node.index].image)
        ]
        if lacking:
            _check(file, manifest, progress)

        def give(node: Node, server: Server) -> Text:
            if node not in lacking:
                return _there(manifest)
            return _load(server, file, manifest, engines[node.index], progress)

        return fleet.each(give), fleet.errors


def _there(manifest: Manifest) -> Text:
    return Text("has {reference} already").filled(reference=manifest.reference)


def _check(file: Path, manifest: Manifest, progress: Progress) -> None:
    archive.check(file, manifest, lambda done: progress.update(Text("checked"), done, manifest.tar))


def _look(server: Server, manifest: Manifest, devices: Accelerator) -> ServerFacts:
    asked = ask(server, transfer.FACTS, {"image": manifest.reference}, devices)
    return with_engine(asked, server.where)


def _fit(server: Server, manifest: Manifest, devices: Accelerator) -> ServerFacts:
    """Raises DskError where the engine cannot take the image, or its server not run it."""
    found = _look(server, manifest, devices)
    if error := unfit(found, manifest, server.where, devices):
        raise error
    return found


def unfit(
    there: ServerFacts, manifest: Manifest, where: str | Text, devices: Accelerator
) -> DskError | None:
    """Why the engine cannot take the image, or its server not run it. Pure."""
    if manifest.image.same_as(there.image):
        return None
    image, reference = manifest.image, manifest.reference
    if error := transfer.mismatch(image, reference, there, devices, where, error=UserError):
        return error
    # The engine unpacks the whole tar, then its layers from there. Of another image of this name
    # the large ones are mostly there.
    needed = manifest.tar * (1 if there.image else 2)
    return transfer.no_room(transfer.LOADING, needed, there, where)


def _load(
    server: Server, file: Path, manifest: Manifest, there: ServerFacts, progress: Progress
) -> Text:
    """Raises DskError, with the image as it was before."""
    where = server.where

    name = Text("sent to {where}").filled(where=where)

    def tick(done: int) -> None:
        progress.update(name, done, manifest.tar)

    loader = server.popen(["docker", "load", "--quiet"], stdin=processes.PIPE)
    assert loader.stdin  # noqa: S101 - PIPE above
    assert loader.stderr  # noqa: S101 - popen's default
    try:
        os.set_blocking(loader.stdin.fileno(), False)
        with contextlib.suppress(BrokenPipeError):  # it ended: its exit code tells
            for chunk in archive.read(file, manifest, tick):
                _put(loader.stdin, chunk, where)
            loader.stdin.close()
            text = Text("{where}: has received everything; its engine is unpacking the layers")
            progress.say(text.filled(where=where))
        code = loader.wait(LOAD_LIMIT_S)
        said = loader.stderr.read().decode(errors="replace").strip()
    except processes.TimeoutExpired:
        raise Unreachable(Text("docker load does not end"), where=where) from None
    finally:
        processes.end(loader)
    if code:
        raise _load_error(said, where)
    if not manifest.image.same_as(_look(server, manifest, ANY).image):
        raise DskError(
            Text("the image {reference} there is not the one in {file}").filled(
                reference=manifest.reference, file=file
            ),
            where=where,
            fix=Text("there: docker image rm {reference}; then load it again").filled(
                reference=manifest.reference
            ),
        )
    replaced = Text("loaded {reference}, in place of another")
    text = replaced if there.image else Text("loaded {reference}")
    return text.filled(reference=manifest.reference)


def _put(pipe: IO[bytes], chunk: bytes, where: str | Text) -> None:
    """Writes to a pipe that does not block. Raises Unreachable where nobody takes anything."""
    left = memoryview(chunk)
    while left:
        if not select.select([], [pipe], [], stall.LIMIT_S)[1]:
            text = Text("docker load has read nothing for {minutes:.0f} min").filled(
                minutes=stall.LIMIT_S / 60
            )
            raise stall.stalled(text, where)
        left = left[os.write(pipe.fileno(), left) :]


def _load_error(said: str, where: str | Text) -> DskError:
    if "no space left" in said.lower():
        return DskError(
            Text(
                "the disk became full while loading, and the engine removed what it had "
                "loaded: {said}"
            ).filled(said=said),
            where=where,
            fix=Text("there: docker system df shows what can be removed (docker image rm …)"),
        )
    return DskError(
        Text("docker load failed: {said}").filled(said=said or Text("it was killed")), where=where
    )
