"""The master container: made on the master's engine for one job, gone after it."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dsk.cluster.model import Cluster, Node
from dsk.connect import execution
from dsk.errors import JobFailed
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.jobspec import JobSpec
from dsk.wire.remedies import OTHER_VERSION

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

CLUSTER, ROLE, NODE, JOB = "dsk.cluster", "dsk.role", "dsk.node", "dsk.job"
CONFLICT = 409
ABANDONED_S = 120.0
"""A launch starts the container that it has created within a second or two."""
LOG_OPTIONS = {"max-size": "64m", "max-file": "2"}


def worker_of(engine: DockerClient, cluster: Cluster, node: Node) -> Container | None:
    """The node's worker on its own engine, in whatever state; None where there is none."""
    labels = [f"{CLUSTER}={cluster.name}", f"{ROLE}=worker", f"{NODE}={node.index}"]
    found = _list(engine, labels, ended=True)
    return found[0] if found else None


def _list(engine: DockerClient, labels: list[str], *, ended: bool) -> list[Container]:
    """Without those that somebody removes meanwhile."""
    found: list[Container] = engine.containers.list(
        all=ended, filters={"label": labels}, ignore_removed=True
    )
    return found


def find_worker(engine: DockerClient, cluster: Cluster) -> Container:
    """The running worker of the master node. Raises JobFailed where there is none."""
    worker = worker_of(engine, cluster, cluster.master)
    if worker is None or worker.status != "running":
        state = "missing" if worker is None else worker.status
        raise JobFailed(
            Text("the worker is {state}").filled(state=state),
            where=str(cluster.master),
            fix=Text("dsk up"),
        )
    return worker


def output_of(container: Container, argv: list[str]) -> str:
    """What a short program in the container prints. Raises JobFailed where it fails."""
    done = execution.execute(container, argv)
    if done.code:
        raise JobFailed(
            Text("`{argv}` failed: {error}").filled(
                argv=" ".join(argv), error=done.stderr.decode(errors="replace").strip()
            ),
            where=container.name,
            fix=OTHER_VERSION.of(in_place=False),
        )
    return done.stdout.decode(errors="replace")


def find_masters(engine: DockerClient, cluster: Cluster, *, ended: bool = True) -> list[Container]:
    """The cluster's master containers, the newest first; with `ended` those that have ended too."""
    labels = [f"{CLUSTER}={cluster.name}", f"{ROLE}=master"]
    return _list(engine, labels, ended=ended)


def start(engine: DockerClient, cluster: Cluster, spec: JobSpec) -> Container:
    """Starts the job's supervisor beside the worker: with its image, user, network, workspace and
    bundle, so that the two cannot differ."""
    from docker.errors import DockerException
    from docker.types import LogConfig, Ulimit

    worker = find_worker(engine, cluster)
    user = str(worker.attrs["Config"]["User"])
    master = engine.containers.create(
        worker.attrs["Image"],
        ["dsk-supervisor"],
        name=f"dsk-{cluster.name}-job-{spec.job}",
        labels={CLUSTER: cluster.name, ROLE: "master", JOB: spec.job},
        user=user or None,
        environment={"DSK_HOST": cluster.master.host},
        network_mode=_network_of(worker),
        mounts=_mounts(worker),
        cap_drop=["ALL"],
        # Root reads the bundle and writes the job's folder, whoever on the server owns them.
        cap_add=[] if user else ["DAC_OVERRIDE", "FOWNER"],
        security_opt=["no-new-privileges"],
        # No memory image with the job's secrets on a disk.
        ulimits=[Ulimit(name="core", soft=0, hard=0)],
        log_config=LogConfig(type=LogConfig.types.JSON, config=LOG_OPTIONS),
        healthcheck={"test": ["NONE"]},
    )
    try:
        # Inside the container only, for its lifetime: the specification may hold secrets.
        master.put_archive("/", _archive(spec, user))
        master.start()
    except BaseException:
        master.remove(force=True)
        raise
    # The supervisor is on its way, and does not wait for this. What fails here, the next launch
    # does.
    with suppress(OSError, DockerException):
        remove_ended(engine, cluster)
    return master


def remove_ended(engine: DockerClient, cluster: Cluster) -> None:
    """Also those that were created and never started, because dsk was killed in between: they hold
    a job's specification, which may hold secrets."""
    from docker.errors import APIError, NotFound

    for container in find_masters(engine, cluster):
        ended = container.status in ("exited", "dead")
        if ended or (container.status == "created" and _age_s(engine, container) > ABANDONED_S):
            try:
                container.remove()
            except NotFound:
                pass  # another launch was quicker
            except APIError as error:
                if error.status_code != CONFLICT:  # its removal is in progress, or it just started
                    raise


def _age_s(engine: DockerClient, container: Container) -> float:
    """Since it was created, by the engine's clock."""
    now, created = engine.info()["SystemTime"], container.attrs["Created"]
    return (_time(now) - _time(created)).total_seconds()


def _time(text: str) -> datetime:
    """RFC 3339 with nanoseconds, which datetime does not have."""
    return datetime.fromisoformat(f"{text[:19]}+00:00")


def _network_of(worker: Container) -> str:
    """The worker's own addresses: the workers accept the cluster's key from those only."""
    mode = str(worker.attrs["HostConfig"]["NetworkMode"])
    return mode if mode == "host" else f"container:{worker.id}"


def _mounts(worker: Container) -> list[Any]:
    from docker.types import Mount

    return [
        Mount(mount["Destination"], mount["Source"], type="bind", read_only=not mount["RW"])
        for mount in worker.attrs["Mounts"]
        if mount["Type"] == "bind"
    ]


def _archive(spec: JobSpec, user: str) -> bytes:
    """The specification in a folder that is the supervisor's own; `user` is uid:gid, "" root."""
    uid, gid = map(int, user.split(":")) if user else (0, 0)
    data = spec.to_json().encode()
    folder, file = (tarfile.TarInfo(str(path)[1:]) for path in (paths.RUN, paths.spec(paths.RUN)))
    folder.type, folder.mode = tarfile.DIRTYPE, 0o700
    file.size, file.mode = len(data), 0o600
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in (folder, file):
            entry.uid, entry.gid = uid, gid
        archive.addfile(folder)
        archive.addfile(file, io.BytesIO(data))
    return buffer.getvalue()
