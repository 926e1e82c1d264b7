"""What import-linter refuses, in a copy of the project with imports that break its contracts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANTED = {
    "supervisor/stalls.py": "from dsk.checks import model",
    "agent/lock.py": "def late() -> None:\n    import yaml",
    "wire/paths.py": "import dsk.files",
    "hub/disk.py": "from dsk.agent import lock",
    "checks/clock.py": "import subprocess",
    "cluster/model.py": "import socket",
    "recipe/keys.py": "from dsk.jobs import spec",
    "spare.py": "import json",
}
REFUSED = (
    "supervisor may not import checks",
    "agent may not import yaml",
    "wire may not import files",
    "hub may not import agent",
    "checks may not import subprocess",
    "cluster may not import socket",
    "recipe may not import jobs",
    "room spare has no line in may_import",
    "digest lists docker, which it does not import",
    "digest lists the package docker",
    "text lists cli, whose packages would be imported with it",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        ROOT / "src/dsk",
        tmp_path / "src/dsk",
        symlinks=True,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "scripts").mkdir()
    for name in ("pyproject.toml", "scripts/importrooms.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def lint_imports(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_that_no_line_lists_are_refused(copy: Path) -> None:
    code, said = lint_imports(copy)
    assert code == 0, said
    for name, line in PLANTED.items():
        with (copy / "src/dsk" / name).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{line}\n")
    config = copy / "pyproject.toml"
    text = config.read_text(encoding="utf-8")
    assert "\ndigest = []\n" in text and "\ntext = []\n" in text
    text = text.replace("\ndigest = []\n", '\ndigest = ["docker"]\n')
    config.write_text(text.replace("\ntext = []\n", '\ntext = ["cli"]\n'), encoding="utf-8")
    code, said = lint_imports(copy)
    assert code == 1, said
    assert [line for line in REFUSED if line not in said] == []
    for name in PLANTED.keys() - {"spare.py"}:
        where = f"dsk.{name.removesuffix('.py').replace('/', '.')} (l."
        assert where in said, said
