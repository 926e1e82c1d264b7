"""On a GPU, every DeepSpeed preset computes what plain data parallel computes.

The cases are those of tests/image/test_same_result.py; two ranks share the GPU where there is one
only. A table of the differences: bench/same_result.py --gpu.
"""

from __future__ import annotations

import pytest

from tests.training.equivalence import KINDS, cases, problems, train
from tests.training.runs import Site

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("kind", KINDS)
def test_every_preset_precision_and_split_trains_the_same(site: Site, kind: str) -> None:
    chosen = cases(kinds=[kind])
    assert problems(train(site, chosen, f"same-{kind}", jobs=4)) == {}
