"""Facts do not change once they are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.checks.facts import Facts, Need
from dsk.cluster.model import Cluster
from dsk.text import Text

WHY = Text("why")


def test_what_is_written_later_changes_no_facts() -> None:
    missing: dict[Need, dict[int | None, Text]] = {"job": {None: WHY}}
    facts = Facts(Cluster("lab", (), Path("/dsk.yaml")), missing=missing)
    missing["job"][0] = WHY
    missing["worker"] = {}
    assert facts.missing == {"job": {None: WHY}}
    assert replace(facts, network=()).missing == facts.missing


def test_facts_cannot_be_written() -> None:
    facts = Facts(Cluster("lab", (), Path("/dsk.yaml")), missing={"job": {}})
    for mapping in (facts.missing, facts.missing["job"], facts.servers, facts.silent):
        with pytest.raises(TypeError):
            cast("Any", mapping)["x"] = WHY
