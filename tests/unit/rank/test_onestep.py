"""The end of a trial's rank, which its supervisor must not take for an early one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dsk.rank.reporter import Reporter
from dsk.wire.progress import Progress


def test_a_rank_that_ends_after_its_training_says_so_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace(TrainerCallback=object))
    monkeypatch.delitem(sys.modules, "dsk.rank.onestep", raising=False)
    onestep = importlib.import_module("dsk.rank.onestep")
    monkeypatch.delitem(sys.modules, "dsk.rank.onestep")
    reporter = Reporter(tmp_path / "0")
    reporter.enter("saving")
    with pytest.raises(SystemExit) as ended:
        onestep.EndAfterTraining(reporter).on_train_end()
    assert ended.value.code == 0
    assert Progress.from_json((tmp_path / "0").read_text()).phase == "ending"
