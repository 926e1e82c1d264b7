"""The checkpoints of a node, chosen as transformers chooses them."""

from __future__ import annotations

from pathlib import Path

from dsk.agent.checkpoints import saved


def test_only_folders_with_a_step_count(tmp_path: Path) -> None:
    for name in ("checkpoint-10", "checkpoint-9", "checkpoint-x", "old-checkpoint-50"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-99").write_text("a file")
    (tmp_path / "checkpoint-9/trainer_state.json").write_text("{}")
    assert saved(str(tmp_path)) == [(9, True), (10, False)]
    assert saved(str(tmp_path / "absent")) == []
