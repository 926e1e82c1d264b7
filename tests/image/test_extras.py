"""What people use beside the presets, by real steps on CPU: bitsandbytes (QLoRA) and TensorBoard.

No network, no compiler on PATH. The same on a GPU, and Liger's kernels: tests/gpu.
"""

from __future__ import annotations

import pytest

from tests.image.engine import Image
from tests.training import tensorboard
from tests.training.places import InContainer
from tests.training.runs import QLORA, STEPS, Site

pytestmark = [
    pytest.mark.timeout(1500),
    pytest.mark.needs("bitsandbytes", "liger-kernel", "tensorboard"),
]


@pytest.fixture(scope="module")
def site(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(InContainer(image.reference, gpus=False), "cpu", tmp_path_factory.mktemp("extras"))
    made.make_model()
    return made


def test_qlora_steps_and_tensorboard_reads_its_losses(site: Site) -> None:
    run = site.train("qlora", "z2", **QLORA)
    assert len(run.losses) == STEPS
    assert run.losses[-1] < run.losses[0]
    assert "Quantizing model to 4 bit with bitsandbytes" in run.ended.output
    assert (run.output_dir / "adapter_model.safetensors").is_file()
    assert tensorboard.read(site, run).losses == pytest.approx(run.losses, abs=1e-3)
    assert run.compiled_ops == []


@pytest.mark.full
def test_liger_needs_a_gpu(site: Site) -> None:
    """Its kernels are Triton's: without a GPU the first step ends the run (docs/gpu.md)."""
    run = site.train("liger", "z2", enable_liger_kernel=True)
    assert run.ended.status == 1
    assert "Liger kernel has been applied to the model" in run.ended.output
    assert "RuntimeError: 0 active drivers ([])" in run.ended.output
