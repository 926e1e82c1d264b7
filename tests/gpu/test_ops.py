"""What is compiled at run time on a GPU: Triton's kernels, with the small C compiler; no op."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.runs import C_COMPILER, Site, answer, files

INSIDE = Path(__file__).parent / "inside"
OPS = Path(__file__).parents[1] / "image/inside/ops.py"


def test_torch_sees_the_card(site: Site, figures: list[str]) -> None:
    said = answer(site.script(INSIDE / "versions.py", name="versions", tools=["nvidia-smi"]))
    figures.extend(f"{name}: {value}" for name, value in said.items())


def test_deepspeed_loads_the_prebuilt_cpu_adam(site: Site) -> None:
    """With a GPU DeepSpeed also compares the CUDA version that it was built with."""
    said = answer(site.script(OPS, name="ops"))
    assert said["loaded"].keys() == {"cpu_adam"}
    assert said["loaded"]["cpu_adam"].endswith(".so")
    assert said["step"] == pytest.approx([0.9] * 64, abs=1e-6)


def test_a_triton_kernel_compiles_with_the_c_compiler_alone(site: Site, figures: list[str]) -> None:
    said = answer(site.script(INSIDE / "triton_kernel.py", name="triton", tools=C_COMPILER))
    assert "add.cubin" in {path.name for path in files(site.folder / "triton/triton")}
    figures.append(f"Triton kernel with gcc, as and ld on PATH: {said['seconds']:.1f} s")


def test_no_triton_kernel_without_a_c_compiler(site: Site) -> None:
    """Why the image has gcc; and that a program of these tests does not find the machine's."""
    ended = site.script(INSIDE / "triton_kernel.py", name="no-compiler")
    assert ended.status != 0
    assert "Failed to find C compiler" in ended.output
