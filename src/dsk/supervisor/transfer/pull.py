"""From the other nodes' workspaces to the master's."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsk.errors import JobFailed, UserError
from dsk.supervisor.transfer.compare import amount, named
from dsk.supervisor.transfer.merge import Conflict, Merge, held_twice, merge
from dsk.supervisor.transfer.party import Party, check_room, differing
from dsk.supervisor.worker import Worker
from dsk.text import Text
from dsk.wire.transfer import Done, Listing, Planned, Said


def pull(
    workspace: str,
    path: str,
    master: Worker,
    sources: Sequence[Worker],
    *,
    party: Party,
    ssh_config: Path,
    prefer_master: bool = False,
) -> None:
    """Brings what the sources have at `path`, and the master lacks, to the master.

    Runs on the master node. The sources' errors are in `party`. Raises UserError, and has copied
    nothing then, where two nodes have different files of one name.
    """
    begun = time.monotonic()
    own = party.survey(master, [path])
    _refuse_problems(own, master)
    there = party.each(sources, lambda worker: _look(worker, path, party))
    for worker, listing in there.items():
        if not listing.entries:
            text = Text("has nothing at {path}").filled(path=path)
            party.tell(Said(text, worker.node.index))
    if there and not any(listing.entries for listing in there.values()):
        text = Text("{path} does not exist on any node but the master")
        raise UserError(text.filled(path=path))
    merged = _merged(
        master,
        own,
        there,
        party,
        workspace=workspace,
        path=path,
        prefer_master=prefer_master,
    )
    check_room(master, [entry for part in merged.take.values() for entry in part], own)
    for worker, entries in merged.take.items():
        party.tell(Planned(worker.node.index, *amount(entries)))

    here = f"{workspace}/"

    def fetch(worker: Worker) -> dict[str, str | None]:
        entries = merged.take[worker]
        party.copy(worker, entries, ssh_config, f"{worker.node.host}:{here}", here)
        return party.digests(worker, [entry for entry in entries if entry.kind == "file"])

    theirs = party.each(list(merged.take), fetch)
    for worker, digests in theirs.items():
        files = [entry for entry in merged.take[worker] if entry.path in digests]
        if wrong := differing(digests, party.digests(master, files)):
            error = JobFailed(
                Text("{number} files differ after the transfer: {paths}").filled(
                    number=len(wrong), paths=named(wrong)
                ),
                where=worker.name,
                fix=Text(
                    "are they being written to? remove them on the master and run the same again"
                ),
            )
            party.fail(worker, error)
            continue
        count, total = amount(merged.take[worker])
        seconds = round(time.monotonic() - begun, 1)
        party.tell(Done(worker.node.index, count, total, len(files), 0, seconds))


def _look(worker: Worker, path: str, party: Party) -> Listing:
    found = party.survey(worker, [path])
    _refuse_problems(found, worker)
    return found


def _refuse_problems(found: Listing, worker: Worker) -> None:
    if found.behind or found.problems:
        raise UserError(
            named([*found.behind, *found.problems]),
            where=worker.name,
            fix=Text("name the real place; files outside the workspace are not copied"),
        )


def _merged(
    master: Worker,
    own: Listing,
    there: Mapping[Worker, Listing],
    party: Party,
    *,
    workspace: str,
    path: str,
    prefer_master: bool,
) -> Merge[Worker]:
    holdings = {master: own.entries, **{worker: found.entries for worker, found in there.items()}}
    twice = held_twice(holdings)
    digests = party.each(list(holdings), lambda worker: party.digests(worker, twice[worker]))
    if master in party.errors:
        raise party.errors[master]
    holdings = {worker: holdings[worker] for worker in digests}
    merged = merge(master, holdings, digests, prefer_master=prefer_master)
    if merged.conflicts:
        shown = [
            Text("{path} ({one} and {other})").filled(
                path=conflict.path, one=conflict.one.name, other=conflict.other.name
            )
            for conflict in merged.conflicts
        ]
        nodes = [
            Conflict(conflict.path, conflict.one.node.index, conflict.other.node.index)
            for conflict in merged.conflicts
        ]
        raise UserError(
            Text("{number} files differ between nodes: {paths}").filled(
                number=len(shown), paths=named(shown)
            ),
            fix=_way_out(workspace, path, master.node.index, nodes),
        )
    if merged.kept:
        text = Text("the master's own stay: {paths}")
        party.tell(Said(text.filled(paths=named(merged.kept))))
    return merged


def _way_out(workspace: str, path: str, master: int, conflicts: Sequence[Conflict[int]]) -> Text:
    """Return the command that gets past the conflicts. Another choice of nodes cannot help where
    the master's own file is the one that differs."""
    command = f"dsk pull {shlex.quote(path)}"
    if all(conflict.one != master for conflict in conflicts):
        text = Text("take the files of one node: {command}")
        return text.filled(command=f"{command} --node node{conflicts[0].one}")
    own = next(conflict.path for conflict in conflicts if conflict.one == master)
    file = shlex.quote(f"{workspace}/{own}")
    return Text(
        "keep the master's files: {command} --prefer-master; to replace one, remove it on the "
        "master first: dsk exec --node node{master} -- rm {file}"
    ).filled(command=command, master=master, file=file)
