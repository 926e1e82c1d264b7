"""compose.yaml of one node: the templates of compose/ laid over each other, and filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from dsk.cluster.model import Cluster, Node

HEADER = "# Made by dsk: change dsk.yaml and render again. To start by hand: docker compose up -d\n"

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SLOT = "${DSK_SLOT}"
_RESET = object()


class _TemplateLoader(yaml.SafeLoader):
    """YAML with Compose's `!reset`, which takes back what the file below says."""


_TemplateLoader.add_constructor("!reset", lambda _loader, _node: _RESET)


def compose_file(cluster: Cluster, node: Node, *, config: str, owner: str = "") -> str:
    """`config` is the worker's dsk.config label, a digest of its bundle; `owner` Keys' own."""
    merged: dict[str, Any] = {}
    for name in _overlays(cluster):
        merged = merge(merged, _template(name))
    filled = fill(each_slot(merged, node.slots), _values(cluster, node, config, owner))
    body = yaml.safe_dump(filled, sort_keys=False, allow_unicode=True, width=1000)
    return HEADER + body


def _overlays(cluster: Cluster) -> list[str]:
    chosen = ["worker"]
    devices = cluster.devices.demo_overlay if cluster.demo else cluster.devices.overlay
    if devices:
        chosen.append(devices)
    # "auto" hands in no devices: Compose refuses to start where they are missing, and rendering
    # asks no node. `dsk up` says where InfiniBand is left unused.
    if cluster.network.infiniband == "on":
        chosen.append("rdma")
    if cluster.demo:
        chosen.append("demo")
    if cluster.user:
        chosen.append("user")
    return chosen


def _values(cluster: Cluster, node: Node, config: str, owner: str = "") -> dict[str, str | int]:
    return {
        "DSK_PROJECT": project(cluster, node),
        "DSK_CLUSTER": cluster.name,
        "DSK_NODE": str(node.index),
        "DSK_NODE_NAME": node.name,
        "DSK_CONFIG": config,
        "DSK_OWNER": owner,
        "DSK_IMAGE": cluster.image,
        "DSK_SHM_SIZE": cluster.shm_size,
        "DSK_SLOTS": node.slots,
        "DSK_HOST": node.host,
        "DSK_MASTER": cluster.master.host,
        "DSK_WORKER_PORT": str(cluster.worker_port),
        "DSK_INTERFACE": cluster.network.interface,
        "DSK_INFINIBAND": cluster.network.infiniband,
        "DSK_WORKSPACE": str(cluster.workspace),
        "DSK_WORKSPACE_SOURCE": str(cluster.workspace_source(node)),
        "DSK_WARM": cluster.warm,
        "DSK_ACCELERATOR": cluster.accelerator,
        "DS_ACCELERATOR": cluster.devices.deepspeed,
        "DSK_DEMO_NETWORK": cluster.demo.network if cluster.demo else "",
        "DSK_DEMO_CPUS": f"{cluster.demo.cpus:.2f}" if cluster.demo else "",
        "DSK_USER": str(cluster.user or ""),
        "DSK_UID": str(cluster.user.uid if cluster.user else ""),
        "DSK_GID": str(cluster.user.gid if cluster.user else ""),
    }


def project(cluster: Cluster, node: Node) -> str:
    """The name of the node's Compose project and of its worker."""
    return f"dsk-{cluster.name}-{node.name}"


def _template(name: str) -> dict[str, Any]:
    text = files("dsk.assets").joinpath(f"compose/{name}.yaml").read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 - a SafeLoader
    return template


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`docker compose -f below -f above`: mappings and lists grow together, other values change."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if value is _RESET:
            merged.pop(key, None)
        elif isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = [*old, *value]
        else:
            merged[key] = value
    return merged


def each_slot(template: Any, slots: int) -> Any:
    """An item of a list that names ${DSK_SLOT} stands there once for each slot, from 0 on."""
    if isinstance(template, dict):
        return {key: each_slot(value, slots) for key, value in template.items()}
    if not isinstance(template, list):
        return template
    items = []
    for item in template:
        if isinstance(item, str) and _SLOT in item:
            items += [item.replace(_SLOT, str(slot)) for slot in range(slots)]
        else:
            items.append(each_slot(item, slots))
    return items


def fill(template: Any, values: Mapping[str, str | int]) -> Any:
    """Puts the values in. A `$` in one is doubled: Compose reads the result as a template again."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if not isinstance(template, str):
        return template
    if (whole := _VARIABLE.fullmatch(template)) and isinstance(values[whole[1]], int):
        return values[whole[1]]
    return _VARIABLE.sub(lambda match: str(values[match[1]]).replace("$", "$$"), template)
