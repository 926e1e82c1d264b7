"""What a user does about a worker, by its cluster's runtime. For checks and the supervisor.

With an engine, `dsk up` made the worker. In place, a platform started a container of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsk.text import Text


@dataclass(frozen=True)
class Remedy:
    """`in_place` names no command of an engine."""

    engine: Text
    in_place: Text

    def of(self, *, in_place: bool) -> Text:
        return self.in_place if in_place else self.engine


UP = Remedy(
    engine=Text("dsk up", "dsk up"),
    in_place=Text(
        "start that container's worker again, with the settings of dsk.yaml",
        "按 dsk.yaml 的设置重新启动该容器里的 worker",
    ),
)
OTHER_VERSION = Remedy(
    engine=Text(
        "was the worker made by another version of dsk? run: dsk up",
        "worker 是否由另一版本的 dsk 创建？请执行：dsk up",
    ),
    in_place=Text(
        "is its image of another version of dsk? start every container from the same image",
        "容器的镜像是否属于另一版本的 dsk？请用同一镜像启动所有容器",
    ),
)
HOST_KEY = Remedy(
    engine=Text(
        "the worker's host key is not the one in this cluster's bundle; run: dsk up",
        "worker 的主机密钥与本集群 bundle 里的不同；请执行：dsk up",
    ),
    in_place=Text(
        "if that container was recreated, take its new key: dsk keys --add FILE --replace",
        "若该容器是重建的，请登记它的新密钥：dsk keys --add FILE --replace",
    ),
)
LOGIN = Remedy(
    engine=Text(
        "the worker does not know this cluster's key; run: dsk up",
        "worker 不认识本集群的密钥；请执行：dsk up",
    ),
    in_place=Text(
        "its DSK_AUTHORIZED_KEY, and DSK_ALLOWED_FROM, must let in the key that dsk keys shows",
        "它的 DSK_AUTHORIZED_KEY 和 DSK_ALLOWED_FROM 必须允许 dsk keys 显示的密钥登录",
    ),
)
CONNECTION = Remedy(
    engine=Text(
        "is the worker up there? run: dsk status, then dsk up",
        "那里的 worker 在运行吗？请执行：dsk status，然后 dsk up",
    ),
    in_place=Text(
        "is that container up, its worker at worker_port? Its log says: sshd on HOST:PORT",
        "该容器是否在运行，worker 是否在 worker_port 上？它的日志里有：sshd on HOST:PORT",
    ),
)
DIFFERENCE = Remedy(
    engine=Text(
        "give every node the same image and files: dsk up",
        "让所有节点使用相同的镜像和文件：dsk up",
    ),
    in_place=Text(
        "start every container from the same image, with the same workspace and accelerator",
        "用同一镜像启动所有容器，workspace 和 accelerator 也要相同",
    ),
)
GPUS = Remedy(
    engine=Text(
        "lower the node's slots in dsk.yaml, or restart its worker: dsk up --force",
        "在 dsk.yaml 里减小该节点的 slots，或重建它的 worker：dsk up --force",
    ),
    in_place=Text(
        "lower the node's slots in dsk.yaml, or give its container the GPUs",
        "在 dsk.yaml 里减小该节点的 slots，或给它的容器分配 GPU",
    ),
)
