"""The cluster's image from an engine that has it to those that lack it, read once for all."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Server, open_server, processes
from dsk.errors import DskError, Unreachable, UserError
from dsk.fleet.probe import Image
from dsk.fleet.report import Report, Said, Transferred

CHUNK = 1 << 20
# A slow engine packs a whole image before the first byte of `docker save`, and unpacks it after the
# last byte of `docker load`.
STALL_LIMIT_S = 1800.0
INSPECT_LIMIT_S = 30.0
REPORT_EVERY_S = 0.5


@dataclass(frozen=True)
class Source:
    """An engine that has the image."""

    server: Server
    image: Image
    name: str


def inspect(server: Server, reference: str) -> Image | None:
    """Raises Unreachable."""
    argv = ["docker", "image", "inspect", "--format", "{{json .}}", reference]
    done = server.run(argv, timeout=INSPECT_LIMIT_S)
    return Image.inspected(done.text) if done.returncode == 0 else None


def find_source(cluster: Cluster, master: Server | None, has: Image | None) -> Source:
    """The master's engine, else this machine's. Raises UserError where neither has the image."""
    if master is not None and has is not None:
        return Source(master, has, str(cluster.master))
    here = open_server(Local(), Path())
    if found := inspect(here, cluster.image):
        return Source(here, found, "this machine")
    raise UserError(
        f"neither the master nor this machine has the image {cluster.image}",
        fix=f"build it in dsk's source folder: make image; or: docker pull {cluster.image}",
    )


def send(
    source: Source, reference: str, targets: Mapping[Node, Server], report: Report
) -> dict[int, DskError]:
    """Streams the image to all targets at once and compares; the errors by node index.

    A target that fails does not stop the others. Raises DskError where the source fails.
    """
    report(Said(f"sending {reference} from {source.name} to {_names(targets)}"))
    loaders = [_Loader(node, server) for node, server in targets.items()]
    saver = source.server.popen(["docker", "save", reference])
    try:
        _pump(saver, source, loaders, report)
        for loader in loaders:
            loader.finish()
    finally:
        processes.end(saver)
        for loader in loaders:
            loader.close()
    return {
        loader.node.index: error
        for loader in loaders
        if (error := _outcome(loader, source, reference))
    }


def _names(nodes: Iterable[Node]) -> str:
    return ", ".join(node.name for node in nodes)


class _Loader:
    """One node's `docker load`, fed by a thread of its own so that nodes do not wait in turn."""

    def __init__(self, node: Node, server: Server) -> None:
        self.node = node
        self.server = server
        self.error: DskError | None = None
        self._process = server.popen(["docker", "load", "-q"], stdin=processes.PIPE)
        self._chunks: queue.Queue[bytes | None] = queue.Queue(maxsize=8)
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def put(self, chunk: bytes) -> None:
        """Raises Unreachable where the node has taken nothing for too long."""
        try:
            self._chunks.put(chunk, timeout=STALL_LIMIT_S)
        except queue.Full:
            raise self._stalled() from None

    def _feed(self) -> None:
        pipe = self._process.stdin
        assert pipe  # noqa: S101 - PIPE above
        with contextlib.suppress(OSError, ValueError):  # it ended: its exit code tells
            while (chunk := self._chunks.get()) is not None:
                pipe.write(chunk)
            pipe.close()
        while self._chunks.get() is not None:
            pass

    def finish(self) -> None:
        """Waits until the image is unpacked; `error` says what went wrong."""
        self._chunks.put(None)
        self._chunks.put(None)
        try:
            code = self._process.wait(STALL_LIMIT_S)
        except processes.TimeoutExpired:
            self.error = self._stalled()
            return
        if code and self._process.stderr:
            said = self._process.stderr.read().decode(errors="replace").strip()
            self.error = DskError(
                f"docker load failed: {said}", where=str(self.node), fix="is its disk full?"
            )

    def _stalled(self) -> Unreachable:
        limit = f"{STALL_LIMIT_S / 60:.0f} min"
        return Unreachable(f"docker load has taken nothing for {limit}", where=str(self.node))

    def close(self) -> None:
        processes.end(self._process)


def _pump(
    saver: processes.Popen[bytes], source: Source, loaders: Sequence[_Loader], report: Report
) -> None:
    assert saver.stdout  # noqa: S101 - popen's default
    assert saver.stderr  # noqa: S101 - popen's default
    nodes = tuple(loader.node for loader in loaders)
    done, reported = 0, 0.0
    while True:
        if not select.select([saver.stdout], [], [], STALL_LIMIT_S)[0]:
            limit = f"{STALL_LIMIT_S / 60:.0f} min"
            raise Unreachable(f"docker save has sent nothing for {limit}", where=source.name)
        chunk = os.read(saver.stdout.fileno(), CHUNK)
        if not chunk:
            break
        for loader in loaders:
            loader.put(chunk)
        done += len(chunk)
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            report(Transferred(nodes, done, source.image.size))
    if saver.wait(STALL_LIMIT_S):
        said = saver.stderr.read().decode(errors="replace").strip()
        raise DskError(f"docker save failed: {said}", where=source.name)
    report(Transferred(nodes, done, done))


def _outcome(loader: _Loader, source: Source, reference: str) -> DskError | None:
    if loader.error:
        return loader.error
    where = str(loader.node)
    try:
        arrived = inspect(loader.server, reference)
    except DskError as error:
        return error
    if arrived is None or arrived.content != source.image.content:
        return DskError(
            f"the image {reference} there is not the one that {source.name} sent",
            where=where,
            fix=f"there: docker image rm {reference}; then dsk up again",
        )
    return None
