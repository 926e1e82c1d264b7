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
# Only a process that has initialised CUDA has /dev/nvidia-uvm open. With the command of its parent.
CUDA_PROCESSES = r"""
for process in /proc/[0-9]*; do
    ls -l "$process/fd" 2>/dev/null | grep -F /dev/nvidia-uvm >/dev/null || continue
    parent=$(sed -n 's/^PPid:\t//p' "$process/status")
    echo "$(tr '\0' ' ' <"$process/cmdline" | cut -c1-120) of $(
        tr '\0' ' ' <"/proc/$parent/cmdline" | cut -c1-120)"
done
true
"""


@dataclass(frozen=True)
class Trained:
    """`curve` has each step's loss and gradient norm as they were logged, `on_gpu` the processes
    that used the GPU after the first step, `cold` the notices of a cold start."""

    seconds: float
    curve: list[tuple[float, float]]
    on_gpu: list[str]
    cold: list[str]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    with clusters.running(folder, [[0]], {"DSK_WARM": "true"}) as made:
        set_up(made, [1], RECIPE)
        yield made


@pytest.fixture(scope="module")
def ready(servers: Servers, figures: list[str]) -> Servers:
    """With a warm process that has a job's environment.

    The first job brings it, since there is no bundle; it also warms the disk's cache.
    """
    state = wait_until_ready(servers)
    first = trained(servers, "first")
    figures.append(f"first job: {first.seconds:.1f} s, {first.cold or 'warm'}")
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
    ready: Servers, figures: list[str], kind: str
) -> None:
    before = listed_by_driver()
    cold = trained(ready, f"{kind}-cold", "--cold", f"finetuning_type={kind}")
    wait_until_nothing_is_left(ready, before)
    warm = trained(ready, f"{kind}-warm", f"finetuning_type={kind}")
    wait_until_nothing_is_left(ready, before)
    figures.append(
        f"{kind}: first step after {cold.seconds:.1f} s cold, {warm.seconds:.1f} s warm; "
        f"loss {warm.curve[0][0]} to {warm.curve[-1][0]}"
    )
    figures.append(f"{kind}: on the GPU {cold.on_gpu} cold, {warm.on_gpu} warm")
    assert warm.cold == cold.cold == [], ready.exec(0, "cat", LOG).stdout
    # So the look at what is left would have seen them.
    assert any("dsk.rank" in process for process in cold.on_gpu), cold.on_gpu
    assert any("keeper.py" in process for process in warm.on_gpu), warm.on_gpu
    assert not any("keeper.py" in process for process in cold.on_gpu), cold.on_gpu
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
    seconds = 0.0
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
                on_gpu = cuda_processes(servers)
    assert process.returncode == 0 and seconds, "".join(said)
    state = json.loads(servers.exec(0, "cat", f"/workspace/{output}/trainer_state.json").stdout)
    logged = [entry for entry in state["log_history"] if "loss" in entry]
    assert len(logged) == STEPS, state
    curve = [(entry["loss"], entry["grad_norm"]) for entry in logged]
    return Trained(seconds, curve, on_gpu, cold)


def cuda_processes(servers: Servers) -> list[str]:
    return servers.shell(0, CUDA_PROCESSES).splitlines()


def listed_by_driver() -> set[str]:
    """Processes on a GPU by nvidia-smi, which in a container may know of none."""
    words = ["nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def wait_until_nothing_is_left(servers: Servers, before: set[str]) -> None:
    """Neither the warm process nor anything of a job uses the GPU."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while (left := cuda_processes(servers)) or listed_by_driver() - before:
        assert time.monotonic() < deadline, left or listed_by_driver() - before
        time.sleep(0.2)
