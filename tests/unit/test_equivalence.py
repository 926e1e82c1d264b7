"""That the comparison of presets notices a wrong one, on what a wrong stack really trained."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tests.training.equivalence import STEPS, Case, Curve, difference, problems
from tests.training.inside import forked

ROOT = Path(__file__).parents[2]
GOOD = Curve([1.0] * STEPS, [1.0] * STEPS)


def recorded() -> dict[Case, Curve]:
    """From `bench/same_result.py --precision bf16` on the image with DeepSpeed 0.18.4."""
    rows = json.loads((ROOT / "tests/training/recorded/deepspeed-0.18.4.json").read_text())
    names = [field.name for field in fields(Case)]
    return {
        Case(**{name: row.pop(name) for name in names}): Curve(**row) for row in map(dict, rows)
    }


def test_deepspeed_0_18_4_is_found_wrong_where_it_was() -> None:
    """z0 in bf16; z2_offload with an accumulation of 4; z3 on two CPU ranks did not start."""
    found = problems(recorded())
    assert {(case.preset, case.accumulation) for case in found if case.ranks == 1} == {
        *(("z0", accumulation) for accumulation in (1, 2, 4)),
        ("z2_offload", 4),
    }
    assert {case.preset for case in found if case.ranks == 2} == {"z0", "z3", "z3_offload"}
    failed = [why for case, why in found.items() if case.preset.startswith("z3")]
    assert all("train_batch_size is not equal" in why for why in failed)


def test_a_curve_is_compared_step_by_step() -> None:
    reference = Curve([4.0, 2.0], [1.0, 1.0])
    found = difference(Curve([4.0, 2.5], [1.0, 0.5]), reference)
    assert (found.loss, found.grad_norm) == (0.25, 0.5)
    assert not found.within("bf16")


def test_losses_of_four_decimals_are_compared_by_their_last_one() -> None:
    reference = Curve([5.4046, 4.9459], [1.0, 1.0])
    assert difference(Curve([5.4045, 4.9459], [1.0, 1.0]), reference).within("fp32")
    assert not difference(Curve([5.4044, 4.9459], [1.0, 1.0]), reference).within("fp32")
    assert not difference(Curve([5.40451, 4.9459], [1.0, 1.0]), reference).within("fp32")


@pytest.mark.parametrize(("preset", "precision"), [("z0", "fp32"), ("z0", "bf16"), ("z2", "fp32")])
def test_a_norm_is_missing_where_deepspeed_reports_none(preset: str, precision: str) -> None:
    case = Case(preset, "full", precision, 1, 4, 1)
    curves = {case.reference: GOOD, case: replace(GOOD, grad_norm=[None] * STEPS)}
    assert (case in problems(curves)) == ((preset, precision) != ("z0", "fp32"))


@pytest.mark.parametrize(
    "bad",
    [
        Curve([1.0] * (STEPS - 1), [1.0] * (STEPS - 1)),
        Curve([math.nan] * STEPS, [1.0] * STEPS),
        Curve([1.0] * STEPS, [math.nan] * STEPS),
        Curve([1.0] * (STEPS - 1) + [1.01], [1.0] * STEPS),
        Curve([], [], "killed"),
    ],
)
def test_what_is_no_match(bad: Curve) -> None:
    case = Case("z2", "full", "bf16", 1, 4, 1)
    assert problems({case.reference: GOOD, case: GOOD}) == {}
    assert problems({case.reference: GOOD, case: bad}).keys() == {case}
    assert case in problems({case.reference: bad, case: GOOD})


def test_ranks_that_share_a_gpu_are_on_hosts_of_their_own_for_nccl() -> None:
    """It ends with "Duplicate GPU detected" where two ranks of one host name the same device."""
    ranks = forked.places(2, gpus=1)
    assert [rank["LOCAL_RANK"] for rank in ranks] == ["0", "0"]
    assert len({rank["NCCL_HOSTID"] for rank in ranks}) == 2


@pytest.mark.parametrize("gpus", [None, 2, 3])
def test_ranks_have_a_device_each_where_there_are_enough(gpus: int | None) -> None:
    ranks = forked.places(2, gpus)
    assert [rank["LOCAL_RANK"] for rank in ranks] == ["0", "1"]
    assert all("NCCL_HOSTID" not in rank for rank in ranks)
