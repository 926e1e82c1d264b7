"""Ranks' lines to a point's result, and a setting to keys and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk.tune import overrides
from dsk.tune.points import OWN, Result, Setting, Variant
from dsk.tune.reading import result
from dsk.wire.tuning import Memory, Tuned

SETTING = Setting(Variant("z2", checkpointing=True), 4, 8)
HOST = Memory("host", 10, 100)
RANK = Tuned(
    0, 5, batch_s=0.5, step_s=1.0, noise=0.01, samples=90, tokens=100.0,
    memory=(Memory("cuda", 60, 80, 70), HOST),
)  # fmt: skip


def of(*tuned: Tuned, killed: bool = False, cause: str = "") -> Result:
    return result(SETTING, 2, tuned, killed=killed, cause=cause, seconds=7.0)


def test_the_slowest_rank_and_the_fullest_memory_count() -> None:
    slow = replace(RANK, rank=1, batch_s=0.75, memory=(Memory("cuda", 70, 80, 71), HOST))
    found = of(RANK, slow)
    assert found.outcome == "measured"
    assert found.samples_per_s == pytest.approx(2 * 4 * 8 / (8 * 0.75 + 1.0))
    assert found.tokens_per_s == pytest.approx(found.samples_per_s * 100)
    assert (found.peak, found.limit, found.memory, found.samples) == (70, 80, "cuda", 90)


def test_packed_rows_are_counted_as_samples() -> None:
    packed = replace(RANK, per_row=5.0)
    assert of(packed, packed).samples_per_s == pytest.approx(5 * of(RANK, RANK).samples_per_s)


def test_out_of_memory_is_named() -> None:
    out = replace(RANK, steps=0, ran_out="cuda", why="CUDA out of memory. Tried")
    found = of(out, cause="rank 0 exited with 1")
    assert (found.outcome, found.memory, found.why) == ("memory", "cuda", out.why)
    killed = of(killed=True, cause="rank 0 was killed by the kernel")
    assert (killed.outcome, killed.memory) == ("memory", "kernel")


def test_a_failure_is_none_of_memory() -> None:
    assert of(RANK, cause="rank 1 exited with 1").outcome == "failed"
    assert of(RANK).why == "1 of 2 ranks reported a result"


def test_lines() -> None:
    assert Tuned.from_line(RANK.to_line()) == RANK
    assert Tuned.from_line("loss 3") is None
    assert Tuned.from_line("dsk-tune: {}") is None


def test_only_what_differs_is_overridden() -> None:
    new = Setting(
        Variant("none", checkpointing=False, liger=True, attention="fa2", workers=4), 16, 2
    )
    assert overrides.words(overrides.changes(new, SETTING)) == (
        "per_device_train_batch_size=16",
        "gradient_accumulation_steps=2",
        "deepspeed=null",
        "disable_gradient_checkpointing=true",
        "enable_liger_kernel=true",
        "flash_attn=fa2",
        "dataloader_num_workers=4",
    )
    assert overrides.changes(SETTING, SETTING) == {}


def test_the_users_own_setting() -> None:
    known = ("ds_z3_config.json",)
    path = "/opt/llamafactory/examples/deepspeed/ds_z3_config.json"
    found = overrides.own_setting({"deepspeed": path, "stage": "pt"}, known)
    assert found == Setting(Variant("z3", checkpointing=True, packing=True), 8, 1)
    assert overrides.own_setting({"deepspeed": {"a": 1}}, known).variant.preset == OWN
    assert overrides.own_setting({"deepspeed": "/workspace/a.json"}, known).variant.preset == OWN
    assert overrides.own_setting({}, known).variant.preset == "none"


def test_results_survive_json() -> None:
    found = of(RANK, RANK)
    assert Result.from_raw(found.to_raw()) == found
