"""What `dsk tune` shows of a search."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk.cli import language, tuned
from dsk.cli.printing import in_words
from dsk.tune.outcome import Outcome
from dsk.tune.points import Result, Setting, Variant

GIB = 1 << 30
Z2 = Variant("z2", checkpointing=True)
OWN = Result(
    Setting(Z2, 1, 2), "measured", 5.0, 500.0, 0.01, 10 * GIB, limit=80 * GIB, memory="cuda",
    seconds=7.0, samples=1000,
)  # fmt: skip
BEST = replace(
    OWN, setting=Setting(replace(Z2, workers=4), 2, 1), samples_per_s=20.0, tokens_per_s=2000.0
)
OUT = Result(Setting(replace(Z2, checkpointing=False), 2, 1), "memory", memory="cuda", seconds=9.0)
FULL = replace(BEST, setting=Setting(Z2, 2, 1), samples_per_s=30.0, peak=79 * GIB)
FOUND = Outcome(OWN, BEST, (OWN, OUT, FULL, BEST), {"num_train_epochs": 3.0}, 4, 1000, True, 90.0)


def test_the_table() -> None:
    lines = tuned.table(FOUND)
    assert [line.split()[:4] for line in lines[1:]] == [
        ["2", "x", "1", "z2"],
        ["2", "x", "1", "z2"],
        ["1", "x", "2", "z2"],
        ["2", "x", "1", "z2"],
    ]
    assert lines[1].endswith("too full")
    assert lines[2].endswith("the best")
    assert "dataloader_num_workers=4" in lines[2]
    assert "10.0 / 80.0 GiB" in lines[3]
    assert lines[3].endswith("as in the file")
    assert lines[4].endswith("out of memory (GPU)")


def test_columns_are_aligned_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.cells import cell_len

    monkeypatch.setattr(language, "_CHOSEN", ["zh"])
    head, first, *_ = tuned.table(FOUND)
    before = cell_len(head[: head.index("预设")])
    assert first[before:].startswith("z2")


def test_the_summary() -> None:
    lines = [in_words(text) for text in tuned.summary(FOUND)]
    assert lines == [
        "fastest: per_device_train_batch_size=2 gradient_accumulation_steps=1 "
        "dataloader_num_workers=4",
        "the optimisation stays the same: 8 samples per optimizer step, as before; results differ "
        "by rounding alone (docs/same-result.md)",
        "4 times as fast as the file's own: 20 instead of 5 samples/s",
        "the complete training takes about 2.5 min instead of 10.0 min, without evaluation and "
        "checkpoints",
        "the search took 1.5 min, 4 settings",
    ]


def test_the_files_own_settings_are_the_fastest() -> None:
    found = replace(FOUND, best=OWN, results=(OWN,))
    lines = [in_words(text) for text in tuned.summary(found)]
    assert lines[0] == "fastest: the file's own settings"
    assert "times as fast" not in " ".join(lines)


def test_own_settings_that_do_not_fit_have_no_speed_up() -> None:
    own = Result(OWN.setting, "memory", memory="cuda")
    found = replace(FOUND, own=own)
    assert found.speed_up is None
    lines = [in_words(text) for text in tuned.summary(found)]
    assert "the complete training takes about 2.5 min, without evaluation and checkpoints" in lines


def test_as_json() -> None:
    raw = FOUND.to_raw("en")
    assert raw["changes"] == {
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 1,
        "dataloader_num_workers": 4,
    }
    assert raw["full_run_s"] == {"own": 600.0, "best": 150.0}
    assert raw["same_optimisation"] is True
    assert len(raw["points"]) == 4
