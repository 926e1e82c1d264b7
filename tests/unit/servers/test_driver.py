"""What a server's driver calls itself, and whether it serves an image."""

from __future__ import annotations

import pytest

from dsk.accelerators import accelerator
from dsk.errors import UserError
from dsk.servers import driver

CUDA = accelerator("cuda")
LABELS = {"dsk.accelerator": "cuda", "dsk.cuda": "12.8", "dsk.min-driver": "525.60.13"}


@pytest.mark.parametrize(
    ("kind", "text", "version"),
    [
        (
            "cuda",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC",
            "535.104.05",
        ),
        (
            "cuda",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build",
            "560.35.03",
        ),
        ("cuda", "cat: /proc/driver/nvidia/version: No such file or directory", ""),
        ("rocm", "6.8.5", "6.8.5"),
        ("npu", "Version=24.1.rc2\nascendhal_version=7.35.19", "24.1"),
        ("cpu", "", ""),
    ],
)
def test_version(kind: str, text: str, version: str) -> None:
    assert driver.version(accelerator(kind), text) == version


@pytest.mark.parametrize("there", ["525.60.13", "525.125.06", "560.35.03", "1000.1", ""])
def test_new_enough_or_none(there: str) -> None:
    assert driver.problem(CUDA, LABELS, there, "node1") is None


@pytest.mark.parametrize("there", ["525.60.11", "470.256.02", "99.1"])
def test_too_old_says_both_versions(there: str) -> None:
    found = driver.problem(CUDA, LABELS, there, "node1")
    assert found is not None and found.where == "node1"
    assert there in found.message and "525.60.13" in found.message and "CUDA 12.8" in found.message


def test_an_image_that_asks_for_no_driver() -> None:
    assert driver.problem(CUDA, {}, "390.1", "node1") is None


def test_an_image_for_another_accelerator() -> None:
    found = driver.problem(accelerator("rocm"), LABELS, "6.8.5", "node1")
    assert isinstance(found, UserError) and found.where == "node1"
    assert "accelerator: rocm, but the image's stack is for cuda" in found.message
