"""From one node's workspace to the others'."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dsk.errors import JobFailed, UserError
from dsk.supervisor.transfer.compare import (
    Difference,
    amount,
    difference,
    named,
)
from dsk.supervisor.transfer.party import Party, check_room, differing
from dsk.supervisor.worker import Worker
from dsk.text import Text
from dsk.wire.operations import DeleteFiles
from dsk.wire.transfer import Done, Entry, Listing, Planned, Said


@dataclass(frozen=True)
class Task:
    """What one target needs: `send`, and to lose what only it has (`extra`); `same` files are the
    same by their hashes."""

    send: tuple[Entry, ...]
    extra: tuple[str, ...]
    same: int


def push(
    workspace: str,
    paths: Sequence[str],
    source: Worker,
    targets: Sequence[Worker],
    *,
    party: Party,
    ssh_config: Path,
    delete: bool = False,
    confirm: Callable[[], None] = lambda: None,
) -> None:
    """Brings `paths` on all targets to what they are on the source; the targets' errors are in
    `party`. `confirm` is called before the first deletion, where there is one.

    Runs on the source node itself. Raises UserError where there is nothing that can be sent.
    """
    begun = time.monotonic()
    listing = party.survey(source, paths)
    _check_source(listing, paths, source)
    if listing.skipped:
        text = Text("{number} sockets, pipes or devices are left out")
        party.tell(Said(text.filled(number=listing.skipped)))
    if listing.astray:
        text = Text("symbolic links to what is not part of this: {paths}")
        party.tell(Said(text.filled(paths=named(listing.astray))))
    tasks = _tasks(listing, paths, source, targets, party, delete=delete)
    if any(task.extra for task in tasks.values()):
        confirm()
    here = f"{workspace}/"
    files = {entry.path: entry for task in tasks.values() for entry in task.send}
    wanted = [entry for entry in files.values() if entry.kind == "file"]

    def carry_out(worker: Worker) -> dict[str, str | None]:
        task = tasks[worker]
        party.copy(worker, task.send, ssh_config, here, f"{worker.node.host}:{here}")
        sent = [entry for entry in task.send if entry.kind == "file"]
        return party.digests(worker, sent)

    mine, theirs = _with_source(party, source, wanted, list(tasks), carry_out)

    def finish(worker: Worker) -> None:
        task = tasks[worker]
        if wrong := differing(mine, theirs[worker]):
            raise JobFailed(
                Text("{number} files differ after the transfer: {paths}").filled(
                    number=len(wrong), paths=named(wrong)
                ),
                where=worker.name,
                fix=Text("are they being written to? then run the same again"),
            )
        deleted = 0
        if task.extra:
            deleted = _delete(worker, task.extra)
        count, total = amount(task.send)
        checked = len(theirs[worker]) + task.same
        seconds = round(time.monotonic() - begun, 1)
        party.tell(Done(worker.node.index, count, total, checked, deleted, seconds))

    party.each(list(theirs), finish)


def _with_source(
    party: Party,
    source: Worker,
    files: Iterable[Entry],
    targets: Sequence[Worker],
    work: Callable[[Worker], dict[str, str | None]],
) -> tuple[dict[str, str | None], dict[Worker, dict[str, str | None]]]:
    """The source hashes `files` while the targets work."""
    with ThreadPoolExecutor(1) as pool:
        hashing = pool.submit(party.digests, source, files)
        theirs = party.each(targets, work)
        return hashing.result(), theirs


def _delete(worker: Worker, extra: Sequence[str]) -> int:
    deleted = worker.ask(DeleteFiles(tuple(extra)))
    if deleted < len(extra):
        raise JobFailed(
            Text("{left} of {number} paths could not be deleted").filled(
                left=len(extra) - deleted, number=len(extra)
            ),
            where=worker.name,
            fix=Text("is something writing there? then run the same again"),
        )
    return deleted


def _check_source(listing: Listing, paths: Sequence[str], source: Worker) -> None:
    if listing.behind or listing.problems:
        raise UserError(
            named([*listing.behind, *listing.problems]),
            where=source.name,
            fix=Text("put the files themselves into the workspace (cp -rL), or leave the link out"),
        )
    for path in paths:
        below = path == "." or any(
            found == path or found.startswith(f"{path}/") for found in listing.entries
        )
        if not below:
            text = Text("{path} does not exist in the workspace").filled(path=path)
            raise UserError(text, where=source.name)


def _tasks(
    listing: Listing,
    paths: Sequence[str],
    source: Worker,
    targets: Sequence[Worker],
    party: Party,
    *,
    delete: bool,
) -> Mapping[Worker, Task]:
    there: dict[Worker, Listing] = {}

    def look(worker: Worker) -> Difference:
        there[worker] = _look(worker, paths, party)
        found = difference(listing.entries, there[worker].entries)
        if found.clash:
            raise UserError(
                Text("a folder on one side, a file on the other: {paths}").filled(
                    paths=named(found.clash)
                ),
                where=worker.name,
                fix=Text("move one of them away"),
            )
        return found

    differences = party.each(targets, look)
    alike = {entry.path: entry for found in differences.values() for entry in found.alike}
    mine, theirs = _with_source(
        party,
        source,
        alike.values(),
        list(differences),
        lambda worker: party.digests(worker, differences[worker].alike),
    )

    def task(worker: Worker) -> Task:
        found = differences[worker]
        wrong = set(differing(mine, theirs[worker]))
        send = (*found.send, *(entry for entry in found.alike if entry.path in wrong))
        check_room(worker, send, there[worker])
        extra = found.extra if delete else ()
        party.tell(Planned(worker.node.index, *amount(send), extra))
        return Task(send, extra, len(found.alike) - len(wrong))

    return party.each(list(theirs), task)


def _look(worker: Worker, paths: Sequence[str], party: Party) -> Listing:
    found = party.survey(worker, paths)
    if found.behind:
        raise UserError(named(found.behind), where=worker.name, fix=Text("remove the link there"))
    return found
