"""Where things lie in every worker and master container, and below every workspace."""

from __future__ import annotations

from pathlib import PurePosixPath

RUN = PurePosixPath("/run/dsk")
BUNDLE = RUN / "bundle"
SUPERVISORS = RUN / "supervisors"
"""Holds a folder for each that runs beside the worker; in a master container, it has RUN."""
SSH_MATERIAL = ("id_ed25519", "known_hosts")
"""The cluster's private key, whatever its kind, and the workers' host keys."""
KNOWN_HOST = RUN / "known_host"
"""A worker's line for others' known_hosts."""
LOCK = RUN / "lock"
"""Held with flock while a job uses the worker; its content is that job's id."""
LINKS = RUN / "jobs"
"""One symbolic link a job to its folder: a path without blanks, as pdsh and DeepSpeed need."""

WARM = RUN / "warm"
WARM_SOCKET = WARM / "socket"
"""Of the process from which ranks are forked (wire.warm)."""
WARM_STATE = WARM / "state.json"
WARM_WISH = WARM / "wish"
"""A FIFO. While no warm process runs, the worker's entrypoint reads `true` from it: start one."""
WARM_MODULES = PurePosixPath("/etc/dsk/warm-modules")
"""What that process imports, in this order: a module a line."""
WARM_VARIABLES = PurePosixPath("/etc/dsk/warm-variables")
"""Environment variables that decide something during these imports: a name a line, or a beginning
of names and `*`."""

AGENTS = RUN / "agents"
"""A socket for each job that has an agent here, and what that said."""
PROGRESS = PurePosixPath("/dev/shm/dsk-progress")  # noqa: S108 - a container's own
"""In memory: a full disk must not make a rank look as if it stood still."""
NOTE_SUFFIX = ".agent"

TRIAL = "trial-"
"""How the id of a job begins that dsk starts to try the nodes: no job of the user's."""
_OLD_TRIAL = "probe-"
"""The same in older versions, whose trials are in another folder."""

CONTENT_ID = PurePosixPath("/etc/dsk/content-id")
CONTENT_FILES = PurePosixPath("/etc/dsk/content-files")
"""What the content id is the SHA-256 of: `sha256sum --check` reads it."""
DEBIAN_PACKAGES = PurePosixPath("/etc/dsk/debian-packages")
PROOFS = PurePosixPath("/usr/local/lib/dsk/prove")
"""Programs that try what the image was built for; each ends with 0 where it holds."""
STACK = PurePosixPath("/etc/dsk/stack.json")
PYTHON = PurePosixPath("/opt/venv/bin/python")

STREAM = "stream.jsonl"
"""In a job's folder on the master: every event, the ranks' lines included."""
EVENTS = "events.jsonl"
"""The same without the ranks' lines."""
STATUS = "status.json"


def spec(folder: PurePosixPath | str) -> PurePosixPath:
    """A supervisor's specification; deleted as soon as it is read (it holds env)."""
    return PurePosixPath(folder) / "job.json"


def keys(folder: PurePosixPath | str) -> PurePosixPath:
    """Where a supervisor finds SSH_MATERIAL."""
    return PurePosixPath(folder) / "ssh"


def jobs_folder(workspace: PurePosixPath | str) -> PurePosixPath:
    return PurePosixPath(workspace) / ".dsk" / "jobs"


def is_trial(job: str) -> bool:
    return job.startswith((TRIAL, _OLD_TRIAL))


def job_folder(workspace: PurePosixPath | str, job: str) -> PurePosixPath:
    if not is_trial(job):
        return jobs_folder(workspace) / job
    folder = "trials" if job.startswith(TRIAL) else "probes"
    return PurePosixPath(workspace) / ".dsk" / folder / job


def job_link(job: str) -> PurePosixPath:
    return LINKS / job


def rank_logs(folder: PurePosixPath, attempt: int) -> PurePosixPath:
    """Where one attempt's ranks write, below the job's folder or its link."""
    return folder / "logs" / str(attempt)


def agent_socket(job: str) -> PurePosixPath:
    return AGENTS / f"{job}.sock"


def agent_log(job: str) -> PurePosixPath:
    return AGENTS / f"{job}.log"


def agent_note(job: str) -> PurePosixPath:
    """Which process the agent is; its time of change is when the agent last ran."""
    return PROGRESS / f"{job}{NOTE_SUFFIX}"


def stacks(folder: PurePosixPath, attempt: int) -> PurePosixPath:
    """Where the ranks' stacks are kept when an attempt hung, below the job's folder."""
    return folder / "stacks" / str(attempt)


def progress(job: str, rank: int) -> PurePosixPath:
    """One rank's wire.progress."""
    return PROGRESS / job / str(rank)


def save_request(job: str) -> PurePosixPath:
    """A wire.saving.SaveRequest, which the agent of rank 0's node writes and rank 0 reads."""
    return PROGRESS / job / "save"
