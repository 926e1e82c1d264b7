"""DeepSpeed's file `latest` on nodes with disks of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.rank.latest import complete


def test_a_nodes_part_gets_what_only_rank_0_writes(tmp_path: Path) -> None:
    (tmp_path / "global_step4").mkdir()
    complete(tmp_path)
    assert (tmp_path / "latest").read_text() == "global_step4"


def test_what_deepspeed_wrote_stays(tmp_path: Path) -> None:
    (tmp_path / "global_step4").mkdir()
    (tmp_path / "latest").write_text("global_step2")
    complete(tmp_path)
    assert (tmp_path / "latest").read_text() == "global_step2"


@pytest.mark.parametrize("folders", [[], ["global_step2", "global_step4"]])
def test_without_one_step_of_deepspeed_nothing_is_written(
    tmp_path: Path, folders: list[str]
) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    complete(tmp_path)
    assert not (tmp_path / "latest").exists()
