"""Models of a hub, before the ranks start: downloaded once, on the master, and sent to the others.

The ranks then read what lies on their own disks and need no hub.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from dsk.errors import DskError, UserError
from dsk.supervisor.download import Download
from dsk.supervisor.record import Record
from dsk.supervisor.transfer.compare import size
from dsk.supervisor.transfer.party import Party
from dsk.supervisor.transfer.push import push
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import together
from dsk.text import Text, joined
from dsk.wire.events import Notice
from dsk.wire.hub import Fetch, HubNeeds, Ready, or_a_folder
from dsk.wire.jobspec import JobSpec
from dsk.wire.transfer import Done, Event, Moved, Planned, Said

TOLD_EVERY_S = 10.0
OFFLINE = "HF_HUB_OFFLINE"

_REMOTE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
"""Keys of a dataset's description that lead out of the workspace (data/parser.py)."""


def provide(
    spec: JobSpec,
    needs: HubNeeds,
    master: Worker,
    others: Sequence[Worker],
    record: Record,
    *,
    rank_config: Path,
    agent_config: Path,
) -> JobSpec:
    """Brings the repositories to the master and from it to `others`, which have other disks.

    Returns the specification with what keeps the ranks from asking the hub again. `rank_config`
    gives the download the ranks' environment: HF_ENDPOINT, HF_TOKEN and the caches.

    Raises UserError, Unreachable or JobFailed.
    """
    found: list[str] = []

    def told(text: Text) -> None:
        tell(record, text, master.node.index)

    for repo, folder in needs.repos.items():
        wanted = Fetch(
            needs.hub,
            repo,
            needs.revision,
            folder,
            needs.cache_dir,
            needs.token,
            needs.remote_code,
        )
        try:
            ready = Download(wanted, master, rank_config, told).run()
        except DskError as error:
            looked = needs.looked.get(repo, ())
            message, fix = or_a_folder(
                error.told, error.remedy, looked, spec.workspace, push=bool(others)
            )
            raise type(error)(message, where=error.where, fix=fix) from error
        told(_outcome(repo, ready))
        found += ready.paths
    if others:
        relative = _in_workspace(found, spec.workspace)
        party = Party(_Teller(record))
        push(spec.workspace, relative, master, others, party=party, ssh_config=agent_config)
        if party.errors:
            raise together(list(party.errors.values()))
    return _offline(spec, needs, record)


def tell(record: Record, text: Text, node: int | None = None) -> None:
    record.tell(Notice(time.time(), "models", text, node))


def _outcome(repo: str, ready: Ready) -> Text:
    if ready.downloaded:
        text = Text("{repo}: {size} downloaded to the master's workspace")
        return text.filled(repo=repo, size=size(ready.downloaded))
    if ready.note:
        text = Text("{repo}: in the master's workspace already ({note})")
        return text.filled(repo=repo, note=ready.note)
    return Text("{repo}: in the master's workspace already").filled(repo=repo)


def _in_workspace(found: Sequence[str], workspace: str) -> list[str]:
    """Paths relative to it. Raises UserError for one outside, which no other node would see."""
    for path in found:
        if not PurePosixPath(path).is_relative_to(workspace):
            raise UserError(
                Text(
                    "the hub's cache is outside the workspace, at {path}: no other node sees it"
                ).filled(path=path),
                fix=Text(
                    "take HF_HOME, HF_HUB_CACHE and MODELSCOPE_CACHE out of env in dsk.yaml, or "
                    "put them under {workspace}"
                ).filled(workspace=workspace),
            )
    return [str(PurePosixPath(path).relative_to(workspace)) for path in found]


class _Teller:
    """A transfer's events as a job's notices, few enough to read."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._told: dict[int, float] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:  # one thread for each node tells
            if isinstance(event, Said):
                tell(self._record, event.text, event.node)
            elif isinstance(event, Planned) and event.files:
                self._told[event.node] = time.monotonic()
                text = Text("sending {files} files, {size}, to node{node}").filled(
                    files=event.files, size=size(event.bytes), node=event.node
                )
                tell(self._record, text, event.node)
            elif isinstance(event, Moved):
                self._moved(event)
            elif isinstance(event, Done):
                text = Text("node{node} has the model: {files} files compared by SHA-256")
                text = text.filled(node=event.node, files=event.checked)
                tell(self._record, text, event.node)

    def _moved(self, event: Moved) -> None:
        now = time.monotonic()
        if event.done < event.total and now - self._told.get(event.node, now) >= TOLD_EVERY_S:
            self._told[event.node] = now
            rate = f"{size(round(event.rate))}/s"
            done, total = size(event.done), size(event.total)
            text = Text("node{node}: {done} of {total} sent, {rate}").filled(
                node=event.node, done=done, total=total, rate=rate
            )
            tell(self._record, text, event.node)


def _offline(spec: JobSpec, needs: HubNeeds, record: Record) -> JobSpec:
    # What comes from ModelScope is a folder in the recipe; an adapter may come from the other hub.
    if OFFLINE in spec.env or needs.hub == "modelscope":
        return spec
    reasons = why_online(needs)
    if reasons:
        text = Text("the ranks ask the hub as well: {reasons}")
        tell(record, text.filled(reasons=joined(reasons)))
        return spec
    text = Text("{offline}=1 for the ranks: all that the recipe names is on every node's disk")
    tell(record, text.filled(offline=OFFLINE))
    return replace(spec, env={**spec.env, OFFLINE: "1"})


def why_online(needs: HubNeeds) -> list[Text]:
    """Why the ranks need the hub themselves; nothing where all they read is on their disks."""
    reasons = list(needs.online)
    if not needs.datasets:
        return reasons
    try:
        text = Path(needs.dataset_dir, "dataset_info.json").read_text(encoding="utf-8")
        known: Mapping[str, Mapping[str, object]] = json.loads(text)
        remote = [
            name for name in needs.datasets if any(key in _REMOTE for key in known.get(name, {}))
        ]
    except (OSError, ValueError, TypeError):
        unread = Text("{folder}/dataset_info.json cannot be read here")
        return [*reasons, unread.filled(folder=needs.dataset_dir)]
    comes = Text("the dataset {name} comes from there")
    return [*reasons, *(comes.filled(name=name) for name in remote)]
