"""Where things lie in every worker and master container, and below every workspace."""

from __future__ import annotations

from pathlib import PurePosixPath

RUN = PurePosixPath("/run/dsk")
BUNDLE = RUN / "bundle"
SPEC = RUN / "job.json"
"""The job's specification in the master container; deleted as soon as it is read (it holds env)."""
LOCK = RUN / "lock"
"""Held with flock while a job uses the worker; its content is that job's id."""
LINKS = RUN / "jobs"
"""One symbolic link a job to its folder: a path without blanks, as pdsh and DeepSpeed need."""

CONTENT_ID = PurePosixPath("/etc/dsk/content-id")
CONTENT_FILES = PurePosixPath("/etc/dsk/content-files")
"""What the content id is the SHA-256 of: `sha256sum --check` reads it."""
DEBIAN_PACKAGES = PurePosixPath("/etc/dsk/debian-packages")
PROOFS = PurePosixPath("/usr/local/lib/dsk/prove")
"""Programs that try what the image was built for; each ends with 0 where it holds."""
STACK = PurePosixPath("/etc/dsk/stack.json")
LLAMAFACTORY = PurePosixPath("/opt/llamafactory")
PYTHON = PurePosixPath("/opt/venv/bin/python")

STREAM = "stream.jsonl"
"""In a job's folder on the master: every event, the ranks' lines included."""
EVENTS = "events.jsonl"
"""The same without the ranks' lines."""
STATUS = "status.json"


def jobs_folder(workspace: PurePosixPath | str) -> PurePosixPath:
    return PurePosixPath(workspace) / ".dsk" / "jobs"


def job_folder(workspace: PurePosixPath | str, job: str) -> PurePosixPath:
    return jobs_folder(workspace) / job


def job_link(job: str) -> PurePosixPath:
    return LINKS / job


def rank_logs(folder: PurePosixPath, attempt: int) -> PurePosixPath:
    """Where one attempt's ranks write, below the job's folder or its link."""
    return folder / "logs" / str(attempt)
