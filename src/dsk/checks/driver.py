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
        text = Text("no {maker} driver is loaded there").filled(maker=devices.maker)
        fix = Text(
            "install the driver ({tool} must work there), or set accelerator: cpu in dsk.yaml"
        ).filled(tool=devices.tool)
        return Finding("driver", "failed", text, node, fix=fix)
    if server.driver and server.min_driver and version(server.driver) < version(server.min_driver):
        text = Text(
            "{maker} driver {here} is too old for the image's CUDA {cuda}, which needs {needed}"
        ).filled(
            maker=devices.maker,
            here=server.driver,
            cuda=server.cuda,
            needed=server.min_driver,
        )
        fix = Text(
            "install a driver from {major} on there, or use an image with an older CUDA"
        ).filled(major=server.min_driver.split(".", maxsplit=1)[0])
        return Finding("driver", "failed", text, node, None, server.driver, server.min_driver, fix)
    engine_looked_at = server.thorough and not facts.cluster.in_place
    if engine_looked_at and devices.runtime and not server.runtime:
        text = Text("the {maker} container toolkit is missing").filled(maker=devices.maker)
        fix = Text("there: {commands}").filled(commands=devices.runtime_install)
        return Finding("driver", "failed", text, node, fix=fix)
    text = Text("driver {here}").filled(here=server.driver or devices.maker)
    return Finding("driver", "ok", text, node, None, server.driver, server.min_driver)
