"""Writes docs/reference/dsk-yaml.md from the JSON Schema of dsk.yaml and from dsk.example.yaml.

Usage: scripts/write-dsk-yaml-reference.py [--check] [FOLDER]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from generated import write_or_check

from dsk.cluster.schema import json_schema

EXAMPLE = Path(__file__).resolve().parents[1] / "dsk.example.yaml"
HEAD = """\
# dsk.yaml

Every key of the cluster file. `dsk init` writes the file, `dsk init --full` with every key and its
meaning. A key that is not listed is an error, which names the nearest key that is. For editors that
check YAML while you type there is a [JSON Schema](../../schema/dsk.schema.json).

`make reference` writes this page from the schema and from dsk.example.yaml, and `make lint` fails
while it is out of date.

| key | values | default | meaning |
|---|---|---|---|
"""
TYPES = {"string": "text", "integer": "whole number", "boolean": "`true`, `false`"}


def rows(schema: dict[str, Any], definitions: dict[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", [])
    for key, field in schema["properties"].items():
        path = f"{prefix}{key}"
        default = "required" if key in required else shown(field.get("default"))
        definition = definitions.get(field.get("$ref", "").rpartition("/")[2], {})
        meaning = field.get("description") or definition.get("description", "")
        yield f"| `{path}` | {values(field)} | {default} | {cell(meaning)} |"
        for reference, child in (
            (field.get("$ref"), f"{path}."),
            (field.get("items", {}).get("$ref"), f"{path}[]."),
        ):
            if reference:
                yield from rows(definitions[reference.rsplit("/", 1)[1]], definitions, child)


def values(field: dict[str, Any]) -> str:
    """What a key may hold."""
    if "anyOf" in field:
        return ", ".join(values(each) for each in field["anyOf"] if each.get("type") != "null")
    if "enum" in field:
        return ", ".join(code(each) for each in field["enum"])
    if "items" in field:
        return entries(field)
    if "$ref" in field or field.get("type") == "object":
        return "mapping"
    limits = [field[name] for name in ("minimum", "maximum") if name in field]
    return f"{TYPES[field['type']]}{', {} to {}'.format(*limits) if limits else ''}"


def entries(field: dict[str, Any]) -> str:
    """A list, the values of its entries where they are few words, and how many there may be."""
    least, most = field.get("minItems", 0), field.get("maxItems")
    of = f" of {values(field['items'])}" if "enum" in field["items"] else ""
    count = f"{least} to {most}" if most else f"{least} or more" if least else "any number of"
    return f"list{of}, {count} entries"


def shown(default: object) -> str:
    return "" if default is None or isinstance(default, dict) else code(default)


def code(value: object) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page() -> str:
    schema = json_schema()
    table = "\n".join(rows(schema, schema["$defs"], ""))
    example = EXAMPLE.read_text(encoding="utf-8").rstrip()
    return f"{HEAD}{table}\n\n## The file with every key\n\n```yaml\n{example}\n```\n"


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, {"dsk-yaml.md": page()}))
