"""The archive's file: written whole or not at all, and every damage found before it is used."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from dsk.accelerators import accelerator
from dsk.connect.local import LocalServer
from dsk.errors import UserError
from dsk.image import archive
from dsk.image.archive import PAGE, Manifest
from dsk.image.load import unfit
from dsk.image.save import _described as described
from dsk.image.save import is_tag
from dsk.survey.server import ServerFacts
from dsk.survey.values import Disk, Engine, Image

CUDA = accelerator("cuda")
LABELS = {"dsk.accelerator": "cuda", "dsk.cuda": "12.8", "dsk.min-driver": "525.60.13"}
BLANK = Manifest("dsk:cu128", "content", "amd64", 3_000_000, labels=LABELS)
TAR = [random.Random(7).randbytes(1 << 20), bytes(1 << 20), b"end"]


def nothing(_done: int) -> None:
    pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar.zst"
    archive.write(path, BLANK, TAR, nothing)
    return path


def read(file: Path) -> bytes:
    return b"".join(archive.read(file, archive.read_manifest(file), nothing))


def test_what_was_written_is_read(file: Path) -> None:
    found = archive.read_manifest(file)
    assert (found.reference, found.content, found.size) == ("dsk:cu128", "content", 3_000_000)
    assert found.labels == LABELS
    assert found.tar == sum(map(len, TAR))
    assert found.packed == file.stat().st_size
    assert read(file) == b"".join(TAR)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd program here")
def test_the_zstd_program_reads_it_too(file: Path) -> None:
    done = subprocess.run(["zstd", "-dc", file], capture_output=True, check=True)
    assert done.stdout == b"".join(TAR)


def test_progress_is_told_both_ways(file: Path) -> None:
    told: list[int] = []
    archive.write(file, BLANK, TAR, told.append)
    assert told == [1 << 20, 2 << 20, (2 << 20) + 3]
    told.clear()
    archive.check(file, archive.read_manifest(file), told.append)
    assert told[-1] == (2 << 20) + 3


def test_a_source_that_breaks_leaves_what_was_there(file: Path) -> None:
    before = file.read_bytes()

    def broken() -> Iterator[bytes]:
        yield TAR[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.write(file, BLANK, broken(), nothing)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_killed_runs_draft_is_taken_over(file: Path) -> None:
    (file.parent / f".{file.name}.part").write_bytes(bytes(50_000_000))
    archive.write(file, BLANK, TAR, nothing)
    assert read(file) == b"".join(TAR)
    assert len(list(file.parent.iterdir())) == 1


def test_two_at_once_are_refused(file: Path) -> None:
    draft = file.parent / f".{file.name}.part"
    with draft.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another dsk process is writing"):
            archive.write(file, BLANK, TAR, nothing)
    assert read(file) == b"".join(TAR)


@pytest.mark.parametrize("length", [0, 7, 100])
def test_hardly_anything_arrived(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(UserError, match="is not an image archive of dsk"):
        archive.read_manifest(file)


@pytest.mark.parametrize("change", [-1, -500_000, -1_000_000, 1])
def test_another_length(file: Path, change: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:change] if change < 0 else data + bytes(change))
    with pytest.raises(UserError, match=rf"{len(data) + change} of {len(data)} bytes"):
        archive.read_manifest(file)


@pytest.mark.parametrize("place", [PAGE, PAGE + 9, PAGE + 500_000, -5, -1])
def test_one_byte_that_differs(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 0x10
    file.write_bytes(data)
    manifest = archive.read_manifest(file)
    with pytest.raises(UserError, match="is damaged"):
        archive.check(file, manifest, nothing)


@pytest.mark.parametrize(
    "text",
    [b"PK\x03\x04", b"\x28\xb5\x2f\xfd" + bytes(5000), b"{}" * 3000, BLANK.page()[:8] + b"[1]"],
)
def test_other_files(tmp_path: Path, text: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(text)
    with pytest.raises(UserError, match="is not an image archive of dsk"):
        archive.read_manifest(other)


def test_a_newer_format_and_a_missing_file(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data.replace(b'"format": 2', b'"format": 3'))
    with pytest.raises(UserError, match="has format 3"):
        archive.read_manifest(file)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        archive.read_manifest(file.with_name("none"))


def test_an_older_one_without_labels_is_read(file: Path) -> None:
    data = file.read_bytes()
    told = {"kind": "dsk image", "format": 1, **asdict(archive.read_manifest(file))}
    del told["labels"]
    page = data[:8] + json.dumps(told).encode().ljust(PAGE - 8)
    file.write_bytes(page + data[PAGE:])
    assert archive.read_manifest(file).labels == {}
    assert read(file) == b"".join(TAR)


@pytest.mark.parametrize(
    ("reference", "tag"),
    [
        ("dsk:cu128", True),
        ("docker.io/library/dsk:cu128", True),
        ("plain", True),
        ("registry.example:5000/dsk:1", True),
        ("dsk@sha256:" + "0" * 64, False),
        ("sha256:" + "0" * 64, False),
        ("6ea8d9ea420f", False),
    ],
)
def test_only_a_tag_can_be_saved(reference: str, tag: bool) -> None:
    tags = ["dsk:cu128", "plain:latest", "registry.example:5000/dsk:1"]
    assert is_tag(reference, tags) == tag


def test_an_archive_says_what_driver_its_image_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {
        "Id": "sha256:1",
        "RepoTags": ["dsk:cu128"],
        "RootFS": {"Layers": ["a"]},
        "Config": {"Env": [], "Labels": {**LABELS, "org.opencontainers.image.title": "dsk"}},
        "Created": "2026-01-01T00:00:00Z",
        "Size": 5,
        "Architecture": "amd64",
    }
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(told)}\nE\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert described(LocalServer("this machine"), "dsk:cu128").labels == LABELS


# ---- the engine that is to take it -----------------------------------------------------------

WHOLE = Manifest("dsk:cu128", "content", "amd64", 8_000_000_000, 8_000_000_000, 4_000_000_000)
OTHER = Image("sha256:1", "other", 1)


def engine(
    free: int | None, has: Image | None = None, driver: str = "", platform: str = "linux/amd64"
) -> ServerFacts:
    disk = None if free is None else Disk("/var/lib/docker", 10**12, free)
    return ServerFacts(engine=Engine("27.0", platform), engine_disk=disk, image=has, driver=driver)


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (engine(16_000_000_000), None),
        (engine(None), None),
        (engine(15_000_000_000), "needs about 16.0 GB"),
        (engine(9_000_000_000, OTHER), None),
        (engine(7_000_000_000, OTHER), "needs about 8.0 GB"),
        (engine(0, Image("sha256:2", "content", 1)), None),
        (engine(16_000_000_000, platform="linux/arm64"), "is for linux/amd64"),
    ],
)
def test_what_an_engine_cannot_take(there: ServerFacts, said: str | None) -> None:
    error = unfit(there, WHOLE, "node1", CUDA)
    assert (error is None) == (said is None)
    if error:
        assert said and said in error.message


@pytest.mark.parametrize(
    ("kind", "there", "has", "said"),
    [
        ("cuda", "470.82.01", None, "driver 470.82.01 is too old"),
        ("cuda", "535.104.05", None, None),
        ("cuda", "", None, None),
        ("cpu", "470.82.01", None, None),
        ("rocm", "6.8.5", None, "stack is for cuda"),
        ("cuda", "470.82.01", Image("sha256:2", "content", 1), None),
    ],
)
def test_a_driver_that_is_too_old_is_said_before(
    kind: str, there: str, has: Image | None, said: str | None
) -> None:
    manifest = replace(WHOLE, labels=LABELS)
    server = engine(None, has, there)
    error = unfit(server, manifest, "node1", accelerator(kind))
    assert (error is None) == (said is None)
    if error:
        assert said and said in error.message and error.where == "node1"
    assert unfit(server, replace(manifest, labels={}), "node1", CUDA) is None
