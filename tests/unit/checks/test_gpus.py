"""GPUs judged from what real tools printed (recorded/README.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk.checks import driver, gpuhealth, gpus, gpuuse, toolkit
from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.cluster.model import Cluster
from dsk.survey import nvidia
from dsk.survey.values import Container, Gpu, GpuProcess, Image
from tests.unit.checks.conftest import recorded, with_server

MIB = 1 << 20


def seen(facts: Facts, *found: Gpu, log: str = "") -> Facts:
    return with_server(facts, 1, gpus=found, gpu_devices=len(found), xids=nvidia.xids(log))


def of_node(found: list[Finding], node: int = 1) -> list[tuple[str, str]]:
    return [(each.state, each.text.in_language("en")) for each in found if each.node == node]


def test_what_nvidia_smi_says_is_read() -> None:
    (gpu,) = nvidia.gpus(recorded("a5000.xml"))
    assert (gpu.name, gpu.bus) == ("NVIDIA RTX A5000", "00000000:81:00.0")
    assert (gpu.memory, gpu.used) == (24564 * MIB, 22437 * MIB)
    assert (gpu.temperature, gpu.clock, gpu.max_clock) == (13, 210, 2100)
    assert gpu.ecc_errors is None and not gpu.pending and gpu.slowdowns == ()
    program = "/root/src/llama.cpp/build/bin/llama-server"
    assert gpu.processes == (GpuProcess(100477, program, 17246 * MIB),)
    (other,) = nvidia.gpus(recorded("a100.xml"))
    assert other.ecc_errors == 0 and other.processes == ()


def test_no_xml_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="no XML"):
        nvidia.gpus("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")


@pytest.mark.parametrize("name", ["a100.xml", "a5000.xml", "t4.xml"])
def test_a_healthy_gpu(facts: Facts, name: str) -> None:
    found = list(gpuhealth.judge(seen(facts, *nvidia.gpus(recorded(name)))))
    assert of_node(found) == [("ok", "no errors, full clocks")]


@pytest.mark.parametrize(
    ("name", "change", "state", "says"),
    [
        (
            "a100.xml",
            ("<dram_uncorrectable>0<", "<dram_uncorrectable>3<"),
            "warning",
            "3 uncorrected memory errors",
        ),
        (
            "a5000.xml",
            ("<sram_uncorrectable_parity>N/A<", "<sram_uncorrectable_parity>2<"),
            "warning",
            "2 uncorrected memory errors",
        ),
        (
            "a5000.xml",
            ("<remapped_row_pending>No<", "<remapped_row_pending>Yes<"),
            "failed",
            "waits for a reset",
        ),
        (
            "t4.xml",
            ("<pending_retirement>No<", "<pending_retirement>Yes<"),
            "failed",
            "waits for a reset",
        ),
        (
            "a100.xml",
            (
                "reason_hw_thermal_slowdown>Not Active",
                "reason_hw_thermal_slowdown>Active",
            ),
            "warning",
            "hw_thermal_slowdown; 27 °C",
        ),
        (
            "t4.xml",
            ("reason_hw_slowdown>Not Active", "reason_hw_slowdown>Active"),
            "warning",
            "hw_slowdown; 40 °C",
        ),
    ],
)
def test_a_gpu_that_is_not_well(
    facts: Facts, name: str, change: tuple[str, str], state: str, says: str
) -> None:
    found = list(gpuhealth.judge(seen(facts, *nvidia.gpus(recorded(name, change)))))
    ((told, text),) = of_node(found)
    assert told == state and says in text


def test_the_kernels_log(facts: Facts) -> None:
    """A program's own errors (13, 45) are not the GPU's."""
    (gpu,) = nvidia.gpus(recorded("a100.xml"))
    found = of_node(list(gpuhealth.judge(seen(facts, gpu, log=recorded("xid.log")))))
    assert [(state, text.split(": ")[0].split("shows ")[1]) for state, text in found] == [
        ("warning", "Xid 109 of GPU 0000:cb:00"),
        ("warning", "Xid 94 of GPU 0000:9b:00"),
        ("failed", "Xid 79 of GPU 0000:44:00"),
    ]


def test_others_on_the_gpus_are_named_with_their_container(facts: Facts) -> None:
    (gpu,) = nvidia.gpus(recorded("a5000.xml"))
    found = of_node(list(gpuuse.judge(seen(facts, gpu))))
    assert found[0][0] == "warning"
    assert "llama-server (pid 100477)" in found[0][1] and "21.9 GiB of 24.0 GiB" in found[0][1]
    held = GpuProcess(7, "python", MIB)
    own = Container("dsk-lab-job-1", "master", "", "running", "20261125-1")
    busy = Gpu(0, "", "A100", 80 << 30, 70 << 30, processes=(held,))
    named = with_server(seen(facts, busy), 1, containers=(own,), owners={7: own.name})
    assert "python (pid 7, 20261125-1)" in of_node(list(gpuuse.judge(named)))[0][1]


def test_only_the_gpus_that_are_slots_count(facts: Facts) -> None:
    idle = Gpu(0, "", "A100", 80 << 30, 0)
    busy = Gpu(4, "", "A100", 80 << 30, 70 << 30)
    found = of_node(list(gpuuse.judge(seen(facts, idle, idle, idle, idle, busy))))
    assert [state for state, _ in found] == ["ok"]


@pytest.mark.parametrize(("devices", "state"), [(0, "failed"), (3, "failed"), (4, "ok"), (8, "ok")])
def test_slots(facts: Facts, devices: int, state: str) -> None:
    found = list(gpus.judge(with_server(facts, 1, gpu_devices=devices)))
    assert [each.state for each in found] == ["ok", state, "ok"]


def test_a_container_has_the_gpus_that_it_was_given(facts: Facts) -> None:
    """Whatever the driver of its host has."""
    shown = Gpu(0, "", "H100", 80 << 30, 0)
    given = with_server(facts, 1, gpus=(shown,) * 4, gpu_devices=8)
    assert [each.state for each in gpus.judge(given)][1] == "warning"
    inside = replace(given, cluster=replace(given.cluster, in_place=True))
    assert [each.state for each in gpus.judge(inside)][1] == "ok"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"driver": "", "gpu_devices": 0}, "no NVIDIA driver"),
        ({"driver": "470.82.01"}, "too old for the image's CUDA 12.8, which needs 525.60.13"),
        (
            {"image": Image("", "", 0, labels={"dsk.accelerator": "rocm"})},
            "accelerator: cuda, but the image's stack is for rocm",
        ),
    ],
)
def test_driver(facts: Facts, changed: dict[str, object], says: str) -> None:
    ((state, text),) = of_node(list(driver.judge(with_server(facts, 1, **changed))))
    assert state == "failed" and says in text


@pytest.mark.parametrize("here", ["525.60.13", "525.125.06", "560.35.03", "1000.1"])
def test_a_driver_that_is_new_enough(facts: Facts, here: str) -> None:
    ((state, _),) = of_node(list(driver.judge(with_server(facts, 1, driver=here))))
    assert state == "ok"


@pytest.mark.parametrize("here", ["525.60.11", "470.256.02", "99.1"])
def test_a_driver_that_is_too_old(facts: Facts, here: str) -> None:
    ((state, _),) = of_node(list(driver.judge(with_server(facts, 1, driver=here))))
    assert state == "failed"
    anything = with_server(facts, 1, driver=here, image=Image("", "", 0))
    assert of_node(list(driver.judge(anything)))[0][0] == "ok", "an image that asks for no driver"


def test_a_missing_container_toolkit(facts: Facts) -> None:
    found = of_node(list(toolkit.judge(with_server(facts, 1, runtime=False))))
    assert found == [("failed", "the NVIDIA container toolkit is missing")]


def test_gpus_that_no_tool_names_are_their_makers(facts: Facts, cluster: Cluster) -> None:
    found = of_node(list(gpus.judge(replace(facts, cluster=replace(cluster, accelerator="rocm")))))
    assert found == [("ok", "4 GPU(s) AMD")]
