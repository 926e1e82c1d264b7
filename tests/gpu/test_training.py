"""LLaMA-Factory's presets, QLoRA, Liger and TensorBoard on one GPU, by steps of a tiny model.

No compiler is on PATH but where it says so, and DeepSpeed compiles nothing.
"""

from __future__ import annotations

import pytest

from tests.training import tensorboard
from tests.training.runs import C_COMPILER, QLORA, STEPS, Run, Site

CPU_ADAM = "Adam Optimizer #0 is created with AVX2 arithmetic capability"


def trained_on_the_gpu(site: Site, name: str, run: Run, figures: list[str]) -> None:
    losses = run.losses
    assert len(losses) == STEPS
    assert losses[-1] < losses[0]
    assert "device: cuda:0" in run.ended.output
    assert run.compiled_ops == []
    written = tensorboard.read(site, run)
    assert written.losses == pytest.approx(losses, abs=1e-3)
    figures.append(
        f"{name:<10} {written.seconds_a_step:5.3f} s a step, {run.ended.seconds:4.1f} s in all,"
        f" loss {losses[0]:.3f} to {losses[-1]:.3f}"
    )


@pytest.mark.parametrize("preset", ["z0", "z2", "z2_offload", "z3", "z3_offload"])
def test_preset(site: Site, figures: list[str], preset: str) -> None:
    run = site.train(preset, preset)
    trained_on_the_gpu(site, preset, run, figures)
    assert (CPU_ADAM in run.ended.output) == preset.endswith("_offload")
    assert run.triton_kernels == set()


def test_liger(site: Site, figures: list[str]) -> None:
    run = site.train("liger", "z2", tools=C_COMPILER, enable_liger_kernel=True)
    trained_on_the_gpu(site, "liger, z2", run, figures)
    assert {"_rms_norm_forward_kernel", "_swiglu_forward_kernel"} <= run.triton_kernels


def test_qlora(site: Site, figures: list[str]) -> None:
    run = site.train("qlora", "z2", **QLORA)
    trained_on_the_gpu(site, "QLoRA, z2", run, figures)
    assert "Quantizing model to 4 bit with bitsandbytes" in run.ended.output
    assert (run.output_dir / "adapter_model.safetensors").is_file()
