"""Servers with GPUs of one machine as a cluster: NCCL, both launchers, what status and check say.

Two servers with one GPU each (with one GPU here, both have it), and one with two, as rented
containers are (no engine in them).
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gpu import clusters
from tests.image import servers as containers
from tests.image.servers import TRAIN, Servers
from tests.training.places import gpu_count

pytestmark = pytest.mark.timeout(900)

STEPS = 10
RECIPE = {**TRAIN, "per_device_train_batch_size": 4, "max_steps": STEPS, "bf16": True}
UNTIL_IT_TRAINS_S = 240.0
GIB = 1 << 30
LARGE = ("per_device_train_batch_size=64", "cutoff_len=2048")
HOLDER = """
import sys, torch
gpu = torch.cuda.device_count() - 1
torch.cuda.set_device(gpu)
kept = torch.empty(torch.cuda.mem_get_info()[0] - (700 << 20), dtype=torch.uint8, device="cuda")
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module", params=["two", "one"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    if request.param == "one" and gpu_count() < 2:
        pytest.skip("one GPU here; these need two")
    each = clusters.two_servers() if request.param == "two" else [[0, 1]]
    with clusters.running(tmp_path_factory.mktemp("servers"), each) as made:
        containers.set_up(made, [len(own) for own in each], RECIPE)
        yield made


def losses(said: str) -> list[float]:
    found = [float(loss) for loss in re.findall(r"\[node0 rank 0\] .*'loss': '?([0-9.]+)", said)]
    assert len(found) == STEPS, said
    return found


def test_check(servers: Servers) -> None:
    found = json.loads(servers.dsk("check", "train.yaml", "--json"))["findings"]
    bad = [each for each in found if each["state"] == "failed"]
    assert not bad
    states = {(each["check"], each["state"]) for each in found}
    assert {("driver", "ok"), ("gpus", "ok"), ("gpu-use", "ok"), ("gpu-health", "ok")} <= states, (
        found
    )
    assert ("gpu-memory", "ok") in states, found


def test_collectives(servers: Servers, figures: list[str]) -> None:
    said = servers.dsk("check", "--json", "--only", "collectives")
    found = json.loads(said)["findings"]
    assert {each["state"] for each in found} == {"ok"}, said
    figures.extend(f"{len(servers.entering)} servers: {each['text']}" for each in found)


def test_both_launchers_give_the_same_losses(servers: Servers, figures: list[str]) -> None:
    direct = losses(servers.dsk("launch", "train.yaml"))
    assert direct[-1] < direct[0]
    by_deepspeed = losses(servers.dsk("launch", "--launcher", "deepspeed", "train.yaml"))
    assert by_deepspeed == direct
    jobs = json.loads(servers.dsk("status", "--json"))["jobs"]
    told = [(job["step"], job["steps"], round(job["loss"], 3)) for job in jobs]
    assert told == [(STEPS, STEPS, round(direct[-1], 3))] * 2
    figures.append(f"{len(servers.entering)} servers: loss {direct[0]:.3f} to {direct[-1]:.3f}")


def test_status_has_the_gpus_figures(servers: Servers, figures: list[str]) -> None:
    started = servers.dsk("launch", "--detach", "--json", "train.yaml", "max_steps=100000")
    job = json.loads(started)["job"]
    deadline = time.monotonic() + UNTIL_IT_TRAINS_S
    while not (reports := reports_of_training(servers)):
        assert time.monotonic() < deadline, servers.dsk("logs")
        time.sleep(1)
    figures.append(servers.dsk("status"))
    servers.dsk("stop", job)
    seen = [gpu for report in reports for gpu in report["gpus"]]
    assert len(seen) == 2
    for gpu in seen:
        assert gpu["memory_used"] > GIB
        assert gpu["memory_total"] > gpu["memory_used"]


def reports_of_training(servers: Servers) -> list[dict[str, Any]]:
    """Each node's, once all ranks have done a step: before, a GPU is not yet used in full."""
    job = json.loads(servers.dsk("status", "--json"))["jobs"][-1]
    assert job["state"] in ("starting", "running"), servers.dsk("logs")
    reports = [node["report"] for node in job["node_states"] if node["report"]]
    ranks = [rank for report in reports for rank in report["ranks"]]
    steps = [(rank["progress"] and rank["progress"]["step"]) or 0 for rank in ranks]
    return reports if len(steps) == 2 and all(steps) else []


def test_a_rank_out_of_gpu_memory_is_named(servers: Servers, figures: list[str]) -> None:
    """Another program holds the GPU of the last rank."""
    last = len(servers.entering) - 1
    with subprocess.Popen(
        [*servers.entering[last], "/opt/venv/bin/python", "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        # Its end of input ends it.
        assert process.stdout and process.stdout.readline() == "holds\n"
        found = json.loads(servers.dsk("check", "--json", "--only", "gpu-use"))["findings"]
        seeing = len(servers.entering) if gpu_count() == 1 else 1
        assert [each["state"] for each in found].count("warning") == seeing, found
        said = servers.dsk("launch", "train.yaml", *LARGE, code=1)
    cause = said.partition("cause: ")[2]
    assert "memory" in cause, said
    failed = re.search(r"^failed: rank \d on node(\d).*", said, re.MULTILINE)
    assert failed, said
    figures.append(f"{len(servers.entering)} servers, no memory: {failed[0]}; cause: {cause}")
    assert gpu_count() == 1 or int(failed[1]) == last, said
