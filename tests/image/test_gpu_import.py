"""What of a GPU node can be tried without a GPU. With one: tests/gpu."""

from __future__ import annotations

from typing import Any

import pytest

from tests.image.engine import Image


def test_deepspeed_imports_where_a_gpu_and_no_cuda_toolkit_is(
    image: Image, stack: dict[str, Any]
) -> None:
    if stack["torch"].startswith("2.6."):
        pytest.skip("its Triton wants the driver's own libcuda at once: only a GPU node tells")
    answer = image.script(
        "gpu_without_toolkit.py", options=["--network=none"], env={"DS_ACCELERATOR": "cuda"}
    )
    assert answer == {"cpu_adam": True, "fp_quantizer": False}
