"""How a supervisor runs: in a master container, or in place, beside the first worker."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from dsk.files import write_atomic
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.remedies import CONNECTION, DIFFERENCE, GPUS, HOST_KEY, LOGIN


@dataclass(frozen=True)
class Remedies:
    """What a user does about a worker: one that `dsk up` made, or one that a platform started."""

    host_key: Text
    login: Text
    connection: Text
    difference: Text
    gpus: Text

    @classmethod
    def of(cls, *, in_place: bool) -> Remedies:
        """As `dsk check` says it."""
        shared = (HOST_KEY, LOGIN, CONNECTION, DIFFERENCE, GPUS)
        return cls(*(remedy.of(in_place=in_place) for remedy in shared))


MADE_BY_UP = Remedies.of(in_place=False)
STARTED_BY_PLATFORM = Remedies.of(in_place=True)


@dataclass(frozen=True)
class Runtime:
    """`folder` is one supervisor's own; others, on the same machine, have another."""

    folder: Path
    remedies: Remedies

    @property
    def login(self) -> str:
        """The workers': all of a cluster run as one user, and so does this."""
        return pwd.getpwuid(os.geteuid()).pw_name

    @property
    def address(self) -> str | None:
        """The node's own, from which the workers accept the cluster's key; None where it is not
        known, as in a shell on a rented container."""
        return os.environ.get("DSK_HOST") or None

    @property
    def spec(self) -> Path:
        return Path(paths.spec(str(self.folder)))

    @property
    def keys(self) -> Path:
        """paths.SSH_MATERIAL with the modes that ssh insists on."""
        return Path(paths.keys(str(self.folder)))

    @property
    def agent_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def rank_config(self) -> Path:
        """As `agent_config`, with the job's environment."""
        return self.folder / "rank_ssh_config"


def in_master_container() -> Runtime:
    """With the keys of the bundle that is mounted there."""
    runtime = Runtime(Path(paths.RUN), MADE_BY_UP)
    # ssh refuses a key that others could read, and a bundle copied by hand may have any mode.
    runtime.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in paths.SSH_MATERIAL:
        write_atomic(runtime.keys / name, Path(paths.BUNDLE / "ssh" / name).read_bytes(), 0o600)
    return runtime


def in_place(folder: Path) -> Runtime:
    """`dsk launch` has put the specification and the keys there."""
    return Runtime(folder, STARTED_BY_PLATFORM)
