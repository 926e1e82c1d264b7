"""docs/reference: written from the code, and refused by lint where a page is out of date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dsk.cli.image import COMMANDS as OF_IMAGE
from dsk.cli.main import COMMANDS
from dsk.cluster.schema import ClusterModel, NetworkModel, NodeModel, SshModel
from dsk.diagnose import catalogue

SCRIPTS = Path(__file__).parents[3] / "scripts"


def run(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def headings(text: str, level: int) -> list[str]:
    marks = "#" * level + " "
    return [line.removeprefix(marks) for line in text.splitlines() if line.startswith(marks)]


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("write-cli-reference.py", "cli.md"),
        ("write-dsk-yaml-reference.py", "dsk-yaml.md"),
        ("write-causes.py", "causes.md"),
        ("write-causes.py", "causes.zh-CN.md"),
    ],
)
def test_a_page_that_is_out_of_date_is_refused(script: str, name: str, tmp_path: Path) -> None:
    page = tmp_path / name
    assert run(script, "--check", tmp_path).returncode == 1, "there is none"
    assert run(script, tmp_path).returncode == 0
    assert run(script, "--check", tmp_path).returncode == 0
    page.write_text(page.read_text(encoding="utf-8") + "a line of a hand\n", encoding="utf-8")
    refused = run(script, "--check", tmp_path)
    assert refused.returncode == 1
    assert f"{name} is out of date; write it with: make reference" in refused.stderr


def test_every_command_has_its_section(tmp_path: Path) -> None:
    assert run("write-cli-reference.py", tmp_path).returncode == 0
    assert set(headings((tmp_path / "cli.md").read_text(encoding="utf-8"), 2)) == {
        "dsk",
        *(f"dsk {name}" for name in COMMANDS),
        *(f"dsk image {name}" for name in OF_IMAGE),
    }


def test_every_key_of_dsk_yaml_has_its_row(tmp_path: Path) -> None:
    assert run("write-dsk-yaml-reference.py", tmp_path).returncode == 0
    text = (tmp_path / "dsk-yaml.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    assert {key.strip(" `") for key, *_ in rows} == {
        *ClusterModel.model_fields,
        *(f"nodes[].{name}" for name in NodeModel.model_fields),
        *(f"ssh.{name}" for name in SshModel.model_fields),
        *(f"network.{name}" for name in NetworkModel.model_fields),
    }
    assert [row for row in rows if not (row[1].strip() and row[3].strip())] == []


@pytest.mark.parametrize("name", ["causes.md", "causes.zh-CN.md"])
def test_every_cause_has_its_section(name: str, tmp_path: Path) -> None:
    assert run("write-causes.py", tmp_path).returncode == 0
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert sorted(headings(text, 3)) == sorted(f"`{entry.id}`" for entry in catalogue.load())
    assert not re.search(r"(?<!`)\{\w+\}", text), "a field that nobody filled in"
