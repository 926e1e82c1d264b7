"""`make image` asks for an engine alone; debootstrap comes where a base image has to be made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = [
    "awk",
    "bash",
    "cat",
    "chmod",
    "env",
    "find",
    "flock",
    "mkdir",
    "mktemp",
    "rm",
    "tail",
    "tar",
    "touch",
]

# A machine without lists of packages: the first install finds none.
APT = """echo "$1" >>calls
[ "$1" != update ] || { touch lists; exit; }
[ -e lists ] || { echo 'E: Unable to locate package' >&2; exit 100; }
printf '#!/bin/sh\\n%s\\n' 'for word; do case $word in */root) root=$word; esac; done
mkdir -p $root/etc/apt $root/usr/share/doc
echo "deb http://deb.example/debian bookworm main" >$root/etc/apt/sources.list' >bin/debootstrap
chmod +x bin/debootstrap"""
NO_APT = "echo 'E: no network' >&2; exit 100"
DOCKER = '[ "$1" = import ] && cat >/dev/null'

Base = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """scripts/base.sh on a machine without debootstrap, whose apt-get is the script given."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "scripts").mkdir()
    for name in ("base.sh", "mirrors.py"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "bin/python3").symlink_to(Path(sys.executable).resolve())

    def run(apt: str) -> subprocess.CompletedProcess[str]:
        put(tmp_path / "bin", {"apt-get": apt, "docker": DOCKER})
        return subprocess.run(
            ["scripts/base.sh"],
            cwd=tmp_path,
            env={"PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def put(folder: Path, programs: Mapping[str, str]) -> None:
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("target", "script"),
    [("image", "build-image.sh"), ("image-seed", "build-image.sh seed"), ("base", "base.sh")],
)
def test_make_asks_for_an_engine_and_nothing_else(target: str, script: str) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", target],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["scripts/engine.sh", f"scripts/{script}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root, and base.sh asks for it")
def test_the_base_image_brings_its_own_debootstrap(base: Base, tmp_path: Path) -> None:
    done = base(APT)
    assert done.returncode == 0, done.stderr
    assert "installing debootstrap" in done.stdout and "made dsk-base:bookworm" in done.stdout
    assert (tmp_path / "calls").read_text().split() == ["install", "update", "install"]


@pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root, and base.sh asks for it")
def test_debootstrap_cannot_be_installed(base: Base) -> None:
    done = base(NO_APT)
    assert done.returncode == 1
    assert "E: no network" in done.stderr
    assert "base.sh: apt-get could not install debootstrap" in done.stderr
