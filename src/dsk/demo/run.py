"""The demo from start to end, through the same code as `dsk up` and `dsk launch`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dsk.cluster.model import Cluster, Local
from dsk.connect import open_server, side_by_side
from dsk.demo import site, training
from dsk.errors import JobFailed, UserError
from dsk.fleet.down import down
from dsk.fleet.up import up
from dsk.jobs.engine import EngineRuntime
from dsk.jobs.launch import start
from dsk.jobs.master import output_of, worker_of
from dsk.jobs.planning import Request
from dsk.recipe import TrainFile
from dsk.servers.progress import Tell
from dsk.text import Text
from dsk.wire.events import Event, Failure, Finished

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

TRAINER_LOG = "trainer_log.jsonl"


@dataclass
class Demo:
    """What came of it. `parts` with their seconds, in order; `losses` of each step."""

    cluster: Cluster
    losses: list[float] = field(default_factory=list)
    parts: list[tuple[Text, float]] = field(default_factory=list)
    job: str = ""

    @property
    def adapter(self) -> Path:
        """Where the trained adapter lies on this machine, while the workspace is kept."""
        return Path(self.cluster.workspace_source(self.cluster.master)) / training.OUTPUT

    @contextmanager
    def part(self, name: Text) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.parts.append((name, time.monotonic() - begin))


def run(image: str, accelerator: str, tell: Tell, show: Callable[[Event], None]) -> Demo:
    """Raises DskError. What was started is left for `clean`, whatever happens."""
    with open_server(Local(), Path()) as server:
        engine = server.engine()
        _check_image(engine, image)
        demo = Demo(_cluster(engine, image, accelerator))
        site.make_folders(demo.cluster)
        with demo.part(Text("two workers up")):
            for error in up(demo.cluster, tell):
                raise error
        with demo.part(Text("model and tokenizer made")):
            _make_model(engine, demo.cluster)
        with demo.part(Text("training")):
            _train(engine, demo, show)
        worker = _workers(engine, demo.cluster)[0]
        log = output_of(
            worker, ["cat", f"{demo.cluster.workspace}/{training.OUTPUT}/{TRAINER_LOG}"]
        )
        demo.losses = training.losses(log.splitlines())
    return demo


def clean(tell: Tell) -> None:
    """Takes away what a demo started and wrote, also one that was cut off. Raises DskError."""
    with open_server(Local(), Path()) as server:
        engine = server.engine()
        demo_cluster = site.cluster(site.folder(), site.SUBNETS[0], "none", "cpu", cores=1)
        for worker in _workers(engine, demo_cluster):
            # Root's files, which whoever runs the demo could not remove.
            output_of(worker, ["find", str(demo_cluster.workspace), "-mindepth", "1", "-delete"])
        for error in down(demo_cluster, demo_cluster.nodes, tell, force=True):
            raise error
    site.remove_folders(site.folder())


def _check_image(engine: DockerClient, image: str) -> None:
    from docker.errors import ImageNotFound

    try:
        engine.images.get(image)
    except ImageNotFound:
        raise UserError(
            Text("the image {image} is not on this machine").filled(image=image),
            fix=Text("in dsk's source folder: make image; or: docker pull {image}").filled(
                image=image
            ),
        ) from None


def _cluster(engine: DockerClient, image: str, accelerator: str) -> Cluster:
    taken = [
        config["Subnet"]
        for network in engine.networks.list()
        for config in network.attrs["IPAM"]["Config"] or []
        if config.get("Subnet")
    ]
    cores = engine.info()["NCPU"]
    return site.cluster(site.folder(), site.free_subnet(taken), image, accelerator, cores=cores)


def _workers(engine: DockerClient, cluster: Cluster) -> list[Container]:
    found = (worker_of(engine, cluster, node) for node in cluster.nodes)
    return [worker for worker in found if worker is not None and worker.status == "running"]


def _make_model(engine: DockerClient, cluster: Cluster) -> None:
    """On each node by itself, as two servers without a shared disk would have to."""
    place = f"{cluster.workspace}/{training.MODEL}"
    argv = ["/opt/venv/bin/python", "-m", "dsk.demo.tiny_model", place]
    workers = dict(zip(cluster.nodes, _workers(engine, cluster), strict=True))
    for outcome in side_by_side(cluster.nodes, lambda node: output_of(workers[node], argv)):
        outcome.get()


def _train(engine: DockerClient, demo: Demo, show: Callable[[Event], None]) -> None:
    text = training.TRAIN_YAML.format(workspace=demo.cluster.workspace)
    file = TrainFile(PurePosixPath(site.folder() / "train.yaml"), "train.yaml", text)
    request = Request(demo.cluster, file, ())
    planned, supervisor = start(EngineRuntime(engine, demo.cluster), request)
    demo.job = planned.spec.job
    failure = Text("the supervisor exited without reporting a result")
    for event in supervisor.events():
        show(event)
        if isinstance(event, Failure):
            failure = event.cause
        if isinstance(event, Finished) and event.exit_code == 0:
            return
    raise JobFailed(failure, where=Text("job {job}").filled(job=demo.job))
