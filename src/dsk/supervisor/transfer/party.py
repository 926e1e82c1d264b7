"""The workers of one transfer: asked side by side; one that fails is told and left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from dsk.errors import DskError, JobFailed
from dsk.supervisor.transfer.compare import amount, room_needed, size
from dsk.supervisor.transfer.rsync import Rsyncs, argv
from dsk.supervisor.worker import Worker
from dsk.text import Text
from dsk.wire.operations import HashFiles, ListFiles
from dsk.wire.transfer import Entry, Event, Failed, Listing, Moved

T = TypeVar("T")

BATCH_BYTES = 1 << 28
BATCH_FILES = 2000
HASH_GRACE_S = 120.0
SLOWEST_DISK = 10e6
"""Bytes per second: a node that hashes more slowly than this does not answer."""


class Party:
    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.tell = tell
        self.rsyncs = Rsyncs()
        self.errors: dict[Worker, DskError] = {}
        self._stopped = False

    def fail(self, worker: Worker, error: DskError) -> None:
        self.errors[worker] = error
        self.tell(failed(error, worker.node.index))

    def good(self, workers: Iterable[Worker]) -> list[Worker]:
        return [worker for worker in workers if worker not in self.errors]

    def each(self, workers: Sequence[Worker], work: Callable[[Worker], T]) -> dict[Worker, T]:
        """`work` on all that have not failed yet; the results of those that it succeeded on."""
        todo = self.good(workers)
        if not todo:
            return {}
        with ThreadPoolExecutor(len(todo)) as pool:
            running = {worker: pool.submit(self._attempt, worker, work) for worker in todo}
            try:
                done = {worker: future.result() for worker, future in running.items()}
            except BaseException:
                self.stop()
                raise
        return {worker: value for worker, value in done.items() if not isinstance(value, DskError)}

    def stop(self) -> None:
        """Ends what runs; the threads come back soon after."""
        self._stopped = True
        self.rsyncs.end_all()

    def _attempt(self, worker: Worker, work: Callable[[Worker], T]) -> T | DskError:
        try:
            return work(worker)
        except DskError as error:
            self.fail(worker, error)
            return error

    def survey(self, worker: Worker, paths: Sequence[str]) -> Listing:
        return worker.ask(ListFiles(tuple(paths)))

    def digests(self, worker: Worker, files: Iterable[Entry]) -> dict[str, str | None]:
        """SHA-256 by path, None where a file cannot be read. In batches: each has a limit of its
        own, and the next one does not begin after `stop`."""
        found: dict[str, str | None] = {}
        for batch in _batches(files):
            if self._stopped:
                raise JobFailed(Text("interrupted"))
            paths = tuple(entry.path for entry in batch)
            limit = HASH_GRACE_S + sum(entry.size for entry in batch) / SLOWEST_DISK
            hashes = worker.ask(HashFiles(paths), limit=limit)
            found |= zip(paths, hashes, strict=True)
        return found

    def copy(
        self, worker: Worker, entries: Sequence[Entry], ssh_config: Path, source: str, target: str
    ) -> None:
        """One rsync of `entries` from workspace to workspace; one of the two is `worker`'s."""
        if not entries:
            return
        begun, (_, total) = time.monotonic(), amount(entries)

        def progress(done: int) -> None:
            rate = done / max(time.monotonic() - begun, 1e-3)
            self.tell(Moved(worker.node.index, min(done, total), total, round(rate)))

        paths = [entry.path for entry in entries]
        command = argv(ssh_config, source, target)
        self.rsyncs.run(
            command,
            paths,
            where=worker.name,
            peer_sends=source.startswith(f"{worker.node.host}:"),
            progress=progress,
        )
        progress(total)


def _batches(files: Iterable[Entry]) -> Iterable[list[Entry]]:
    batch: list[Entry] = []
    weight = 0
    for entry in files:
        if batch and (weight + entry.size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, weight = [], 0
        batch.append(entry)
        weight += entry.size
    if batch:
        yield batch


def check_room(worker: Worker, send: Iterable[Entry], there: Listing) -> None:
    """Raises JobFailed where the disk that `there` lists has too little room for `send`."""
    needed = room_needed(send, there)
    if needed > there.free:
        raise JobFailed(
            Text("the disk has {free} free, {needed} are needed").filled(
                free=size(there.free), needed=size(needed)
            ),
            where=worker.name,
            fix=Text("make room there; nothing was copied to it"),
        )


def differing(mine: Mapping[str, str | None], theirs: Mapping[str, str | None]) -> list[str]:
    """Paths in `theirs` whose digest is missing or another one than in `mine`."""
    return [path for path, digest in theirs.items() if digest is None or digest != mine[path]]


def failed(error: DskError, node: int | None = None) -> Failed:
    text = error.located if node is None else error.told
    return Failed(text, error.exit_code, node, error.remedy)
