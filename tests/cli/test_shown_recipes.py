"""The train.yaml that a guide shows is accepted by dsk, and has the batch size that it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Dsk
from tests.guides import ROOT, TEXT, read

TWO_SERVERS = """\
name: lab
nodes:
  - {host: 10.0.0.11, slots: 4}
  - {host: 10.0.0.12, slots: 4}
"""
GUIDES = ("docs/quick-start.md", "docs/guide/zero-to-model.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_a_shown_recipe_resolves(in_cluster: Dsk, guide: str) -> None:
    [shown] = [block for block in read(guide) if (block.kind, block.about) == (TEXT, "train.yaml")]
    Path(in_cluster.folder, "dsk.yaml").write_text(TWO_SERVERS)
    Path(in_cluster.folder, "train.yaml").write_text(shown.text)
    out = in_cluster("launch", "--dry-run", "train.yaml").out
    [size] = re.findall(r"batch size (\d+) per step", out)
    for said in re.findall(r"= (\d+) samples", (ROOT / guide).read_text(encoding="utf-8")):
        assert said == size
