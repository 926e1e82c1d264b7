from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dsk.agent import content_id
from dsk.agent.content_id import digest, hashes, image_files, listing, read_listing


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parts of an image that count, and some that do not."""
    site = tmp_path / "venv/lib/python3.11/site-packages"
    for name in (
        "torch-2.9.1.dist-info/RECORD",
        "torch/__init__.py",
        "deepspeed/ops/adam/cpu_adam_op.so",
        "dsk/agent/session.py",
        "dsk/agent/__pycache__/session.cpython-311.pyc",
    ):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(name)
    tree = tmp_path / "entrypoint"
    tree.mkdir()
    (tree / "health.sh").write_text("true")
    (tmp_path / "status").write_text("openssh-server 9.2")
    monkeypatch.setattr(content_id, "DPKG_STATUS", tmp_path / "status")
    (tmp_path / "trim").write_text("torch remove torch/bin/protoc*")
    monkeypatch.setattr(content_id, "TRIMMED", tmp_path / "trim")
    monkeypatch.setattr(content_id, "TREES", (tree,))
    return tmp_path / "venv"


def id_of(venv: Path) -> str:
    return digest(hashes(image_files(venv)))


@pytest.mark.parametrize(
    "name",
    [
        "venv/lib/python3.11/site-packages/torch-2.9.1.dist-info/RECORD",
        "venv/lib/python3.11/site-packages/deepspeed/ops/adam/cpu_adam_op.so",
        "venv/lib/python3.11/site-packages/dsk/agent/session.py",
        "entrypoint/health.sh",
        "status",
        "trim",
    ],
)
def test_every_part_counts(venv: Path, tmp_path: Path, name: str) -> None:
    before = id_of(venv)
    (tmp_path / name).write_text("changed")
    assert id_of(venv) != before


def test_a_new_file_of_dsk_counts(venv: Path) -> None:
    before = id_of(venv)
    (venv / "lib/python3.11/site-packages/dsk/new.py").write_text("")
    assert id_of(venv) != before


def test_what_a_run_leaves_does_not_count(venv: Path) -> None:
    before = id_of(venv)
    site = venv / "lib/python3.11/site-packages"
    (site / "dsk/agent/__pycache__/session.cpython-311.pyc").write_text("compiled again")
    (site / "dsk/__pycache__").mkdir()
    (site / "dsk/__pycache__/new.cpython-311.pyc").write_text("compiled")
    (site / "deepspeed/build.log").write_text("")
    assert id_of(venv) == before


def test_the_order_does_not_matter(venv: Path) -> None:
    files = hashes(image_files(venv))
    assert digest(files) == digest(dict(reversed(files.items())))


def test_the_listing_is_what_the_id_is_the_sum_of(venv: Path, tmp_path: Path) -> None:
    files = hashes(image_files(venv))
    assert read_listing(listing(files)) == files
    written = tmp_path / "content-files"
    written.write_text(listing(files))
    summed = subprocess.run(["sha256sum", written], capture_output=True, text=True, check=True)
    assert id_of(venv) == f"sha256:{summed.stdout.split()[0]}"
    subprocess.run(["sha256sum", "--check", "--strict", written], check=True)
