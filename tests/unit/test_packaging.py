"""The wheel: what an installed dsk needs is inside, and nothing that it should not have."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from gettext import GNUTranslations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def build(root: Path, folder: Path) -> zipfile.ZipFile:
    folder.mkdir(exist_ok=True)
    script = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
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
    for asset in ("uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE", "page.js", "page.css"):
        assert f"dsk/report/assets/{asset}" in names
    assert "dsk/py.typed" in names


def test_the_chinese_messages_are_inside(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """As compiled from dsk.po: dsk.mo itself is not in git. Also where the image's build makes the
    wheel, of what .dockerignore lets through."""
    name = "dsk/locale/zh_CN/LC_MESSAGES/dsk.mo"
    with wheel.open(name) as file:
        assert GNUTranslations(file).gettext("the server cannot be reached") == "无法连接服务器"
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for path in [line[1:] for line in sent if line.startswith("!")]:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        if (ROOT / path).is_dir():
            ignored = shutil.ignore_patterns("*.mo", "__pycache__")
            shutil.copytree(ROOT / path, tmp_path / path, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / path, tmp_path / path)
    (tmp_path / "README.md").write_text("as the Dockerfile writes it")
    with build(tmp_path, tmp_path / "dist") as of_image:
        assert of_image.read(name) == wheel.read(name)


def test_the_console_script(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "dsk = dsk.cli.main:main" in wheel.read(name).decode()


def test_no_key_and_no_test_is_inside(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert not name.startswith("tests")
        assert b"PRIVATE KEY-----" not in wheel.read(name)
