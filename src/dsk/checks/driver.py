"""The accelerator's driver against the image."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.accelerators import Accelerator
from dsk.checks.facts import Facts
from dsk.checks.gpus import NO_GPUS_WANTED
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import version
from dsk.errors import UserError
from dsk.survey.server import ServerFacts
from dsk.survey.values import Image
from dsk.text import Text
from dsk.wire.remedies import Remedy

ACCELERATOR, CUDA, MIN_DRIVER = LABELS = ("dsk.accelerator", "dsk.cuda", "dsk.min-driver")
"""Of the image, from its stack's stack.env."""


def judge(facts: Facts) -> Iterator[Finding]:
    devices = facts.cluster.devices
    for node, server in facts.servers.items():
        if not devices.server_devices:
            yield Finding("driver", "skipped", NO_GPUS_WANTED, node)
        elif not server.driver and not server.gpu_devices:
            text = Text("no {maker} driver is loaded there", "没有加载 {maker} 驱动").filled(
                maker=devices.maker
            )
            fix = _NO_DRIVER.of(in_place=facts.cluster.in_place).filled(tool=devices.tool)
            yield Finding("driver", "failed", text, node, fix=fix)
        else:
            yield against_image(node, server, server.image, devices)


def against_image(
    node: int, server: ServerFacts, image: Image | None, devices: Accelerator
) -> Finding:
    """An image without labels takes any driver."""
    labels = image.labels if image else {}
    here, needed = server.driver, labels.get(MIN_DRIVER, "")
    if (built_for := labels.get(ACCELERATOR, devices.name)) != devices.name:
        text = Text(
            "accelerator: {here}, but the image's stack is for {built_for}",
            "dsk.yaml 里是 accelerator: {here}，但镜像是为 {built_for} 构建的",
        ).filled(here=devices.name, built_for=built_for)
        fix = Text(
            "write accelerator: {built_for} in dsk.yaml, or the image of another stack",
            "在 dsk.yaml 里写 accelerator: {built_for}，或换用另一种镜像",
        ).filled(built_for=built_for)
        seen = built_for
        return Finding("driver", "failed", text, node, None, seen, devices.name, fix, UserError)
    if here and version(here) < version(needed):
        text = Text(
            "{maker} driver {here} is too old for the image's CUDA {cuda}, which needs {needed} "
            "or newer",
            "{maker} 驱动 {here} 太旧：镜像的 CUDA {cuda} 需要 {needed} 或更新",
        ).filled(maker=devices.maker, here=here, cuda=labels.get(CUDA, ""), needed=needed)
        fix = Text(
            "install a driver from {major} on there, or use an image with an older CUDA "
            "(image in dsk.yaml)",
            "在该服务器上安装 {major} 或更新的驱动，或换用 CUDA 更旧的镜像（dsk.yaml 的 image）",
        ).filled(major=needed.split(".", maxsplit=1)[0])
        return Finding("driver", "failed", text, node, None, here, needed, fix)
    text = Text("driver {here}", "驱动 {here}").filled(here=here or devices.maker)
    return Finding("driver", "ok", text, node, None, here, needed)


_NO_DRIVER = Remedy(
    engine=Text(
        "install the driver ({tool} must work there), or set accelerator: cpu in dsk.yaml",
        "安装驱动（{tool} 要能运行），或在 dsk.yaml 里写 accelerator: cpu",
    ),
    in_place=Text(
        "give its container the GPUs ({tool} must work there), or set accelerator: cpu in dsk.yaml",
        "给它的容器分配 GPU（{tool} 要能运行），或在 dsk.yaml 里写 accelerator: cpu",
    ),
)

CHECK = Check(
    "driver", judge, ("server",), "compose",
    facts=("gpu_devices", "driver", "image"), launch=True, up=True,
)  # fmt: skip
