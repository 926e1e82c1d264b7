"""Bars for a terminal."""

from __future__ import annotations

from dsk.tune.plot import bars
from dsk.tune.points import Result, Setting, Variant

Z2, Z3 = (Variant(name, checkpointing=True) for name in ("z2", "z3"))
RESULTS = [
    Result(Setting(Z2, 16, 1), "measured", samples_per_s=20.0),
    Result(Setting(Z2, 1, 1), "measured", samples_per_s=5.0),
    Result(Setting(Z2, 32, 1), "memory"),
    Result(Setting(Z3, 4, 1), "measured", samples_per_s=90.0),
    Result(Setting(Z2, 8, 1), "failed"),
]


def test_one_variant_by_batch() -> None:
    lines = bars(RESULTS, Z2, 30, blocks=False, no_memory="out of memory")
    assert lines == [" 1 | ###### 5", "16 | ###################### 20", "32 | out of memory"]


def test_eighths_of_a_cell() -> None:
    lines = bars(RESULTS, Z2, 30, blocks=True, no_memory="out of memory")
    assert lines[0] == " 1 | █████▌ 5"


def test_nothing_measured() -> None:
    assert bars([], Z2, 30, blocks=False, no_memory="") == []
