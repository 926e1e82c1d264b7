"""The wheel: what an installed dsk needs is inside, and nothing that it should not have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from gettext import GNUTranslations
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import dsk

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def build(root: Path, folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(folder / hatchling("build_wheel", root, folder))


def hatchling(function: str, root: Path, folder: Path) -> str:
    """Returns the name of the file that it has made in the folder."""
    folder.mkdir(exist_ok=True)
    script = f"from hatchling.build import {function}; print({function}({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


def test_an_installed_dsk_needs_no_checkout(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for asset in (
        *("compose/worker.yaml", "compose/gpu.yaml", "compose/rdma.yaml", "compose/demo.yaml"),
        *("entrypoint/entrypoint.sh", "entrypoint/sshd_config", "dsk.example.yaml"),
        "stacks/cu128/recipe-keys.json",
    ):
        assert f"dsk/assets/{asset}" in names
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


def source_files() -> Iterator[str]:
    """Of the source tree's package, with what its links lead to: all that can be needed."""
    source = ROOT / "src"
    for folder, folders, files in os.walk(source / "dsk", followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            if not name.endswith((".po", ".pyc")):
                yield str((Path(folder) / name).relative_to(source))


def test_every_file_of_the_source_tree_is_inside(wheel: zipfile.ZipFile) -> None:
    """A new asset cannot be forgotten, and nothing else gets in."""
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == set(source_files())


def test_every_top_level_folder_of_assets_is_linked() -> None:
    """What ships inside the wheel is a link in src/dsk/assets: a link that leads nowhere, as after
    a folder was renamed, would be left out without a word."""
    for each in (ROOT / "src/dsk/assets").iterdir():
        assert each.exists(), f"{each} leads nowhere"
        if each.is_symlink():
            sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
            assert f"!{each.resolve().relative_to(ROOT)}" in sent, "the image has it as well"


def test_the_version_is_in_one_place(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    metadata = wheel.read(name).decode()
    assert f"\nVersion: {dsk.__version__}\n" in metadata
    assert f"\nName: {dsk.DISTRIBUTION}\n" in metadata
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not re.search(r"^version =", project, re.MULTILINE)


def test_the_sdist_makes_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    name = hatchling("build_sdist", ROOT, tmp_path / "dist")
    with tarfile.open(tmp_path / "dist" / name) as archive:
        files = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    (root,) = (path for path in tmp_path.iterdir() if path.name != "dist")
    for needed in ("Dockerfile", "scripts/build-image.sh", "LICENSE", "stacks/cu128/stack.env"):
        assert f"{root.name}/{needed}" in files
    with build(root, tmp_path / "wheel") as again:
        assert {each: again.read(each) for each in again.namelist() if "RECORD" not in each} == {
            each: wheel.read(each) for each in wheel.namelist() if "RECORD" not in each
        }


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment that has the wheel and what it declares to need, and nothing
    else. Without an index: those packages are copied from the environment of these tests."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    uv = [str(Path(sys.executable).with_name("uv"))]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    (there,) = environment.glob("lib/python*/site-packages")
    assert wheel.filename
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--offline", "--no-deps",
         "--python", environment, wheel.filename],
        check=True,
    )  # fmt: skip
    for name in declared(Path(wheel.filename)):
        copy(name, there)
    return environment / "bin/dsk"


def declared(wheel: Path) -> set[str]:
    """The names of all distributions that the wheel needs, and that those need."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        text = archive.read(name).decode()
    waiting = re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE)
    found: set[str] = set()
    while waiting:
        wanted = Requirement(waiting.pop())
        if wanted.name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(wanted.name)
        waiting += distribution(wanted.name).requires or []
    return found


def copy(name: str, site_packages: Path) -> None:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        pytest.fail(f"{name} is declared, and not in the environment of the tests")
    for file in files:
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), target)


def run(command: Path, folder: Path, *words: str, code: int = 0, lang: str = "C.UTF-8") -> str:
    done = subprocess.run(
        [str(command), *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": lang},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.mark.long
def test_the_wheel_works_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    """Outside the repository, with no package that it does not declare."""
    assert run(installed, tmp_path, "--version") == f"dsk, version {dsk.__version__}\n"
    run(installed, tmp_path, "init", "--in-place", "10.0.0.11:4", "10.0.0.12:4")
    run(installed, tmp_path, "init", "--full", "--force", "--in-place", "10.0.0.11:4")
    assert "# Every key of dsk.yaml" in (tmp_path / "dsk.yaml").read_text()
    (tmp_path / "dsk.yaml").write_text("name: lab\nnodes:\n  - {host: 10.0.0.11, slots: 4}\n")
    run(installed, tmp_path, "render", "--output", "bundles")
    written = {file.name for file in (tmp_path / "bundles").rglob("*")}
    assert {"compose.yaml", ".env"} & written, written
    (tmp_path / "train.yaml").write_text(
        "model_name_or_path: /workspace/m\nstage: sft\ndo_train: true\ndataset: identity\n"
        "template: qwen\nfinetuning_type: lora\noutput_dir: out\ndeepspeed: z2\n"
    )
    assert "ds_z2_config.json" in run(installed, tmp_path, "launch", "--dry-run", "train.yaml")
    assert "dashboard" not in run(installed, tmp_path, "metrics", "--dashboard", "-o", "d.json")
    assert (tmp_path / "d.json").stat().st_size > 1000
    (tmp_path / "run.log").write_text("ModuleNotFoundError: No module named 'flash_attn'\n")
    assert "flash_attn" in run(installed, tmp_path, "diagnose", "run.log")
    said = run(installed, tmp_path, "launch", "no.yaml", code=2, lang="zh_CN.UTF-8")
    assert "没有这个文件" in said or "修复" in said, said
