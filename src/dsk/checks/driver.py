"""The accelerator's driver against the image."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.accelerators import Accelerator
from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.checks.sizes import version
from dsk.cluster.model import Node
from dsk.errors import UserError
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image
from dsk.text import Text
from dsk.wire.remedies import Remedy

ACCELERATOR, CUDA, MIN_DRIVER = LABELS = ("dsk.accelerator", "dsk.cuda", "dsk.min-driver")
"""Of the image, from its stack's stack.env."""
OTHER = Text(
    "accelerator: {kind}, but the image's stack is for {built_for}",
    "dsk.yaml 里是 accelerator: {kind}，但镜像是为 {built_for} 构建的",
)
FIX_OTHER = Text(
    "write accelerator: {built_for} in dsk.yaml, or the image of another stack",
    "在 dsk.yaml 里写 accelerator: {built_for}，或换用另一种镜像",
)
OLD = Text(
    "{maker} driver {here} is too old for the image's CUDA {cuda}, which needs {needed} or newer",
    "{maker} 驱动 {here} 太旧：镜像的 CUDA {cuda} 需要 {needed} 或更新",
)
FIX_OLD = Text(
    "there: install driver {major} or newer, or use an image with an older CUDA "
    "(image in dsk.yaml)",
    "在该服务器上安装 {major} 或更新的驱动，或换用 CUDA 更旧的镜像（dsk.yaml 的 image）",
)
MISSING = Text("no {maker} driver is loaded there", "没有加载 {maker} 驱动")
FIX_MISSING = Remedy(
    engine=Text(
        "install the driver ({tool} must work there), or set accelerator: cpu in dsk.yaml",
        "安装驱动（{tool} 要能运行），或在 dsk.yaml 里写 accelerator: cpu",
    ),
    in_place=Text(
        "give its container the GPUs ({tool} must work there), or set accelerator: cpu in dsk.yaml",
        "给它的容器分配 GPU（{tool} 要能运行），或在 dsk.yaml 里写 accelerator: cpu",
    ),
)


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    devices = facts.cluster.devices
    if not server.driver and not server.gpu_devices:
        fix = FIX_MISSING.of(in_place=facts.cluster.in_place)
        found = Finding("driver", "failed", MISSING, node.index, fix=fix)
        yield found.filled(maker=devices.maker, tool=devices.tool)
    else:
        yield against_image(node.index, server, server.image, devices)


def against_image(
    node: int, server: ServerFacts, image: Image | None, devices: Accelerator
) -> Finding:
    """An image without labels takes any driver."""
    labels = image.labels if image else {}
    here, needed = server.driver, labels.get(MIN_DRIVER, "")
    built_for, kind = labels.get(ACCELERATOR, devices.name), devices.name
    found = Finding("driver", "ok", Text("driver {here}", "驱动 {here}"), node, None, here, needed)
    if built_for != kind:
        found = Finding(
            "driver", "failed", OTHER, node, None, built_for, kind, FIX_OTHER, UserError
        )
    elif here and version(here) < version(needed):
        found = Finding("driver", "failed", OLD, node, None, here, needed, FIX_OLD)
    return found.filled(
        kind=kind,
        built_for=built_for,
        maker=devices.maker,
        here=here or devices.maker,
        cuda=labels.get(CUDA, ""),
        needed=needed,
        major=needed.split(".", maxsplit=1)[0],
    )


judge = each_server("driver", _judge, gpus=True)
CHECK = Check(
    "driver", judge, ("server",), "compose",
    facts=("gpu_devices", "driver", "image"), asked_by=("init", "launch", "up"),
)  # fmt: skip
