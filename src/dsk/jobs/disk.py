"""The jobs in the master's workspace where no worker runs that could list them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from dsk.cluster.model import Cluster
from dsk.connect import Server
from dsk.errors import DskError
from dsk.text import Text
from dsk.wire import paths

LIMIT_S = 60.0
SEPARATOR = "\x1e"
FORBIDDEN = 3

# Prints the server's time, then for each job a separator, the time of its file's last change, the
# job's name and the file, each but the last on a line of its own. FORBIDDEN: this login may not
# look into the folder.
READ = r"""
date +%s
if ! said=$(LC_ALL=C ls -d "$1" 2>&1); then
  case $said in *"ermission denied"*) exit 3 ;; *) exit 0 ;; esac
fi
cd "$1" 2>/dev/null && [ -r . ] || exit 3
for file in */"$2"; do
  at=$(stat -c %Y "$file" 2>/dev/null) || continue
  printf '\036%s\n%s\n' "$at" "${file%/*}"
  cat "$file" 2>/dev/null
done
exit 0
"""


def statuses(server: Server, cluster: Cluster) -> list[dict[str, Any]]:
    """Read status.json of every job, the oldest first, in the form of `dsk-agent jobs`. Raises
    DskError where the folder of the jobs cannot be read."""
    workspace = str(cluster.workspace_source(cluster.master))
    folder = PurePosixPath(paths.jobs_folder(workspace))
    argv = ["sh", "-c", READ, "dsk", str(folder), paths.STATUS]
    done = server.run(argv, timeout=LIMIT_S)
    if done.returncode == FORBIDDEN:
        raise DskError(
            Text("the jobs are in {folder}, which this login may not read").filled(folder=folder),
            where=str(cluster.master),
            fix=Text(
                "dsk up starts a worker that lists them; or log in as the owner of that folder"
            ),
        )
    if done.returncode:
        raise DskError(
            Text("{folder} cannot be read: {error}").filled(folder=folder, error=done.error),
            where=str(cluster.master),
        )
    now, *parts = done.text.split(SEPARATOR)
    found = [_raw(part, float(now)) for part in parts]
    return [raw for _, raw in sorted(found, key=lambda each: each[0])]


def _raw(part: str, now: float) -> tuple[float, dict[str, Any]]:
    """The time by which to sort, and the object."""
    at, _, rest = part.partition("\n")
    job, _, text = rest.partition("\n")
    try:
        raw = json.loads(text)
        started, updated = float(raw["started"]), float(raw["updated"])
    except (ValueError, TypeError, KeyError):
        problem = asdict(Text("{file}: cannot be read").filled(file=paths.STATUS))
        return float(at), {"job": job, "at": float(at), "problem": problem}
    return started, {**raw, "age": max(0.0, now - updated)}
