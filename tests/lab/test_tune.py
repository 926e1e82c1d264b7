"""`dsk tune` on two hosts, on CPU: settings are measured by the real trainer, memory runs out for
real, and nothing is left behind."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(2400)]

INTERRUPTED = 130
SAMPLES = 3000
GIB = 1 << 30


@pytest.fixture(scope="module")
def data(lab: Lab) -> str:
    """Samples of very different lengths, of which a few are far longer than cutoff_len."""
    chance = random.Random(11)
    words = ["alpha", "beta", "gamma", "delta"]
    samples = []
    for _ in range(SAMPLES):
        length = min(400, 2 + int(chance.expovariate(1 / 12)))
        samples.append({"instruction": "say", "input": "", "output": " ".join(words * length)})
    for node in lab.nodes:
        folder = node.workspace / "tune-data"
        folder.mkdir(exist_ok=True)
        (folder / "lengths.json").write_text(json.dumps(samples))
        info = {"lengths": {"file_name": "lengths.json"}}
        (folder / "dataset_info.json").write_text(json.dumps(info))
    return "/workspace/tune-data"


def tuned(cluster: Cluster, data: str, **values: Any) -> str:
    return cluster.train(
        "tuned.yaml",
        **{
            "dataset_dir": data,
            "dataset": "lengths",
            "cutoff_len": 256,
            "output_dir": "outputs/tuned",
            "num_train_epochs": 3.0,
            "max_steps": -1,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 2,
            **values,
        },
    )


def names(node: Node) -> list[str]:
    return node.docker("ps", "--format", "{{.Names}}").split()


def jobs(cluster: Cluster) -> list[str]:
    return [each["job"] for each in json.loads(cluster.dsk("status", "--json").out)["jobs"]]


def search(cluster: Cluster, *words: str, code: int = 0) -> dict[str, Any]:
    done = cluster.dsk("tune", *words, "--json", code=code, timeout=1500)
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_fastest_is_found_and_kept(cluster: Cluster, data: str) -> None:
    train = tuned(cluster, data)
    before = jobs(cluster)
    options = ["--presets", "z2", "--budget", "20m", "--apply"]
    found = search(cluster, train, *options)
    assert found["same_optimisation"] is True
    assert {p["setting"]["micro"] * p["setting"]["accumulation"] for p in found["points"]} == {2}
    assert found["complete"]
    assert found["speed_up"] >= 1.0
    assert found["best"]["samples"] == SAMPLES
    assert found["full_run_s"]["best"] < found["full_run_s"]["own"]
    assert jobs(cluster) == before
    cluster.dsk("exec", "--", "test", "!", "-e", "/workspace/outputs/tuned")
    # A second search knows it all.
    begun = time.monotonic()
    again = search(cluster, train, *options)
    assert again["seconds"] == 0.0
    assert time.monotonic() - begun < 30
    assert again["best"] == found["best"]
    # What was written trains, and as fast as was promised.
    written = cluster.folder / "tuned.tuned.yaml"
    assert found["written"].endswith("tuned.tuned.yaml")
    settings = yaml.safe_load(written.read_text())
    for key, value in found["changes"].items():
        assert settings[key] == value
    cluster.dsk("launch", str(written), "max_steps=6", timeout=300)


def test_what_it_prints(cluster: Cluster, data: str) -> None:
    """What the search before measured is not measured again."""
    done = cluster.dsk("tune", tuned(cluster, data), "--presets", "z2", "--budget", "20m")
    assert "as in the file" in done.out
    assert "the best" in done.out
    assert "samples/s by batch, z2:" in done.out
    assert "the search took 0 s" in done.out


def test_launch_tunes_first(cluster: Cluster, data: str) -> None:
    """With the results of the searches before; the training then has the fastest settings."""
    train = tuned(cluster, data, output_dir="outputs/launched")
    presets = ["z2", "none", "z3"]
    done = cluster.dsk("launch", train, "--tune", "max_steps=4", timeout=900)
    assert "fastest:" in done.err
    assert any(f", {preset}" in done.err for preset in presets)
    assert len(cluster.losses("outputs/launched")) == 4


@pytest.fixture
def little_memory(lab: Lab, cluster: Cluster) -> Iterator[int]:
    """The workers may use 1.3 GiB, half of which their warm processes have."""
    limit = round(1.3 * GIB)
    for node in lab.nodes:
        (worker,) = names(node)
        node.docker("update", "--memory", str(limit), "--memory-swap", str(limit), worker)
    yield limit
    for node in lab.nodes:
        (worker,) = names(node)
        node.docker("update", "--memory", "1000g", "--memory-swap", "1000g", worker)


def test_memory_that_runs_out_is_a_result(cluster: Cluster, data: str, little_memory: int) -> None:
    train = tuned(cluster, data, per_device_train_batch_size=64, cutoff_len=1024)
    options = ["--any-global-batch", "--presets", "z2", "--budget", "6m"]
    found = search(cluster, train, *options, "gradient_accumulation_steps=1")
    own = found["points"][0]
    assert own["outcome"] == "memory"
    assert own["memory"] in ("kernel", "cgroup", "host")
    best = found["best"]
    assert best["setting"]["micro"] < 64
    assert best["memory"] == "cgroup"
    assert best["limit"] == pytest.approx(little_memory, abs=1 << 16)  # whole pages
    assert best["peak"] <= 0.92 * little_memory


def test_ctrl_c_gives_the_best_so_far(lab: Lab, cluster: Cluster, data: str) -> None:
    train = tuned(cluster, data, cutoff_len=200)
    running = cluster.start("tune", train, "--presets", "z2,none", "--again", "--budget", "20m")
    deadline = time.monotonic() + 600
    while running.text.count(" samples/s") < 2:
        assert time.monotonic() < deadline, running.text
        time.sleep(0.3)
    running.interrupt()
    assert running.wait(60) == INTERRUPTED
    assert "interrupted: this is the best so far" in running.text
    assert "as in the file" in running.text
    for node in lab.nodes:
        assert len(names(node)) == 1
    script = "grep -lz '^RANK=' /proc/[0-9]*/environ 2>/dev/null || true"
    assert cluster.dsk("exec", "--", "bash", "-c", script).out.split() == []


def test_another_job_has_the_nodes(cluster: Cluster, data: str) -> None:
    job = json.loads(
        cluster.dsk(
            "launch", cluster.train(max_steps=5000, output_dir="outputs/long"), "--detach", "--json"
        ).out
    )["job"]
    try:
        done = cluster.dsk("tune", tuned(cluster, data), "cutoff_len=100", code=2)
        assert f"job {job} is running" in done.err
    finally:
        cluster.dsk("stop", job)


def test_a_worker_that_dies_ends_the_search(lab: Lab, cluster: Cluster, data: str) -> None:
    train = tuned(cluster, data, cutoff_len=180)
    running = cluster.start("tune", train, "--presets", "z2,none", "--again", "--budget", "20m")
    running.wait_for(" samples/s", 600)
    second = lab.nodes[1]
    worker = next(each for each in names(second) if "master" not in each and "probe" not in each)
    second.docker("kill", worker)
    assert running.wait(120) in (1, 3)
    assert "node1" in running.text
    assert running.text.count("error:") == 1
    cluster.dsk("up")


def test_what_cannot_be_tuned(cluster: Cluster, data: str) -> None:
    train = tuned(cluster, data)
    assert (
        "evaluates or predicts"
        in cluster.dsk(
            "tune", train, "do_train=false", "do_eval=true", "eval_dataset=lengths", code=2
        ).err
    )
    assert (
        "too few to tune"
        in cluster.dsk("tune", train, "max_samples=6", "num_train_epochs=1", code=2).err
    )
    assert (
        "ended before one setting"
        in cluster.dsk("tune", train, "cutoff_len=90", "--budget", "2s", code=2).err
    )
    assert "no preset 'z9'" in cluster.dsk("tune", train, "--presets", "z9", code=2).err
