"""The accelerator's driver and container runtime against the image."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, ServerFacts
from dsk.checks.gpus import NO_GPUS_WANTED
from dsk.checks.model import Finding
from dsk.checks.sizes import version
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        if not facts.cluster.devices.server_devices:
            yield Finding("driver", "skipped", NO_GPUS_WANTED, node)
        else:
            yield _finding(facts, node, server)


def _finding(facts: Facts, node: int, server: ServerFacts) -> Finding:
    devices = facts.cluster.devices
    if not server.driver and not server.gpu_devices:
        text = Text("no {maker} driver is loaded there", "没有加载 {maker} 驱动").filled(
            maker=devices.maker
        )
        fix = Text(
            "install the driver ({tool} must work there), or set accelerator: cpu in dsk.yaml",
            "安装驱动（{tool} 要能运行），或在 dsk.yaml 里写 accelerator: cpu",
        ).filled(tool=devices.tool)
        return Finding("driver", "failed", text, node, fix=fix)
    if server.driver and server.min_driver and version(server.driver) < version(server.min_driver):
        text = Text(
            "{maker} driver {here} is too old for the image's CUDA {cuda}, which needs {needed}",
            "{maker} 驱动 {here} 太旧：镜像的 CUDA {cuda} 需要 {needed} 或更新",
        ).filled(
            maker=devices.maker,
            here=server.driver,
            cuda=server.cuda,
            needed=server.min_driver,
        )
        fix = Text(
            "install a driver from {major} on there, or use an image with an older CUDA",
            "在该服务器上安装 {major} 或更新的驱动，或换用 CUDA 更旧的镜像",
        ).filled(major=server.min_driver.split(".", maxsplit=1)[0])
        return Finding("driver", "failed", text, node, None, server.driver, server.min_driver, fix)
    engine_looked_at = server.thorough and not facts.cluster.in_place
    if engine_looked_at and devices.runtime and not server.runtime:
        text = Text(
            "the {maker} container toolkit is missing", "缺少 {maker} container toolkit"
        ).filled(maker=devices.maker)
        fix = Text("there: {commands}", "在该服务器上：{commands}").filled(
            commands=devices.runtime_install
        )
        return Finding("driver", "failed", text, node, fix=fix)
    text = Text("driver {here}", "驱动 {here}").filled(here=server.driver or devices.maker)
    return Finding("driver", "ok", text, node, None, server.driver, server.min_driver)
