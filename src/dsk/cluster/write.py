"""The text of a new dsk.yaml: short, or the reference file with this cluster's values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from dsk.cluster.schema import ClusterModel

HEADER = "# dsk's cluster file. Every key, with its meaning: dsk init --full\n"
COMMENTS = {
    "name": "# part of every container's name",
    "workspace": "# the same absolute path on every node: models, data, outputs",
    "nodes": "# host: the LAN address; slots: GPUs to use. The first one is the master",
    "in_place": "# the servers are containers of the image; dsk runs in the first one",
    "ssh": "# how dsk reaches the servers",
}


def short(values: Mapping[str, Any]) -> str:
    """Only what `values` says: top-level keys of dsk.yaml."""
    parts = [HEADER]
    for key in (key for key in ClusterModel.model_fields if key in values):
        comment = f"{COMMENTS[key]}\n" if key in COMMENTS else ""
        parts.append(comment + block(key, values[key]))
    return "\n".join(parts)


def full(values: Mapping[str, Any]) -> str:
    """dsk.example.yaml with the blocks of `values` in place of its own."""
    text = files("dsk.assets").joinpath("dsk.example.yaml").read_text(encoding="utf-8")
    for key, value in {"ssh": {"user": "root", "port": 22}, **values}.items():
        text = _replace(text, key, block(key, value))
    return text


def block(key: str, value: Any) -> str:
    """A list gets a line for each item, everything else one line."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join([f"{key}:\n", *(f"  - {_flow(item)}\n" for item in value)])
    return f"{key}: {_flow(value)}\n"


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return str(text).removesuffix("...\n").strip()


def _replace(text: str, key: str, new: str) -> str:
    old = re.compile(rf"^{key}:.*\n(?:[ \t]+\S.*\n)*", re.MULTILINE)
    return old.sub(lambda _: new, text, count=1)
