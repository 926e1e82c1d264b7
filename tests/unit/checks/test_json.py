"""What `dsk check --json` prints is what schema/check.schema.json says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dsk.checks.facts import Facts, Need
from dsk.checks.model import Finding
from dsk.checks.registry import CHECKS, judge_all
from dsk.cli import findings
from dsk.preflight.fix import Fixed
from dsk.text import Text

SCHEMA = json.loads((Path(__file__).parents[3] / "schema/check.schema.json").read_text())
KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def validate(value: Any, schema: dict[str, Any]) -> None:
    """As much of JSON Schema as ours uses."""
    if "$ref" in schema:
        validate(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if "enum" in schema:
        assert value in schema["enum"]
    if "const" in schema:
        assert value == schema["const"]
    if kind := schema.get("type"):
        kinds = kind if isinstance(kind, list) else [kind]
        assert any(isinstance(value, KINDS[each]) for each in kinds), (value, kind)
    if "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name, below in schema["properties"].items():
            validate(value[name], below)
    for item in value if "items" in schema else ():
        validate(item, schema["items"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_schema_holds(facts: Facts, language: Any) -> None:
    missing: Mapping[Need, Mapping[int | None, Text]] = {
        "worker": {1: Text("off")},
        "job": {None: Text("no job")},
    }
    full = Facts(facts.cluster, facts.servers, missing=missing)
    found = [
        *judge_all(full, CHECKS),
        Finding("x", "failed", Text("failed"), 0, 1, fix=Text("dsk up")),
    ]
    done = [Fixed(facts.cluster.nodes[0], Text("made the folder /w"))]
    said = findings.to_json(facts.cluster, found, done, language, 1.26)
    validate(json.loads(json.dumps(said)), SCHEMA)
    assert said["state"] == "failed" and said["seconds"] == 1.3
    assert said["findings"][-1]["text"] == {"en": "failed", "zh": "失败"}[language]


def test_a_finding_that_lacks_a_field_is_found_out() -> None:
    with pytest.raises(AssertionError):
        validate({"check": "x"}, SCHEMA["$defs"]["finding"])


def test_lines(facts: Facts) -> None:
    text, fix = Text("2 late"), Text("the master logs in")
    pair = Finding("clock", "failed", text, 0, 1, fix=fix)
    line = findings.line(facts.cluster, pair, "en")
    assert "clock  node0 (10.0.0.11) → node1 (10.0.0.12): 2 late\n  fix: the master logs in" in line
    assert "修复：master 可以登录" in findings.line(facts.cluster, pair, "zh")
