"""What dsk.yaml may say, as pydantic models: validation and the JSON Schema come from here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from dsk import accelerators
from dsk.cluster import values
from dsk.cluster.model import (
    DEFAULT_ACCELERATOR,
    DEFAULT_IMAGE,
    DEFAULT_SHM_SIZE,
    DEFAULT_WORKER_PORT,
    DEFAULT_WORKSPACE,
    InfiniBand,
    Save,
    Warm,
)
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import TargetKind

MOST_SLOTS = 64
MOST_NODES = 256
MOST_TARGETS = 16

_VariableName = Annotated[
    str | None, AfterValidator(lambda name: name and values.variable_name(name))
]
_FileName = Annotated[str | None, AfterValidator(lambda name: name and values.file_name(name))]
_ONE_EVENT = WithJsonSchema({"enum": list(EVENTS), "type": "string"})

Port = Annotated[int, Field(ge=1, le=values.HIGHEST_PORT)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SshModel(_Model):
    """How dsk reaches the servers' own sshd, unless a node says otherwise."""

    user: Annotated[
        str, AfterValidator(values.user), Field(description="Login on the servers.")
    ] = "root"
    port: Annotated[Port, Field(description="Port of the servers' own sshd.")] = 22
    key: Annotated[
        str | None,
        AfterValidator(lambda key: key and values.key_file(key)),
        Field(description="Private key file; OpenSSH chooses where it is left out."),
    ] = None


class NodeModel(_Model):
    """One GPU server."""

    host: Annotated[
        str,
        AfterValidator(values.host),
        Field(description="IPv4 address on the LAN: ranks and workers talk over it."),
    ]
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS, description="Number of GPUs to use there.")]
    ssh: Annotated[
        str | None,
        AfterValidator(lambda target: target and values.target(target)),
        Field(
            description="user@host:port where the server's own SSH is elsewhere, "
            "or local where the server is the machine that dsk runs on."
        ),
    ] = None


class NetworkModel(_Model):
    """The network between the nodes."""

    interface: Annotated[
        str,
        AfterValidator(values.interface),
        Field(description="Interface of NCCL and Gloo on every node; auto: each finds its own."),
    ] = "auto"
    infiniband: Annotated[
        InfiniBand, Field(description="on hands /dev/infiniband to the workers.")
    ] = "auto"


class NotifyModel(_Model):
    """Where messages about jobs are sent."""

    kind: Annotated[
        TargetKind,
        Field(
            description="The service whose format the messages have; json: dsk's own "
            "(docs/guide/notifications.md); command: a program on the master."
        ),
    ]
    name: Annotated[
        str | None,
        AfterValidator(lambda name: name and values.target_name(name)),
        Field(description="How messages and dsk notify call it; the kind where it is left out."),
    ] = None
    events: Annotated[
        list[Annotated[str, AfterValidator(values.notify_event), _ONE_EVENT]] | None,
        Field(min_length=1, description="What is sent there; all of it where it is left out."),
    ] = None
    url: Annotated[
        str | None,
        AfterValidator(lambda url: url and values.webhook(url)),
        Field(description="The webhook's URL. It is a secret: better url_env or url_file."),
    ] = None
    url_env: Annotated[
        _VariableName, Field(description="The environment variable that has it.")
    ] = None
    url_file: Annotated[_FileName, Field(description="The file that has it.")] = None
    secret: Annotated[
        str | None,
        AfterValidator(lambda secret: secret and values.one_line(secret)),
        Field(description="What signs the messages; feishu and dingtalk only."),
    ] = None
    secret_env: Annotated[
        _VariableName, Field(description="The environment variable that has it.")
    ] = None
    secret_file: Annotated[_FileName, Field(description="The file that has it.")] = None
    command: Annotated[
        list[Annotated[str, AfterValidator(values.word)]] | None,
        Field(
            min_length=1,
            description="Program and arguments; it gets the message as JSON on its input.",
        ),
    ] = None


class ClusterModel(_Model):
    """dsk's cluster file."""

    name: Annotated[
        str,
        AfterValidator(values.name),
        Field(description="Part of every container's name: one server can serve two clusters."),
    ]
    image: Annotated[
        str,
        AfterValidator(values.image),
        Field(description="The workers' image, an exact reference."),
    ] = DEFAULT_IMAGE
    workspace: Annotated[
        str,
        AfterValidator(values.workspace),
        Field(description="Absolute path, the same on every node: models, data, outputs, caches."),
    ] = str(DEFAULT_WORKSPACE)
    user: Annotated[
        str | None,
        AfterValidator(lambda ids: ids and values.ids(ids)),
        Field(
            description="uid:gid, as numbers: the workers run as this user of the servers, and "
            "what they write belongs to it; root where it is left out."
        ),
    ] = None
    nodes: Annotated[
        list[NodeModel],
        Field(min_length=1, max_length=MOST_NODES, description="The first one is the master."),
    ]
    in_place: Annotated[
        bool,
        Field(
            description="The servers are containers of the image, without an engine; "
            "dsk runs in the first one."
        ),
    ] = False
    ssh: Annotated[SshModel, Field(description=SshModel.__doc__)] = SshModel()
    worker_port: Annotated[
        Port,
        Field(description="Port of the workers' sshd, on the node's LAN address only."),
    ] = DEFAULT_WORKER_PORT
    accelerator: Annotated[
        str,
        AfterValidator(values.accelerator),
        WithJsonSchema({"enum": list(accelerators.names()), "type": "string"}),
        Field(description="What the ranks compute on; never guessed."),
    ] = DEFAULT_ACCELERATOR
    shm_size: Annotated[
        str,
        AfterValidator(values.size),
        Field(description="Shared memory of a worker, for data loaders and NCCL."),
    ] = DEFAULT_SHM_SIZE
    network: Annotated[NetworkModel, Field(description=NetworkModel.__doc__)] = NetworkModel()
    warm: Annotated[
        Warm,
        WithJsonSchema({"enum": ["auto", True, False]}),
        Field(
            description="Each worker keeps a process that has the training stack imported, and "
            "forks ranks from it; auto: with accelerator cpu, where 4 GB of memory are free."
        ),
    ] = "auto"
    save: Annotated[
        Save,
        Field(
            description="When jobs save checkpoints: recipe, as train.yaml says, or auto, as often "
            "as the time that a save takes and the failures to be expected make worthwhile."
        ),
    ] = "recipe"
    time_limit: Annotated[
        str | None,
        AfterValidator(values.duration),
        Field(
            description="Every job is stopped after so long, such as 7h50m, and saves a checkpoint "
            "shortly before; no limit where it is left out."
        ),
    ] = None
    env: Annotated[
        dict[
            Annotated[str, AfterValidator(values.variable)],
            Annotated[
                str,
                AfterValidator(values.variable_value),
                WithJsonSchema({"type": ["string", "number", "boolean"]}),
            ],
        ],
        Field(description="Environment variables of every rank."),
    ] = {}
    notify: Annotated[
        list[NotifyModel],
        Field(max_length=MOST_TARGETS, description="Where messages about jobs are sent."),
    ] = []


def json_schema() -> dict[str, Any]:
    """For editors (JSON Schema 2020-12); schema/dsk.schema.json is this."""
    schema = ClusterModel.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
