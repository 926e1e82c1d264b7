"""`dsk image load`: an archive into engines, only after all of it was found good."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dsk.accelerators import Accelerator
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Server, open_server, processes
from dsk.connect.engine import engine_error
from dsk.errors import DskError, Unreachable, UserError
from dsk.image import archive, stall
from dsk.image.archive import GB, Manifest, Progress
from dsk.servers import driver, room
from dsk.servers.contact import open_fleet
from dsk.servers.probe import Image
from dsk.text import Text

LOOK_LIMIT_S = 60.0
# After the last byte the engine still unpacks, on a slow disk.
LOAD_LIMIT_S = 3600.0

# Of a server that need not be a node no driver is asked.
ANY = Accelerator("")

# Lines: the engine's architecture, KiB free, what it has under the name, if anything, and what the
# accelerator's driver says of itself.
LOOK = (
    r"""
docker version --format '{{.Server.Arch}}' || exit
"""
    + room.FREE
    + r"""
image=$(docker image inspect --format '{{json .}}' "$1" 2>/dev/null) || image=
printf '%s\n' "$image"
sh -c "$2" 2>/dev/null
exit 0
"""
)


@dataclass(frozen=True)
class Engine:
    """`free` in bytes, None where unknown; `has`: the image under the archive's name; `driver`
    empty where none is known."""

    architecture: str
    free: int | None
    has: Image | None
    driver: str = ""


def load_here(file: Path, progress: Progress) -> str:
    """Gives the archive to this machine's engine; what came of it, in words. Raises DskError."""
    manifest = archive.read_manifest(file)
    with open_server(Local(), Path()) as server:
        engine = _fit(server, manifest, ANY)
        if _same(engine.has, manifest):
            return _there(manifest)
        _check(file, manifest, progress)
        return _load(server, file, manifest, engine, progress)


def load_nodes(
    cluster: Cluster, nodes: Sequence[Node], file: Path, progress: Progress
) -> tuple[dict[int, str], list[DskError]]:
    """Gives the archive to the nodes' engines side by side.

    What came of it by node index, and the errors of the nodes where it failed. Raises UserError
    where the archive is no good, and has touched no engine then.
    """
    manifest = archive.read_manifest(file)
    with open_fleet(cluster, nodes) as fleet:
        engines = fleet.each(lambda _, server: _fit(server, manifest, cluster.devices))
        lacking = [node for node in fleet.good if not _same(engines[node.index].has, manifest)]
        if lacking:
            _check(file, manifest, progress)

        def give(node: Node, server: Server) -> str:
            if node not in lacking:
                return _there(manifest)
            return _load(server, file, manifest, engines[node.index], progress)

        return fleet.each(give), fleet.errors


def _there(manifest: Manifest) -> str:
    return f"has {manifest.reference} already"


def _same(image: Image | None, manifest: Manifest) -> bool:
    return image is not None and image.content == manifest.content


def _check(file: Path, manifest: Manifest, progress: Progress) -> None:
    archive.check(file, manifest, lambda done: progress.update("checked", done, manifest.tar))


def _look(server: Server, manifest: Manifest, devices: Accelerator) -> Engine:
    argv = ["sh", "-c", LOOK, "dsk", manifest.reference, devices.server_driver]
    done = server.run(argv, timeout=LOOK_LIMIT_S)
    if done.returncode:
        raise engine_error(done.error, server.where)
    return parse(done.stdout.decode(errors="replace"), devices)


def _fit(server: Server, manifest: Manifest, devices: Accelerator) -> Engine:
    """Raises DskError where the engine cannot take the image, or its server not run it."""
    engine = _look(server, manifest, devices)
    if error := unfit(engine, manifest, server.where, devices):
        raise error
    return engine


def parse(output: str, devices: Accelerator) -> Engine:
    """Reads LOOK's output. Pure."""
    architecture, free, image, said = [*output.split("\n", 3), "", "", ""][:4]
    return Engine(
        architecture,
        room.read(free),
        Image.inspected(image) if image else None,
        driver.version(devices, said),
    )


def unfit(engine: Engine, manifest: Manifest, where: str, devices: Accelerator) -> DskError | None:
    """Why the engine cannot take the image, or its server not run it. Pure."""
    if engine.architecture != manifest.architecture:
        return UserError(
            Text("this server is {here}, and the image {reference} is for {architecture}").filled(
                here=engine.architecture,
                reference=manifest.reference,
                architecture=manifest.architecture,
            ),
            where=where,
            fix=Text("build an image on a server of that kind: make image"),
        )
    if _same(engine.has, manifest):
        return None
    if devices.server_devices and (
        found := driver.problem(devices, manifest.labels, engine.driver, where)
    ):
        return found
    # The engine unpacks the whole tar, then its layers from there. Of another image of this name
    # the large ones are mostly there.
    needed = manifest.tar * (1 if engine.has else 2)
    if engine.free is not None and engine.free < needed:
        return DskError(
            Text(
                "`docker load` temporarily needs about {needed:.1f} GB where Docker keeps "
                "its images; {free:.1f} GB are free"
            ).filled(needed=needed / GB, free=engine.free / GB),
            where=where,
            fix=Text("there: docker system df shows what can be removed (docker image rm …)"),
        )
    return None


def _load(
    server: Server, file: Path, manifest: Manifest, engine: Engine, progress: Progress
) -> str:
    """Raises DskError, with the image as it was before."""
    where = server.where

    def tick(done: int) -> None:
        progress.update(f"sent to {where}", done, manifest.tar)

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
    if not _same(_look(server, manifest, ANY).has, manifest):
        raise DskError(
            Text("the image {reference} there is not the one in {file}").filled(
                reference=manifest.reference, file=file
            ),
            where=where,
            fix=Text("there: docker image rm {reference}; then load it again").filled(
                reference=manifest.reference
            ),
        )
    return f"loaded {manifest.reference}" + (", in place of another" if engine.has else "")


def _put(pipe: IO[bytes], chunk: bytes, where: str) -> None:
    """Writes to a pipe that does not block. Raises Unreachable where nobody takes anything."""
    left = memoryview(chunk)
    while left:
        if not select.select([], [pipe], [], stall.LIMIT_S)[1]:
            text = Text("docker load has read nothing for {minutes:.0f} min").filled(
                minutes=stall.LIMIT_S / 60
            )
            raise stall.stalled(text, where)
        left = left[os.write(pipe.fileno(), left) :]


def _load_error(said: str, where: str) -> DskError:
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
