"""The image from the operator's machine to the master, where only the former has it."""

from __future__ import annotations

import os
import select
import tarfile
import time

from dsk.cluster.model import Cluster
from dsk.connect import Server, processes
from dsk.errors import DskError
from dsk.image import holders, stall
from dsk.image.holders import Source
from dsk.image.sync import thin
from dsk.servers.progress import Said, Tell, Transferred, known_total, packing, unpacking
from dsk.survey.server import ServerFacts
from dsk.text import Text

TELL_EVERY_S = 0.5


class NotLoaded(DskError):
    """The master's engine refused what was sent."""


def to_master(
    cluster: Cluster, master: Server, there: ServerFacts, source: Source, tell: Tell
) -> None:
    """`docker save` into the master's `docker load`, without the layers that it has; compared.

    Raises DskError.
    """
    layers = source.image.layers
    left_out = thin.files(layers, source.image.shared_with(there.layers))
    text = (
        Text("sending {image} from {sender} to {names}, without the layers that are there")
        if left_out
        else Text("sending {image} from {sender} to {names}")
    )
    to = cluster.master.name
    tell(Said(text.filled(image=cluster.image, sender=source.name, names=to)))
    try:
        _send(cluster, master, source, left_out, tell)
    except NotLoaded as error:
        if not left_out:
            raise
        text = Text("its engine did not load the missing layers alone ({why}); sending all")
        tell(Said(text.filled(why=error.told), cluster.master))
        _send(cluster, master, source, frozenset(), tell)
    holders.compare(master, cluster.image, source.image, str(cluster.master), source.name)


def _send(
    cluster: Cluster, master: Server, source: Source, left_out: frozenset[str], tell: Tell
) -> None:
    where = str(cluster.master)
    tell(packing(source.name))
    saver = source.server.popen(["docker", "save", cluster.image])
    loader = master.popen(["docker", "load", "--quiet"], stdin=processes.PIPE)
    # Some layers are not sent, and nobody knows how large the others are together.
    size = None if left_out else source.image.size
    try:
        if _pump(_Saved(saver, source.name), _Loaded(loader, cluster, size, tell), left_out):
            _finish(saver, "docker save", source.name)
            tell(unpacking(cluster.master))
        _finish(loader, "docker load", where)
    except tarfile.ReadError as error:
        _finish(saver, "docker save", source.name)
        raise DskError(
            Text("docker save gave a damaged tar: {error}").filled(error=error), where=source.name
        ) from error
    finally:
        processes.end(saver)
        processes.end(loader)


class _Saved:
    """What `docker save` writes."""

    def __init__(self, process: processes.Popen[bytes], name: str | Text) -> None:
        assert process.stdout  # noqa: S101 - popen's default
        self._file = process.stdout.fileno()
        self._name = name

    def read(self, size: int, /) -> bytes:
        if not select.select([self._file], [], [], stall.LIMIT_S)[0]:
            raise stall.stalled(
                Text("docker save has sent nothing for {minutes:.0f} min").filled(
                    minutes=stall.LIMIT_S / 60
                ),
                self._name,
            )
        return os.read(self._file, size)


class _Loaded:
    """What `docker load` reads, its bytes reported. After an error it takes nothing more: tarfile
    writes what it still holds when it is closed."""

    def __init__(
        self, process: processes.Popen[bytes], cluster: Cluster, size: int | None, tell: Tell
    ) -> None:
        assert process.stdin  # noqa: S101 - asked for above
        self._pipe = process.stdin
        self._master = cluster.master
        self._size = size
        self._tell = tell
        self._done, self._told = 0, 0.0
        self._failed = False
        os.set_blocking(self._pipe.fileno(), False)

    def write(self, data: bytes, /) -> None:
        if self._failed:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._some(rest) :]
        except BaseException:
            self._failed = True
            raise
        self._done += len(data)
        if time.monotonic() - self._told > TELL_EVERY_S:
            self._told = time.monotonic()
            total = None if self._size is None else known_total(self._done, self._size)
            self._tell(Transferred(self._master, self._done, total))

    def _some(self, data: memoryview) -> int:
        if not select.select([], [self._pipe], [], stall.LIMIT_S)[1]:
            raise stall.stalled(
                Text("docker load has read nothing for {minutes:.0f} min").filled(
                    minutes=stall.LIMIT_S / 60
                ),
                str(self._master),
            )
        try:
            return os.write(self._pipe.fileno(), data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._tell(Transferred(self._master, self._done, self._done))
        self._pipe.close()


def _pump(saved: _Saved, loaded: _Loaded, left_out: frozenset[str]) -> bool:
    """Whether all was sent; False where the loader ended before."""
    try:
        if left_out:
            thin.copy(saved, loaded, left_out)
        else:
            while data := saved.read(thin.CHUNK):
                loaded.write(data)
    except BrokenPipeError:
        return False
    loaded.close()
    return True


def _finish(process: processes.Popen[bytes], what: str, where: str | Text) -> None:
    try:
        code = process.wait(stall.LIMIT_S)
    except processes.TimeoutExpired:
        late = Text("{command} has not ended for {minutes:.0f} min")
        raise stall.stalled(late.filled(command=what, minutes=stall.LIMIT_S / 60), where) from None
    if code and process.stderr:
        said = process.stderr.read().decode(errors="replace").strip()
        text = Text("{command} failed: {said}").filled(command=what, said=said)
        if "no space left" in said:
            raise DskError(text, where=where, fix=Text("free space on its disk"))
        raise (NotLoaded if what == "docker load" else DskError)(text, where=where)
