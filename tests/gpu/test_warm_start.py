"""Ranks on a GPU, forked from the warm process and started cold (docs/warm-starts.md)."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gpu import clusters
from tests.image.servers import TRAIN, Servers, set_up

pytestmark = pytest.mark.timeout(900)

STEPS = 30
RECIPE = {
    **TRAIN,
    "per_device_train_batch_size": 4,
    "max_steps": STEPS,
    "learning_rate": 1.0e-3,
    "bf16": True,
}
WARM_LIMIT_S = 120.0
GONE_WITHIN_S = 5.0
"""The driver may need a moment after the end of the process."""
LOG = "/run/dsk/warm/log"
REPLACED = "started again: "
SPARE_MIB = 16
"""A process that uses CUDA takes some hundred for itself."""
# Each with the command of its parent. Without the warm process: there NVML, by which imports ask
# for GPUs, keeps the device open and uses none of its memory.
PROCESSES_ON_GPU = r"""
for process in /proc/[0-9]*; do
    ls -l "$process/fd" 2>/dev/null | grep -F /dev/nvidia-uvm >/dev/null || continue
    ! tr '\0' ' ' <"$process/cmdline" | grep -F -- '-m dsk.warm ' >/dev/null || continue
    parent=$(sed -n 's/^PPid:\t//p' "$process/status")
    echo "$(tr '\0' ' ' <"$process/cmdline" | cut -c1-120) of $(
        tr '\0' ' ' <"/proc/$parent/cmdline" | cut -c1-120)"
done
true
"""


@dataclass(frozen=True)
class Trained:
    """`curve` has each step's loss and gradient norm as they were logged; `on_gpu` the processes
    that used the GPU after the first step, `memory` what was in use of it, in MiB; `cold` the
    notices of a cold start."""

    seconds: float
    curve: list[tuple[float, float]]
    on_gpu: list[str]
    memory: int
    cold: list[str]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    with clusters.running(folder, [[0]], {"DSK_WARM": "true"}) as made:
        set_up(made, [1], RECIPE)
        yield made


@pytest.fixture(scope="module")
def unused(servers: Servers) -> int:
    """The GPU's memory in use, in MiB, with a warm process and before the first job."""
    wait_until_ready(servers)
    return memory_used()


@pytest.fixture(scope="module")
def ready(servers: Servers, unused: int, figures: list[str]) -> Servers:
    """With a warm process that has a job's environment.

    The first job brings it, since there is no bundle; it also warms the disk's cache.
    """
    first = trained(servers, "first")
    figures.append(f"{unused} MiB in use; first job: {first.seconds:.1f} s, {first.cold or 'warm'}")
    if first.cold:
        deadline = time.monotonic() + WARM_LIMIT_S
        while REPLACED not in servers.exec(0, "cat", LOG).stdout:
            assert time.monotonic() < deadline, first.cold
            time.sleep(0.5)
    state = wait_until_ready(servers)
    threads = servers.shell(0, f"cat /proc/{state['pid']}/task/*/comm").split()
    figures.append(f"warm process: {state}, threads {Counter(threads)}")
    return servers


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_fork_trains_on_the_gpu_as_a_cold_rank(
    ready: Servers, unused: int, figures: list[str], kind: str
) -> None:
    cold = trained(ready, f"{kind}-cold", "--cold", f"finetuning_type={kind}")
    left = [left_on_gpu(ready, unused)]
    warm = trained(ready, f"{kind}-warm", f"finetuning_type={kind}")
    left.append(left_on_gpu(ready, unused))
    # First, so that they are seen whatever fails below.
    figures.append(
        f"{kind}: first step after {cold.seconds:.1f} s cold, {warm.seconds:.1f} s warm; "
        f"loss {warm.curve[0][0]} to {warm.curve[-1][0]}"
    )
    figures.append(f"{kind}: on the GPU {cold.on_gpu} cold, {warm.on_gpu} warm; left {left}")
    assert warm.cold == cold.cold == [], ready.exec(0, "cat", LOG).stdout
    # So the look at what is left would have seen them.
    assert any("dsk.rank" in process for process in cold.on_gpu), cold.on_gpu
    assert min(cold.memory, warm.memory) > unused + SPARE_MIB
    assert any("keeper.py" in process for process in warm.on_gpu), warm.on_gpu
    assert not any("keeper.py" in process for process in cold.on_gpu), cold.on_gpu
    assert left == [[], []]
    assert warm.curve[-1][0] < warm.curve[0][0]
    if warm.curve != cold.curve:
        again = trained(ready, f"{kind}-again", "--cold", f"finetuning_type={kind}")
        same = "the same as" if again.curve == cold.curve else f"not {again.curve}, as"
        pytest.fail(f"cold {cold.curve}, {same} a second time; warm {warm.curve}")


def wait_until_ready(servers: Servers) -> dict[str, Any]:
    """What `dsk status` says of the warm process."""
    deadline = time.monotonic() + WARM_LIMIT_S
    while True:
        (node,) = json.loads(servers.dsk("status", "--json"))["nodes"]
        state: dict[str, Any] = node["warm"] or {}
        if state.get("state") == "ready":
            assert "warm process: ready" in servers.dsk("status")
            return state
        log = servers.exec(0, "cat", LOG, check=False).stdout
        assert state.get("state") != "off", f"{state}\n{log}"
        assert time.monotonic() < deadline, f"{state}\n{log}"
        time.sleep(0.5)


def trained(servers: Servers, name: str, *words: str) -> Trained:
    """A job from `dsk launch` to its end."""
    output = f"outputs/{name}"
    said: list[str] = []
    cold: list[str] = []
    on_gpu: list[str] = []
    seconds, memory = 0.0, 0
    begin = time.monotonic()
    with subprocess.Popen(
        servers.argv("launch", "--json", "train.yaml", f"output_dir={output}", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("kind") == "cold_start":
                cold.append(event["text"])
            if not seconds and event.get("event") == "output" and "'loss'" in event["line"]:
                seconds = time.monotonic() - begin
                on_gpu, memory = processes_on_gpu(servers), memory_used()
    assert process.returncode == 0 and seconds, "".join(said)
    state = json.loads(servers.exec(0, "cat", f"/workspace/{output}/trainer_state.json").stdout)
    logged = [entry for entry in state["log_history"] if "loss" in entry]
    assert len(logged) == STEPS, state
    curve = [(entry["loss"], entry["grad_norm"]) for entry in logged]
    return Trained(seconds, curve, on_gpu, memory, cold)


def processes_on_gpu(servers: Servers) -> list[str]:
    return servers.shell(0, PROCESSES_ON_GPU).splitlines()


def memory_used() -> int:
    words = ["nvidia-smi", "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def left_on_gpu(servers: Servers, unused: int) -> list[str]:
    """What a job, or the warm process, still has on the GPU."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while True:
        left = processes_on_gpu(servers)
        if (used := memory_used()) > unused + SPARE_MIB:
            left.append(f"{used} MiB")
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)
