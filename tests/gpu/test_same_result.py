"""On a GPU, every DeepSpeed preset computes what plain data parallel computes.

The cases are those of tests/image/test_same_result.py; with two ranks where there are two GPUs. A
table of the differences: bench/same_result.py --gpu.
"""

from __future__ import annotations

import pytest

from tests.training.equivalence import KINDS, SPLITS, cases, problems, train
from tests.training.places import gpu_count
from tests.training.runs import Site

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("kind", KINDS)
def test_every_preset_precision_and_split_trains_the_same(site: Site, kind: str) -> None:
    chosen = cases(kinds=[kind], splits=[split for split in SPLITS if split[2] <= gpu_count()])
    assert problems(train(site, chosen, f"same-{kind}", jobs=4)) == {}
