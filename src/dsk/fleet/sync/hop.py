"""The image from the operator's machine to the master, where only the former has it."""

from __future__ import annotations

import os
import select
import time

from dsk.cluster.model import Cluster
from dsk.connect import Server, processes
from dsk.errors import DskError
from dsk.fleet import image, stall
from dsk.fleet.image import Source
from dsk.fleet.report import Report, Said, Transferred, known_total, packing, unpacking

CHUNK = 1 << 20
REPORT_EVERY_S = 0.5


def to_master(cluster: Cluster, master: Server, source: Source, report: Report) -> None:
    """`docker save` into the master's `docker load`; compared. Raises DskError."""
    where = str(cluster.master)
    report(Said(f"sending {cluster.image} from {source.name} to {cluster.master.name}"))
    report(packing(source.name))
    saver = source.server.popen(["docker", "save", cluster.image])
    loader = master.popen(["docker", "load", "--quiet"], stdin=processes.PIPE)
    try:
        if _pump(saver, loader, cluster, source, report):
            _finish(saver, "docker save", source.name)
            report(unpacking(cluster.master))
        _finish(loader, "docker load", where)
    finally:
        processes.end(saver)
        processes.end(loader)
    image.compare(master, cluster.image, source.image, where, source.name)


def _pump(
    saver: processes.Popen[bytes],
    loader: processes.Popen[bytes],
    cluster: Cluster,
    source: Source,
    report: Report,
) -> bool:
    """Whether all was sent; False where the loader ended before."""
    assert saver.stdout and loader.stdin  # noqa: S101 - asked for above
    done, reported = 0, 0.0
    os.set_blocking(loader.stdin.fileno(), False)
    while True:
        if not select.select([saver.stdout], [], [], stall.LIMIT_S)[0]:
            raise stall.stalled("docker save has sent", source.name)
        rest = memoryview(os.read(saver.stdout.fileno(), CHUNK))
        if not rest:
            break
        done += len(rest)
        while rest:
            if not select.select([], [loader.stdin], [], stall.LIMIT_S)[1]:
                raise stall.stalled("docker load has taken", str(cluster.master))
            try:
                rest = rest[os.write(loader.stdin.fileno(), rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return False
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            total = known_total(done, source.image.size)
            report(Transferred(cluster.master, done, total))
    report(Transferred(cluster.master, done, done))
    loader.stdin.close()
    return True


def _finish(process: processes.Popen[bytes], what: str, where: str) -> None:
    try:
        code = process.wait(stall.LIMIT_S)
    except processes.TimeoutExpired:
        raise stall.stalled(what, where) from None
    if code and process.stderr:
        said = process.stderr.read().decode(errors="replace").strip()
        fix = "make room on its disk" if "no space left" in said else None
        raise DskError(f"{what} failed: {said}", where=where, fix=fix)
