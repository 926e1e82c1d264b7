"""When a rank's environment and the stack's files allow a fork."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from dsk.warm.stack import Decisive, Files, modules

STACK = Path(__file__).parents[3] / "stacks/cu128"
DECISIVE = Decisive(frozenset({"HF_HOME", "PATH"}), ("OMP_", "TQDM_"))


def test_only_what_decides_is_compared() -> None:
    ours = {"PATH": "/bin", "OMP_NUM_THREADS": "2", "RANK": "0"}
    assert DECISIVE.differing(ours, {**ours, "RANK": "1", "DSK_JOB": "j"}) == []
    theirs = {"PATH": "/bin", "HF_HOME": "/x", "TQDM_DISABLE": "1"}
    assert DECISIVE.differing(ours, theirs) == ["HF_HOME", "OMP_NUM_THREADS", "TQDM_DISABLE"]
    assert DECISIVE.differing(ours, {**ours, "HF_HOME": ""}) == ["HF_HOME"], "empty is not unset"


def test_the_lists_of_the_stack() -> None:
    decisive = Decisive.read(STACK / "warm-variables.txt")
    names = {"HF_HOME", "OMP_NUM_THREADS", "DS_ACCELERATOR", "TMPDIR", "HOME", "TORCH_LOGS"}
    assert names <= {*decisive.of(dict.fromkeys({*names, "RANK"}, "x"))}
    own_to_each_rank = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_PORT", "DSK_JOB")
    assert decisive.of(dict.fromkeys(own_to_each_rank, "x")) == {}
    assert decisive.of({"PYTHONHASHSEED": "0", "MKL_ANYTHING": "1"}).keys() == {
        "PYTHONHASHSEED",
        "MKL_ANYTHING",
    }
    listed = modules(STACK / "warm-modules.txt")
    assert "transformers.models.auto" in listed and not any(line.startswith("#") for line in listed)
    assert len(listed) == len(set(listed))


def test_a_file_that_changes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "one.py"
    file.write_text("a = 1\n")
    module = types.ModuleType("one_of_a_test")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "one_of_a_test", module)
    files = Files()
    assert files.changed() is None
    file.write_text("a = 10\n")
    assert files.changed() == str(file)
    file.unlink()
    assert files.changed() == str(file)
