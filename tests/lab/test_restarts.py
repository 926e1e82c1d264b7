"""Jobs that go on after a failure: started again from their newest complete checkpoint, with the
losses of an uninterrupted job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import Lab
from tests.lab.cluster import Cluster
from tests.lab.conftest import ready
from tests.lab.faults import leftovers
from tests.lab.faults.trial import Trial
from tests.lab.test_fault_table import hooking, place_hook, starter

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

full = pytest.mark.full
Start = Callable[..., Trial]
Steps = dict[int, tuple[float, float]]

ONE_DISK = Path("/dev/dsk-lab-one-disk")
TOLERANCE = 1e-3
AGAIN_S = 120
"""From a fault of a rank until the training goes on, with other work on the machine."""
STEPS, SAVED = 30, 5
TRAIN: dict[str, Any] = {
    "max_steps": STEPS,
    "save_strategy": "steps",
    "save_steps": SAVED,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 5,
    "learning_rate": 0.001,
}
LORA = {"finetuning_type": "lora", "lora_dropout": 0.2}
"""With dropout, losses are the same only where the random states are."""
FULL = {"finetuning_type": "full"}
CASES = [
    pytest.param("z2", LORA, id="z2-lora"),
    pytest.param("z3", FULL, id="z3-full", marks=full),
    pytest.param("z0", LORA, id="z0-lora", marks=full),
    pytest.param("z0", FULL, id="z0-full", marks=full),
    pytest.param("z2", FULL, id="z2-full", marks=full),
    pytest.param("z3", LORA, id="z3-lora", marks=full),
    pytest.param("z2_offload", FULL, id="z2_offload-full", marks=full),
]
"""None is without DeepSpeed: on CPU, torch cannot load what several ranks saved then, with or
without dsk ("tagged with cpu:0")."""


@pytest.fixture(scope="module")
def hooked(lab: Lab, cluster: Cluster) -> Iterator[Cluster]:
    yield from hooking(lab, cluster)


@pytest.fixture
def start(lab: Lab, hooked: Cluster) -> Iterator[Start]:
    yield from starter(lab, hooked)


@pytest.fixture(scope="session")
def on_one_disk(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose workspace is one disk for both hosts."""
    place = "/workspace/one-disk"
    ONE_DISK.mkdir(exist_ok=True)
    for node in lab.nodes:
        node.run(["mkdir", "-p", place])
        node.run(["mount", "--bind", str(ONE_DISK), place])
    made = Cluster.init(
        lab,
        tmp_path_factory.mktemp("one-disk"),
        [f"{node.host}:1" for node in lab.nodes],
        name="one-disk",
        workspace=place,
        worker_port=2228,
    )
    try:
        place_hook(lab, made)
        ready(made)
        yield made
    finally:
        made.dsk("down", "--force", code=None)
        for node in lab.nodes:
            node.run(["umount", place], check=False)
        shutil.rmtree(ONE_DISK)


def steps(cluster: Cluster, output: str) -> Steps:
    """Loss and learning rate of each step, as they were last logged."""
    log = cluster.in_worker(0, "cat", f"{cluster.workspace}/{output}/trainer_log.jsonl")
    entries = [json.loads(line) for line in log.splitlines()]
    return {each["current_steps"]: (each["loss"], each["lr"]) for each in entries if "loss" in each}


def uninterrupted(cluster: Cluster, name: str, **values: Any) -> Steps:
    """The same training without a fault, once for each name."""
    output = f"outputs/uninterrupted-{name}"
    cluster.dsk("launch", cluster.train("uninterrupted.yaml", **{**values, "output_dir": output}))
    return steps(cluster, output)


def assert_same(found: Steps, expected: Steps) -> None:
    assert sorted(found) == sorted(expected) == list(range(1, STEPS + 1))
    for step, values in expected.items():
        assert found[step] == pytest.approx(values, abs=TOLERANCE), step


def kill(trial: Trial) -> None:
    trial.processes.rank(1).signal(signal.SIGKILL)


def resumed(begun: list[str | None], output: str) -> int:
    """The step that the second attempt began with: one that was saved before the fault."""
    first, second = begun
    assert first is None and second is not None
    folder, _, step = second.rpartition("/checkpoint-")
    assert folder.endswith(output)
    return int(step)


