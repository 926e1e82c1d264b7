"""The wheel: what an installed dsk needs is inside, and nothing that it should not have."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    script = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return zipfile.ZipFile(folder / done.stdout.split()[-1])


def test_an_installed_dsk_needs_no_checkout(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for asset in (
        *("compose/worker.yaml", "compose/gpu.yaml", "compose/rdma.yaml", "compose/demo.yaml"),
        *("entrypoint/entrypoint.sh", "entrypoint/sshd_config", "dsk.example.yaml"),
        "stacks/cu128/recipe-keys.json",
    ):
        assert f"dsk/assets/{asset}" in names
    assert "dsk/py.typed" in names


def test_the_console_script(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "dsk = dsk.cli.main:main" in wheel.read(name).decode()


def test_no_key_and_no_test_is_inside(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert not name.startswith("tests")
        assert b"PRIVATE KEY-----" not in wheel.read(name)
