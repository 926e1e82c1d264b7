"""A job's folder in this node's workspace, and what is read from such folders afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsk.files import write_atomic
from dsk.wire import paths
from dsk.wire.status import JobStatus

TRIALS_KEPT = 64
"""More than one bisection starts; each has its ranks' output, which is short."""


def link(workspace: str, job: str) -> Path:
    """Makes the job's folder and the link to it that needs no quoting; returns the link."""
    folder = Path(paths.job_folder(workspace, job))
    folder.mkdir(parents=True, exist_ok=True)
    if paths.is_trial(job):
        _forget_old_trials(folder.parent)
    short = Path(paths.job_link(job))
    short.parent.mkdir(parents=True, exist_ok=True)
    short.unlink(missing_ok=True)
    short.symlink_to(folder)
    return short


def _forget_old_trials(folder: Path) -> None:
    """Their names sort by their time."""
    for old in sorted(folder.iterdir())[:-TRIALS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def unlink(job: str) -> None:
    Path(paths.job_link(job)).unlink(missing_ok=True)


def put(workspace: str, job: str, name: str, text: str) -> str:
    """Writes one file of the job; returns the SHA-256 of what then stands on the disk."""
    path = Path(paths.job_folder(workspace, job)) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # A recipe may hold tokens, for hubs and trackers.
    write_atomic(path, text.encode(), mode=0o600)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changed(workspace: str, job: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Paths of those of the job's `files` that do not have that SHA-256 any more."""
    folder = Path(paths.job_folder(workspace, job))
    changed = (name for name, sha256 in files.items() if _sha256(folder / name) != sha256)
    return tuple(str(folder / name) for name in changed)


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def marker(workspace: str, name: str, *, make: bool) -> bool:
    """Makes or looks for a marker file: a node that sees another's has the same disk."""
    path = Path(paths.jobs_folder(workspace)) / f".marker-{name}"
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, b"")
        return True
    # Looking into the folder first makes a network file system refresh what it knows of it.
    with contextlib.suppress(OSError):
        next(path.parent.iterdir(), None)
    return path.exists()


def remove_marker(workspace: str, name: str) -> None:
    (Path(paths.jobs_folder(workspace)) / f".marker-{name}").unlink(missing_ok=True)


def statuses(workspace: str) -> list[dict[str, Any]]:
    """status.json of every job whose supervisor ran on this node, oldest first, as JSON objects.

    With `age`: the seconds since it was written, by this node's clock, which is the supervisor's.
    In place of one that cannot be read: `job`, `at` and the `problem`.
    """
    found: list[tuple[float, dict[str, Any]]] = []
    now = time.time()
    for path in Path(paths.jobs_folder(workspace)).glob(f"*/{paths.STATUS}"):
        try:
            at = path.stat().st_mtime
            status = JobStatus.from_json(path.read_text(encoding="utf-8"))
            raw = {**status.to_raw(), "age": max(0.0, now - status.updated)}
            found.append((status.started, raw))
        except FileNotFoundError:
            continue  # its folder is being deleted
        except (ValueError, OSError) as error:
            problem = f"{path.name}: {error.strerror if isinstance(error, OSError) else error}"
            found.append((at, {"job": path.parent.name, "at": at, "problem": problem}))
    return [raw for _, raw in sorted(found, key=lambda each: each[0])]