@pytest.mark.parametrize(("preset", "kind"), CASES)
def test_losses_and_learning_rates_are_those_of_an_uninterrupted_job(
    cluster: Cluster, start: Start, preset: str, kind: dict[str, Any]
) -> None:
    name = f"{preset}-{kind['finetuning_type']}"
    output = f"outputs/restarted-{name}"
    values = {**TRAIN, **kind, "deepspeed": preset, "output_dir": output}
    trial = start(restarts="auto", **values)
    trial.reach(step=2 * SAVED + 2)
    trial.strike(lambda: kill(trial))
    begun = trial.restarts(f"rank 1 killed by SIGKILL ({name})", AGAIN_S)
    assert resumed(begun, output) >= 2 * SAVED
    assert_same(steps(cluster, output), uninterrupted(cluster, name, **values))
    assert "attempt 2 resumes from" in trial.launch.text
    # Nothing of the first attempt is lost.
    assert (trial.folder / "logs/0").is_dir() and (trial.folder / "logs/1").is_dir()
    assert [each["rank"] for each in trial.events("failure")] == [1]
    jobs = json.loads(cluster.dsk("status", "--json").out)["jobs"]
    (job,) = (each for each in jobs if each["job"] == trial.job)
    assert (job["attempt"], job["state"], job["cause"]) == (1, "succeeded", None)
    assert "SIGKILL" in job["restarted"]
    shown = cluster.dsk("status").out
    assert "attempt 2" in shown and "the attempt before failed" in shown


@full
@pytest.mark.parametrize(("preset", "kind"), [("z2", LORA), ("z3", FULL)])
def test_losses_on_one_shared_disk(
    lab: Lab, on_one_disk: Cluster, preset: str, kind: dict[str, Any]
) -> None:
    name = f"{preset}-{kind['finetuning_type']}"
    output = f"outputs/restarted-{name}"
    values = {**TRAIN, **kind, "deepspeed": preset, "output_dir": output}
    for start in starter(lab, on_one_disk):
        trial = start(restarts="1", **values)
        trial.disk = ONE_DISK
        trial.reach(step=2 * SAVED + 2)
        trial.strike(lambda: kill(trial))  # noqa: B023 - called at once
        begun = trial.restarts(f"rank 1 killed by SIGKILL ({name}, shared disk)", AGAIN_S)
        assert resumed(begun, output) >= 2 * SAVED
        found = steps(on_one_disk, output)
    assert_same(found, uninterrupted(on_one_disk, name, **values))


@full
def test_a_restart_with_deepspeeds_own_runner(cluster: Cluster, start: Start) -> None:
    output = "outputs/restarted-runner"
    values = {**TRAIN, **LORA, "output_dir": output}
    trial = start(launcher="deepspeed", restarts="auto", **values)
    trial.reach(step=2 * SAVED + 2)
    trial.strike(lambda: kill(trial))
    begun = trial.restarts("rank 1 killed by SIGKILL", 3 * AGAIN_S)
    assert resumed(begun, output) >= 2 * SAVED


