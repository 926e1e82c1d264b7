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
OTHER = Text("accelerator: {kind}, but the image's stack is for {built_for}")
FIX_OTHER = Text("write accelerator: {built_for} in dsk.yaml, or the image of another stack")
OLD = Text(
    "{maker} driver {here} is too old for the image's CUDA {cuda}, which needs {needed} or newer"
)
FIX_OLD = Text(
    "there: install driver {major} or newer, or use an image with an older CUDA (image in dsk.yaml)"
)
MISSING = Text("no {maker} driver is loaded there")
FIX_MISSING = Remedy(
    engine=Text("install the driver ({tool} must work there), or set accelerator: cpu in dsk.yaml"),
    in_place=Text(
        "give its container the GPUs ({tool} must work there), or set accelerator: cpu in dsk.yaml"
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
    found = Finding("driver", "ok", Text("driver {here}"), node, None, here, needed)
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
