"""LLaMA-Factory's DeepSpeed presets train where there is no compiler and no network."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from tests.image.engine import Image

pytestmark = pytest.mark.timeout(600)
LIMIT_S = 580
CPU_ADAM = re.compile("Adam Optimizer #0 is created with AVX2 arithmetic capability")
"""What the op itself prints when an optimizer is made with it."""


def run(image: Image, preset: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    answer: dict[str, Any] = image.script(
        "preset.py",
        {"preset": preset, "without": without},
        options=["--network=none"],
        limit_s=LIMIT_S,
    )
    return answer


@pytest.mark.parametrize(
    "preset",
    [
        "z2",
        "z3_offload",
        *(pytest.param(name, marks=pytest.mark.full) for name in ("z0", "z2_offload", "z3")),
    ],
)
def test_a_preset_steps_and_nothing_is_compiled(image: Image, preset: str) -> None:
    done = run(image, preset)
    assert done["exit"] == 0, done["output"]
    assert len(done["losses"]) == 2
    assert all(math.isfinite(float(loss)) for loss in done["losses"])
    assert done["extensions"] == []
    assert bool(CPU_ADAM.search(done["output"])) == preset.endswith("offload")


@pytest.mark.full
@pytest.mark.parametrize(
    ("op", "preset"), [("adam/cpu_adam_op", "z2_offload"), ("comm/deepspeed_shm_comm_op", "z2")]
)
def test_without_its_prebuilt_op_the_same_job_fails(image: Image, op: str, preset: str) -> None:
    """So the jobs above do use what the image holds."""
    file = f"opt/venv/lib/python3*/site-packages/deepspeed/ops/{op}.*.so"
    done = run(image, preset, (file,))
    assert done["exit"] != 0
    assert done["losses"] == []
    module = f"deepspeed.ops.{op.replace('/', '.')}"
    assert f"ModuleNotFoundError: No module named '{module}'" in done["output"]