@full
def test_the_step_before_a_truncated_shard(cluster: Cluster, start: Start) -> None:
    output = "outputs/truncated"
    trial = start(restarts="auto", **{**TRAIN, **LORA, "save_steps": 10, "output_dir": output})
    trial.reach(step=21)
    (shard,) = trial.path(1, output).glob("checkpoint-20/global_step*/*_rank_1_*optim_states.pt")
    os.truncate(shard, shard.stat().st_size // 2)
    trial.strike(lambda: kill(trial))
    begun = trial.restarts("rank 1 killed, and its newest shard truncated", AGAIN_S)
    assert resumed(begun, output) == 10
    (said,) = (each["text"] for each in trial.events("notice") if "not complete" in each["text"])
    assert "checkpoint-20" in said and "node1" in said and "optim_states.pt is truncated" in said
    assert said.endswith("the job resumes from checkpoint-10")


@full
def test_a_worker_that_is_killed_and_started_again(
    lab: Lab, cluster: Cluster, start: Start
) -> None:
    output = "outputs/worker-killed"
    values = {**TRAIN, **LORA, "max_steps": 80, "output_dir": output}
    trial = start(restarts="auto", **values)
    trial.reach(step=SAVED + 2)
    container = leftovers.worker_of(lab.nodes[1], "lab")
    try:
        trial.strike(lambda: lab.nodes[1].docker("kill", container))
        trial.launch.wait_for("waiting for node1", 60)
        lab.nodes[1].docker("start", container)
        begun = trial.restarts("worker container of node1 killed, and started again", 120)
    finally:
        cluster.dsk("up")
    assert begun[0] is None and begun[1] is not None
    assert "is back" in trial.launch.text


@full
def test_a_sample_that_fails_each_time(start: Start) -> None:
    trial = start(hook=f"raise 1 {SAVED + 2}", restarts="auto", **TRAIN, **LORA)
    trial.launch.wait(800)
    assert trial.launch.process.returncode == 1
    assert len(trial.events("attempt")) == 3, "the first, one after it, and one exact repeat"
    assert "no restart: the same failure came 3 times without progress" in trial.launch.text
    assert trial.events("finished")[-1]["state"] == "failed"


@full
def test_a_configuration_error_is_not_tried_again(start: Start) -> None:
    trial = start(hook="raise 1 0", restarts="auto", **TRAIN, **LORA)
    trial.launch.wait(800)
    assert trial.launch.process.returncode == 1
    assert len(trial.events("attempt")) == 1
    assert "no restart: it failed before its first step was done" in trial.launch.text


@full
def test_a_stop_while_a_node_is_waited_for(lab: Lab, cluster: Cluster, start: Start) -> None:
    trial = start(restarts="auto", **{**TRAIN, **LORA, "max_steps": 100_000, "save_steps": 50})
    trial.reach()
    container = leftovers.worker_of(lab.nodes[1], "lab")
    try:
        lab.nodes[1].docker("kill", container)
        trial.launch.wait_for("waiting for node1", 60)
        time.sleep(3)
        trial.strike()
        cluster.dsk("stop", trial.job, code=None)
        trial.stops("`dsk stop` while a node is waited for", 20)
    finally:
        cluster.dsk("up")


@full
def test_a_stop_while_the_ranks_start_again(cluster: Cluster, start: Start) -> None:
    trial = start(restarts="auto", **TRAIN, **LORA)
    trial.reach(step=SAVED + 2)
    kill(trial)
    trial.launch.wait_for("attempt 2 resumes from", 60)
    trial.strike()
    cluster.dsk("stop", trial.job)
    trial.stops("`dsk stop` during a restart", 20)


def test_a_job_that_was_stopped_is_continued(cluster: Cluster, start: Start) -> None:
    output = "outputs/continued"
    values = {**TRAIN, **LORA, "deepspeed": "z2", "output_dir": output}
    trial = start(**values)
    trial.reach(step=SAVED + 2)
    trial.strike(lambda: cluster.dsk("stop", trial.job))
    trial.stops("`dsk stop`, before the job is continued", 60)
    done = cluster.dsk("launch", "--resume", trial.job)
    assert f"attempt 1 resumes from {cluster.workspace}/{output}/checkpoint-" in done.text
    assert f"continues job {trial.job}; output in" in done.text
    assert_same(steps(cluster, output), uninterrupted(cluster, "continued", **values))

    unknown = cluster.dsk("launch", "--resume", "20200101-000000-abcd", code=2)
    assert "there is no job 20200101-000000-abcd" in unknown.text
    cluster.dsk("exec", "--", "rm", "-rf", f"{cluster.workspace}/{output}")
    gone = cluster.dsk("launch", "--resume", trial.job, code=2)
    assert f"job {trial.job} has saved no checkpoint in" in gone.text
    (trial.folder / "resumption.json").unlink()
    missing = cluster.dsk("launch", "--resume", trial.job, code=2)
    assert "cannot be continued" in missing.text and "resumption.json is missing" in missing.text


def test_what_cannot_be_resumed_is_refused_before(cluster: Cluster) -> None:
    train = cluster.train(**{**TRAIN, **LORA, "save_only_model": True})
    refused = cluster.dsk("launch", "--max-restarts", "auto", train, code=2)
    assert "save_only_model" in refused.text and "optimizer" in refused.text
