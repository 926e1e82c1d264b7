"""The checkpoints of a node: which there are, and whether their files are complete."""

from __future__ import annotations

import base64
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dsk.agent.checkpoints import KEPT, read_file, saved, write_file


def tensors(path: Path) -> None:
    """As safetensors writes them: the header's length, the header, the data."""
    header = {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "__metadata__": {}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(16))


def archive(path: Path) -> None:
    """As torch.save writes it."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"x" * 3000)
        file.writestr("archive/data/0", bytes(70_000))


def state(path: Path) -> None:
    path.write_text(json.dumps({"global_step": 8, "log_history": []}))


def sound(tmp_path: Path, name: str) -> bool:
    (step,) = saved(str(tmp_path))
    return {file.name: file.sound for file in step.files}[name]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("model.safetensors", tensors),
        ("optimizer.pt", archive),
        ("global_step8/zero_pp_rank_0_mp_rank_00_optim_states.pt", archive),
        ("rng_state_1.pth", archive),
        ("trainer_state.json", state),
        ("latest", lambda path: path.write_text("global_step8")),
    ],
)
def test_a_file_that_was_cut_off(
    tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    path = tmp_path / "checkpoint-8" / name
    path.parent.mkdir(parents=True)
    write(path)
    assert sound(tmp_path, name)
    whole = path.stat().st_size
    for size in (whole - 1, whole // 2, 4, 0):
        if name != "latest" or size == 0:
            os.truncate(path, size)
            assert not sound(tmp_path, name), size
    if name.endswith("safetensors"):
        write(path)
        with path.open("ab") as file:
            file.write(b"x")
        assert not sound(tmp_path, name)


def test_without_opening_them_all_files_count_as_sound(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-8"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"x")
    state(folder / "trainer_state.json")
    (deep,), (shallow,) = saved(str(tmp_path)), saved(str(tmp_path), deep=False)
    assert [file.sound for file in deep.files] == [False, True]
    assert [file.sound for file in shallow.files] == [True, True]
    assert deep.mark == shallow.mark


def test_a_state_of_another_step(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-9").mkdir()
    state(tmp_path / "checkpoint-9/trainer_state.json")
    assert not sound(tmp_path, "trainer_state.json")


def test_an_index_whose_file_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-8"
    folder.mkdir()
    weights = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(weights))
    tensors(folder / "model-1.safetensors")
    assert not sound(tmp_path, "model.safetensors.index.json")
    tensors(folder / "model-2.safetensors")
    assert sound(tmp_path, "model.safetensors.index.json")


def test_an_older_format_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-8").mkdir()
    (tmp_path / "checkpoint-8/optimizer.pt").write_bytes(b"\x80\x02pickle")
    assert sound(tmp_path, "optimizer.pt")


def test_only_folders_with_a_step_count(tmp_path: Path) -> None:
    for name in ("checkpoint-10", "checkpoint-9", "checkpoint-x", "old-checkpoint-50"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-99").write_text("a file")
    state(tmp_path / "checkpoint-9/trainer_state.json")
    (tmp_path / "checkpoint-9/global_step9").mkdir()
    assert [step.step for step in saved(str(tmp_path))] == [9, 10]
    nine, ten = saved(str(tmp_path))
    assert [file.name for file in nine.files] == ["global_step9/", "trainer_state.json"]
    assert (nine.mark is None, ten.mark) == (False, None)
    assert saved(str(tmp_path / "absent")) == ()


def test_of_many_checkpoints_the_newest_are_looked_at(tmp_path: Path) -> None:
    for step in range(KEPT + 5):
        (tmp_path / f"checkpoint-{step}").mkdir()
    assert [step.step for step in saved(str(tmp_path))] == list(range(5, KEPT + 5))


def test_a_small_file_is_written_and_its_folder_keeps_its_age(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-8"
    folder.mkdir()
    os.utime(folder, (1000, 1000))
    data = bytes(range(256))
    write_file(str(folder / "scheduler.pt"), base64.b64encode(data).decode())
    assert (folder / "scheduler.pt").read_bytes() == data
    assert base64.b64decode(read_file(str(folder / "scheduler.pt"))) == data
    assert folder.stat().st_mtime == 1000
    assert [path.name for path in folder.iterdir()] == ["scheduler.pt"]
