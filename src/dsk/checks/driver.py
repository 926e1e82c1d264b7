"""NVIDIA's driver and container runtime against the image's CUDA."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, ServerFacts
from dsk.checks.gpus import NO_GPUS_WANTED
from dsk.checks.model import Finding
from dsk.checks.sizes import version
from dsk.text import Text


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        if facts.cluster.accelerator == "cpu":
            yield Finding("driver", "skipped", NO_GPUS_WANTED, node)
        else:
            yield _finding(facts, node, server)


def _finding(facts: Facts, node: int, server: ServerFacts) -> Finding:
    if not server.driver:
        text = Text("no NVIDIA driver is loaded there", "没有加载 NVIDIA 驱动")
        fix = Text(
            "install the driver (nvidia-smi must work there), or set accelerator: cpu in dsk.yaml",
            "安装驱动（nvidia-smi 要能运行），或在 dsk.yaml 里写 accelerator: cpu",
        )
        return Finding("driver", "failed", text, node, fix=fix)
    if server.min_driver and version(server.driver) < version(server.min_driver):
        text = Text(
            "NVIDIA driver {here} is too old for the image's CUDA {cuda}, which needs {needed}",
            "NVIDIA 驱动 {here} 太旧：镜像的 CUDA {cuda} 需要 {needed} 或更新",
        ).filled(here=server.driver, cuda=server.cuda, needed=server.min_driver)
        fix = Text(
            "install a driver from {major} on there, or use an image with an older CUDA",
            "在该服务器上安装 {major} 或更新的驱动，或换用 CUDA 更旧的镜像",
        ).filled(major=server.min_driver.split(".", maxsplit=1)[0])
        return Finding("driver", "failed", text, node, None, server.driver, server.min_driver, fix)
    if server.thorough and not facts.cluster.in_place and not server.nvidia_runtime:
        text = Text("the NVIDIA container toolkit is missing", "缺少 NVIDIA container toolkit")
        fix = Text(
            "there: sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk runtime "
            "configure --runtime=docker && sudo systemctl restart docker",
            "在该服务器上：sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk "
            "runtime configure --runtime=docker && sudo systemctl restart docker",
        )
        return Finding("driver", "failed", text, node, fix=fix)
    text = Text("driver {here}", "驱动 {here}").filled(here=server.driver)
    return Finding("driver", "ok", text, node, None, server.driver, server.min_driver)
