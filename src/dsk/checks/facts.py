"""What is measured before anything is judged: one dataclass a place that is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

from dsk.cluster.model import Cluster
from dsk.errors import DskError
from dsk.survey.server import ServerFacts
from dsk.survey.values import Disk
from dsk.text import NOTHING, Text
from dsk.wire import collectives
from dsk.wire.checkpoints import SavedStep
from dsk.wire.measure import Measured
from dsk.wire.tuning import Tuned

Need = Literal["server", "worker", "login", "network", "job", "collectives", "smoke"]
"""The measurements that a check stands on; what it needs is all that is measured for it."""


@dataclass(frozen=True)
class Workspace:
    """As the worker sees it. `problem` is why a file could not be written there, "" where it was.
    `shared_with` are the nodes that see the same disk; None where nobody looked. `place` as in
    ServerFacts."""

    problem: str = ""
    disk: Disk | None = None
    kind: str = ""
    shared_with: frozenset[int] | None = None
    place: str = ""


@dataclass(frozen=True)
class WorkerFacts:
    """What a worker says from inside. `stack` as recorded when its image was built, `packages` are
    the versions of the deciding ones that Python finds there now. `gpus` None: it has a CPU's
    slots. `modes`: what is to be private and is not, with its mode. `wrong`: what its image trains
    wrongly and a newer one of its stack does not."""

    protocol: int
    content_id: str
    stack: Mapping[str, Any]
    packages: Mapping[str, str]
    accelerator: str
    workspace: Workspace
    gpus: int | None = None
    gpu_problem: Text | None = None
    modes: Mapping[str, str] = field(default_factory=dict)
    shm: int = 0
    job: str = ""
    wrong: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Login:
    """The master's worker logged in to a worker with the cluster's key: how that ended, and what
    ssh said."""

    code: int
    said: str = ""


@dataclass(frozen=True)
class InputFile:
    """A file that the job reads, on one node. `digest` is None where it cannot be read; `sampled`:
    of parts of it, as it is large."""

    size: int
    digest: str | None
    sampled: bool = False


@dataclass(frozen=True)
class NodeInputs:
    """`missing` says what is not there; `files` by absolute path."""

    missing: tuple[Text, ...]
    files: Mapping[str, InputFile]


@dataclass(frozen=True)
class GpuNeed:
    """What a rank needs on its GPU at the highest point, in bytes, by estimate; `when` that is.
    `problem` says why there is no estimate."""

    peak: int = 0
    when: str = ""
    problem: Text | None = None


@dataclass(frozen=True)
class HubAnswer:
    """What a hub answers the master about one repository: `bytes` to download, and a `note` where
    the hub did not answer and the cache is complete; or a `problem` and its `fix`."""

    bytes: int = 0
    note: Text | None = None
    problem: Text | None = None
    fix: Text | None = None


@dataclass(frozen=True)
class StepNeed:
    """An optimizer step of one rank, by estimate: bytes sent and operations computed. `others`:
    what other presets would send, and the peak of memory that they need, by name. `problem`: why
    there is no estimate."""

    sent: float = 0.0
    operations: float = 0.0
    others: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    problem: Text | None = None


@dataclass(frozen=True)
class JobFacts:
    """The job that train.yaml asks for. Where it does not resolve, `problem` says why, and the rest
    is empty. `config` is the model's config.json, `templates` the names that the image's
    LLaMA-Factory knows; empty where they could not be read. `own` are inputs whose content differs
    from node to node. `saved` by node: the checkpoints in its `output_dir`, where the job resumes
    from there; `ranks` by node: the global ranks that read them. `hub` by repository. `gpu` and
    `step` are None where no GPU is used."""

    problem: Text | None = None
    where: str = ""
    fix: Text | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    repos: tuple[str, ...] = ()
    inputs: Mapping[int, NodeInputs] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    weight_bytes: int = 0
    templates: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    output_dir: str = ""
    hub: Mapping[str, HubAnswer] = field(default_factory=dict)
    saved: Mapping[int, tuple[SavedStep, ...]] = field(default_factory=dict)
    ranks: Mapping[int, Sequence[int]] = field(default_factory=dict)
    gpu: GpuNeed | None = None
    step: StepNeed | None = None


@dataclass(frozen=True)
class Trial:
    """How a short job on `nodes` (by index) ended; `cause`, `fix` and `lines` (a rank's last) where
    it failed. `folder` on the nodes has its output. `rank` is the one that failed first, None where
    it was none; `out_of_memory`: the kernel killed something there because memory was used up.
    `tuned` is what the ranks of a measurement printed."""

    nodes: tuple[int, ...]
    works: bool
    seconds: float = 0.0
    cause: Text = NOTHING
    fix: Text | None = None
    lines: tuple[str, ...] = ()
    measured: tuple[collectives.Measured, ...] = ()
    folder: str = ""
    rank: int | None = None
    out_of_memory: bool = False
    tuned: tuple[Tuned, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything that was measured, by node index. `unreachable` are the servers that did not
    answer, `silent` the workers that run and did not; `untried`: why trials came to no end.
    `missing` says of each measurement why there is none: of a node, or under None of all.

    The mappings are copied: what the measurement writes later does not change the facts.
    """

    cluster: Cluster
    servers: Mapping[int, ServerFacts] = field(default_factory=dict)
    unreachable: Mapping[int, DskError] = field(default_factory=dict)
    workers: Mapping[int, WorkerFacts] = field(default_factory=dict)
    silent: Mapping[int, DskError] = field(default_factory=dict)
    logins: Mapping[int, Login] = field(default_factory=dict)
    network: tuple[Measured, ...] = ()
    job: JobFacts | None = None
    collectives: tuple[Trial, ...] = ()
    smoke: tuple[Trial, ...] = ()
    untried: Mapping[Need, DskError] = field(default_factory=dict)
    missing: Mapping[Need, Mapping[int | None, Text]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _frozen(getattr(self, each.name)))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(each) for key, each in value.items()})
    return value
